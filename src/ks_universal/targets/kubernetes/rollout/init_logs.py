"""The log of the init container that a rollout waits for: of one new pod, for the others do the same."""

from collections.abc import Callable, Sequence

from ks_universal.json_types import Json
from ks_universal.targets.kubernetes.api.client import Client
from ks_universal.targets.kubernetes.api.logs import LogTail
from ks_universal.targets.kubernetes.observed.pods import is_ready, read_containers
from ks_universal.targets.kubernetes.observed.stuck_init import find_repetition


class InitLog:
    """Follows the init container that runs; `take` gets its name and each of its lines."""

    def __init__(self, client: Client, take: Callable[[str, str], None]) -> None:
        self._client = client
        self._take = take
        self._current: tuple[str, str] | None = None
        self._tail: LogTail | None = None

    @property
    def container(self) -> str | None:
        """The init container that runs; None where none does."""
        return None if self._current is None else self._current[1]

    @property
    def repetition(self) -> str | None:
        """What it says again and again; None where it does not."""
        return None if self._tail is None else find_repetition(self._tail.lines)

    @property
    def lines(self) -> Sequence[str]:
        """What it said last."""
        return () if self._tail is None else tuple(self._tail.lines)

    async def look(self, pods: Sequence[Json]) -> None:
        """Take in what the new pods have become; what an init container said before its end is not lost."""
        running = next((found for pod in pods if (found := _find_current(pod)) is not None), None)
        if running == self._current:
            return
        if self._tail is not None:
            await self._tail.finish()
        self._current, self._tail = running, None
        if running is not None:
            pod, container = running
            self._tail = LogTail(self._client, pod, container, lambda line: self._take(container, line))

    async def stop(self) -> None:
        """Stop following."""
        if self._tail is not None:
            await self._tail.stop()


def _find_current(pod: Json) -> tuple[str, str] | None:
    if is_ready(pod):
        return None
    states = (state for state in read_containers(pod) if state.kind == "init" and state.state == "running")
    return next(((pod["metadata"]["name"], state.name) for state in states), None)
