"""What runs here of a release: its applications, the Jobs of its values, and its PostgreSQL."""

import asyncio
from collections.abc import Container
from pathlib import Path

from ks_universal.json_types import Json
from ks_universal.model.format.local import Local, LocalPostgres
from ks_universal.resources.objects import ObjectRef
from ks_universal.targets.local.attempts import job_folders, stop_attempts
from ks_universal.targets.local.containers import Machine
from ks_universal.targets.local.one_off_jobs import OneOffJobs
from ks_universal.targets.local.postgres.server import PostgresServer
from ks_universal.targets.local.rollout import Applications
from ks_universal.targets.local.state import StateFolder


class Runtime:
    """Shared by a target and its sessions. Begins with the first change, and ends with `stop`."""

    def __init__(
        self, state: StateFolder, postgres: LocalPostgres | None, directory: Path, *, retry_delay_s: float, fresh: bool
    ) -> None:
        """See LocalTarget. With `fresh` record and data are forgotten when it begins."""
        self.state = state
        self.applications = Applications(state.path / "processes")
        self.jobs = OneOffJobs(state, retry_delay_s=retry_delay_s)
        self.postgres = PostgresServer(postgres, state.path / "postgres") if postgres else None
        self.retry_delay_s = retry_delay_s
        self._directory = directory
        self._fresh = fresh
        self._beginning = asyncio.Lock()
        self._begun = False

    @property
    def is_to_forget(self) -> bool:
        """Tell whether what the folder holds is going to be forgotten, and counts no more."""
        return self._fresh and not self._begun

    async def begin(self, planned: Container[str]) -> None:
        """Before the first change: stop what a killed run left of other values, start PostgreSQL. Once.

        `planned` are the digests of what is to run.
        """
        async with self._beginning:
            if self._begun:
                return
            await self._stop_outdated(planned)
            if self._fresh:
                self._forget()
            self._begun = True
            if self.postgres:
                await self.postgres.start(fresh=self._fresh)

    async def stop(self) -> None:
        """Stop Jobs and applications, the last one first, then PostgreSQL. Fine to repeat."""
        await self.jobs.stop_all()
        await self.applications.stop()
        if self.postgres and self._begun:
            await self.postgres.stop()
        self._begun = False

    def describe_machine(self, local: Local) -> Machine:
        """Give what this machine adds to a version with this `local` section."""
        facts = self.postgres.facts() if self.postgres else {}
        return Machine(local, self._directory.absolute(), facts)

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
                await stop_attempts(folder)
