"""The controller as a whole: it waits until it leads, then carries out what Releases say until it ends."""

import asyncio
from collections.abc import Callable, Sequence

import msgspec

from ks_universal.api.values import check_namespace
from ks_universal.controller.access import Access
from ks_universal.controller.health import answering
from ks_universal.controller.leadership import Identity, Leadership
from ks_universal.controller.queue import ReleaseQueue
from ks_universal.controller.releases import RELEASE, Key
from ks_universal.controller.runner import ReleaseRunner
from ks_universal.diagnostics import Problem
from ks_universal.engine.events import Event, LockAwaited
from ks_universal.errors import LockedError, TargetError
from ks_universal.json_types import Json
from ks_universal.targets.kubernetes.api.client import Client
from ks_universal.targets.kubernetes.api.connection import connect
from ks_universal.targets.kubernetes.api.errors import ApiError
from ks_universal.targets.kubernetes.api.watch import Reflector

_REFUSED_PAUSE_S = 30.0
"""How long after the Releases of a namespace could not be read they are tried again."""


class ControllerOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How the controller works.

    `namespaces` are those whose Releases it carries out (empty: all), `own_namespace` is where its Lease is (empty: the
    context's), `pod` the name of its pod, where it runs in one. `concurrency`: how many releases it works on side by
    side. `default_account` is the ServiceAccount of those that name none. `health_port`: where it answers probes.
    """

    namespaces: tuple[str, ...] = ()
    own_namespace: str = ""
    pod: str = ""
    concurrency: int = 4
    default_account: str = "default"
    health_port: int | None = None
    lease_s: int = 15


async def run_controller(
    options: ControllerOptions,
    tell: Callable[[str], None],
    *,
    kubeconfig: str | None = None,
    context: str | None = None,
) -> None:
    """Carry out the Releases of a cluster, when and as long as no other controller does; to be cancelled.

    `tell` takes lines for whoever operates it; there is no Secret's value in them.
    Cancelled it stops at once and gives its Lease back; what runs in the cluster runs on, and the next controller takes
    it up. Raises TargetError where the cluster cannot be reached or has no Releases, and when another controller has
    taken over: this one writes nothing more then.
    """
    for namespace in options.namespaces:
        check_namespace(namespace)
    connection = connect(kubeconfig, context)
    own = options.own_namespace or connection.namespace
    client = Client(connection, own)
    controller = _Controller(client, options, Identity(own, options.pod), tell)
    try:
        async with answering(options.health_port, lambda: controller.has_answer):
            await controller.run()
    finally:
        await client.close()


class _Controller:
    """One process of the controller."""

    def __init__(
        self, client: Client, options: ControllerOptions, identity: Identity, tell: Callable[[str], None]
    ) -> None:
        self.has_answer = False
        self._options = options
        self._tell = tell
        self._client = client
        self._leadership = Leadership(client, identity, lease_s=options.lease_s)
        client.guard(self._leadership)
        account, lease_s = options.default_account, options.lease_s
        access = Access(client, default_account=account, claim=identity.lock, lease_s=lease_s)
        self._runner = ReleaseRunner(client, access, tell)
        self._queue = ReleaseQueue(self._find, self._runner.run, concurrency=options.concurrency, tell=tell)
        places = options.namespaces or ("",)
        self._refused: set[str] = set()
        self._copies = {place: self._watch(client.within(place)) for place in places}

    async def run(self) -> None:
        """Lead, when it is this controller's turn."""
        await self._look()
        try:
            async with self._leadership.lease.hold(self._take, wait=True):
                self._tell(f"leads, and carries out releases {self._say_where()}")
                await self._lead()
        except LockedError as error:
            raise TargetError(_describe_loss(error)) from error

    async def _look(self) -> None:
        """Find out early, and not only when it is this controller's turn, whether there are Releases to watch."""
        for place in self._copies:
            try:
                await self._fill(place)
            except ApiError as error:
                if error.code == 404:
                    raise TargetError(_NO_KIND) from error
                raise
        self.has_answer = True

    async def _lead(self) -> None:
        try:
            filled = {place: await self._fill(place) for place in self._copies}
            async with asyncio.TaskGroup() as group:
                for place, is_filled in filled.items():
                    group.create_task(self._follow(place, is_filled=is_filled))
                group.create_task(self._queue.run(self._leadership.resign))
        except BaseExceptionGroup as errors:  # a watch that may not go on ends all of it
            raise errors.exceptions[0] from None
        finally:
            await self._runner.close()

    async def _fill(self, place: str) -> bool:
        """Read the Releases of a namespace; False where they may not be read, as where the Role went with it.

        That is said, and no reason to leave the other namespaces alone. Raises ApiError where there is no other.
        """
        copy = self._copies[place]
        try:
            await copy.fill()
        except ApiError as error:
            if error.code != 403 or len(self._copies) == 1:
                raise
            copy.objects = {}
            if place not in self._refused:
                self._tell(f"{place}: {error.problem.message}; the other namespaces are looked after")
            self._refused.add(place)
            return False
        self._refused.discard(place)
        return True

    async def _follow(self, place: str, *, is_filled: bool) -> None:
        """Keep the Releases of a namespace current; where they may not be read, look again from time to time."""
        while True:
            try:
                if is_filled:
                    await self._copies[place].run()
            except ApiError as error:
                if error.code != 403:
                    raise
            else:
                await asyncio.sleep(_REFUSED_PAUSE_S)
            is_filled = await self._fill(place)

    def _watch(self, client: Client) -> Reflector:
        return Reflector(client, RELEASE, self._queue.notify, labels=None, fields=None)

    def _find(self, key: Key) -> Json | None:
        if not self._options.namespaces:
            return self._copies[""].objects.get(str(key))
        copy = self._copies.get(key.namespace)
        return None if copy is None else copy.objects.get(key.name)

    def _take(self, event: Event) -> None:
        if isinstance(event, LockAwaited):
            self._tell(f"waits: {event.holder} leads")

    def _say_where(self) -> str:
        places: Sequence[str] = self._options.namespaces
        return f"in {', '.join(places)}" if places else "in all namespaces"


_NO_KIND = Problem(
    "controller/no-releases",
    f"the cluster does not know the kind Release of {RELEASE.api_version}",
    hint="apply what 'ks-universal controller manifests' prints",
)


def _describe_loss(error: LockedError) -> Problem:
    hint = "it changes nothing more; started again, it waits for its turn"
    return Problem("controller/leadership-lost", f"this controller leads no more: {error.holder}", hint=hint)
