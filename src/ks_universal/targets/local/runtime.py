"""What runs here of a release: its applications, and the Jobs of its values, on a host."""

import asyncio
from collections.abc import Container

from ks_universal.json_types import Json
from ks_universal.resources.objects import ObjectRef
from ks_universal.targets.local.attempts import job_folders
from ks_universal.targets.local.hosting import Host
from ks_universal.targets.local.live import Live, write_live
from ks_universal.targets.local.one_off_jobs import OneOffJobs
from ks_universal.targets.local.rollout import Applications
from ks_universal.targets.local.state import StateFolder


class Runtime:
    """Shared by a target and its sessions. Begins with the first change, and ends with `stop`."""

    def __init__(self, state: StateFolder, host: Host, *, retry_delay_s: float, fresh: bool) -> None:
        """See LocalTarget. With `fresh` record and data are forgotten when it begins."""
        self.state = state
        self.host = host
        self.applications = Applications(lambda running: write_live(state, Live(host.engine, running)))
        self.jobs = OneOffJobs(state, host, retry_delay_s=retry_delay_s)
        self.retry_delay_s = retry_delay_s
        self._fresh = fresh
        self._beginning = asyncio.Lock()
        self._begun = False

    @property
    def is_to_forget(self) -> bool:
        """Tell whether what the folder holds is going to be forgotten, and counts no more."""
        return self._fresh and not self._begun

    async def begin(self, planned: Container[str]) -> None:
        """Before the first change: stop what a killed run left of other values, and get the host ready. Once.

        `planned` are the digests of what is to run.
        """
        async with self._beginning:
            if self._begun:
                return
            await self._stop_outdated(planned)
            if self._fresh:
                self._forget()
            self._begun = True
            await self.host.begin(fresh=self._fresh)

    async def stop(self) -> None:
        """Stop Jobs and applications, the last one first, then what the host has beside them. Fine to repeat."""
        await self.jobs.stop_all()
        await self.applications.stop()
        if self._begun:
            await self.host.end()
        self._begun = False

    def read_objects(self) -> dict[ObjectRef, Json]:
        """Read the live objects. A workload is live while this program runs it."""
        return self.state.read_objects() | self.applications.bodies()

    def _forget(self) -> None:
        """Forget the record: before the data, so that a kill in between leaves no record of what is gone."""
        for name in ("revisions", "attempts", "objects"):
            self.state.remove(name)

    async def _stop_outdated(self, planned: Container[str]) -> None:
        """Stop running migrations that are not planned."""
        for folder in job_folders(self.state):
            run = folder.read()
            if run is None or self._fresh or run.digest not in planned:
                await self.host.stop_attempts(folder)
