"""The log of a migration or Job that runs now, for whoever looks on; the values of the release's Secrets are masked."""

import asyncio
from collections.abc import Callable, Iterable

import httpx2

from ks_universal.engine.masking import Mask
from ks_universal.json_types import Json
from ks_universal.metadata_keys import INSTANCE
from ks_universal.targets.kubernetes.api.client import Client
from ks_universal.targets.kubernetes.api.errors import ApiError
from ks_universal.targets.kubernetes.api.kinds import POD, SECRET
from ks_universal.targets.kubernetes.api.logs import LogReader
from ks_universal.targets.kubernetes.migration.injected import has_been_ended
from ks_universal.targets.kubernetes.migration.jobs import may_run
from ks_universal.targets.kubernetes.objects.live import read_secrets
from ks_universal.targets.kubernetes.observed.observer import Observer, WorkloadKey
from ks_universal.targets.kubernetes.observed.pods import created, is_finished

_PAUSE_S = 0.5


class LiveLog:
    """The lines of a Job's pods as they come. Needs the right to read Secrets: what cannot be masked is not shown."""

    def __init__(self, client: Client, observer: Observer, job: str, take: Callable[[str], None]) -> None:
        self._client = client
        self._observer = observer
        self._job = job
        self._take = take
        self._mask = Mask(())
        self._known: tuple[Json, ...] = ()
        self._logs: dict[tuple[str, str], LogReader] = {}
        self._done: set[tuple[str, str]] = set()

    async def follow(self, release: str) -> bool:
        """Give the lines until the Job has ended; False where there is no such Job. Raises ApiError."""
        secrets = await _list_secrets(self._client, release)
        await self._observer.start()
        topic: WorkloadKey = ("Job", self._job)
        with self._observer.follow(topic) as changed:
            while (job := self._observer.job(self._job)) is not None:
                changed.clear()
                await self._learn((*secrets, *await read_secrets(self._client, [job])), job)
                await self._follow_pods(self._observer.pods(topic), job)
                if has_been_ended(job) or not may_run(job):  # its end may be observed before that of its last pod
                    listing = await self._client.list(POD, labels=f"batch.kubernetes.io/job-name={self._job}")
                    await self._follow_pods(sorted(listing.items, key=created), job)
                    return True
                await changed.wait()
                self._observer.check()
        return bool(self._logs)

    async def _learn(self, secrets: tuple[Json, ...], job: Json) -> None:
        """Take Secrets in, where they are others than before."""
        if secrets != self._known:
            self._mask = await asyncio.to_thread(Mask, (*secrets, job))
            self._known = secrets

    async def _follow_pods(self, pods: Iterable[Json], job: Json) -> None:
        """Follow the containers that the Job has: what the cluster has put into a pod may say much, and never end."""
        containers = [container["name"] for container in job["spec"]["template"]["spec"]["containers"]]
        for pod in pods:
            await asyncio.gather(*(self._follow_container(pod, container) for container in containers))

    async def _follow_container(self, pod: Json, container: str) -> None:
        key = pod["metadata"]["name"], container
        if key not in self._done and await self._read(pod, container) and is_finished(pod):
            self._done.add(key)

    async def _read(self, pod: Json, container: str) -> bool:
        """Give the lines of a container; False where it has not begun, and may.

        It goes on where it was: a stream also ends with the kubelet's or the API server's restart.
        """
        key = name, _ = pod["metadata"]["name"], container
        log = self._logs.get(key) or LogReader(self._client, name, container, self._show)
        while True:
            try:
                await log.follow()
                if is_finished(pod):
                    await log.read()  # also a last line without its newline
            except ApiError as error:
                if error.code in {401, 403}:
                    raise
                return is_finished(pod)
            except httpx2.TransportError:
                self._logs[key] = log
                self._observer.check()
                await asyncio.sleep(_PAUSE_S)
            else:
                self._logs[key] = log
                return True

    def _show(self, line: str) -> None:
        self._take(self._mask.text(line))


async def build_live_mask(client: Client, release: str, job: Json | None) -> Mask:
    """Take in the Secrets of the release, and those that a Job reads. Raises ApiError where the role may not."""
    jobs = [] if job is None else [job]
    secrets = (*await _list_secrets(client, release), *await read_secrets(client, jobs))
    return await asyncio.to_thread(Mask, (*secrets, *jobs))


async def _list_secrets(client: Client, release: str) -> list[Json]:
    return (await client.list(SECRET, labels=f"{INSTANCE}={release}")).items
