"""Applications on this machine: one running pod a workload, replaced by its next version or kept."""

from collections.abc import Callable

import msgspec

from ks_universal.diagnostics import Problem
from ks_universal.engine.cancellation import run_to_completion
from ks_universal.engine.events import Emit, ObjectChanged
from ks_universal.engine.target import RolloutFailed
from ks_universal.json_types import Json
from ks_universal.plan.changes import name_change
from ks_universal.plan.steps import RollOut
from ks_universal.resources.objects import ObjectRef, object_ref
from ks_universal.targets.local.hosting import PodFailed, PodRequest
from ks_universal.targets.local.live import LiveApplication
from ks_universal.targets.local.pods import Pod


class Version(msgspec.Struct, frozen=True):
    """A version of an application: the workload, what runs for it, and the digest of what its pods are made of."""

    application: str
    body: Json
    request: PodRequest
    digest: str

    @property
    def is_off(self) -> bool:
        """Whether nothing of it is to run. Of any number of replicas one runs here."""
        return bool(self.body["spec"].get("replicas") == 0)

    @property
    def deadline_s(self) -> float:
        """How long it may take to become ready."""
        return float(self.body["spec"].get("progressDeadlineSeconds") or 600)


class Applications:
    """The running applications, in the order in which they were started."""

    def __init__(self, publish: Callable[[tuple[LiveApplication, ...]], None]) -> None:
        """Take what is called with all that runs, whenever that changes."""
        self._publish = publish
        self._versions: dict[ObjectRef, Version] = {}
        self._pods: dict[ObjectRef, Pod] = {}

    def bodies(self) -> dict[ObjectRef, Json]:
        """Return the workloads that run (or are meant to run nothing) here now."""
        return {ref: version.body for ref, version in self._versions.items()}

    def ports(self) -> set[int]:
        """Return the ports that the running pods have."""
        return {port for version in self._versions.values() for port in container_ports(version.request)}

    def tell(self) -> None:
        """Publish what runs."""
        self._publish(tuple(self._read(ref, version) for ref, version in self._versions.items()))

    def _read(self, ref: ObjectRef, version: Version) -> LiveApplication:
        pod = None if version.is_off else self._pods.get(ref)
        containers = () if pod is None else pod.read()
        return LiveApplication(
            application=version.application,
            kind=ref.kind,
            name=ref.name,
            wanted=0 if version.is_off else 1,
            is_ready=pod is not None and pod.is_ready,
            containers=containers,
            addresses={} if pod is None else pod.list_addresses(),
        )

    async def roll_out(self, step: RollOut, version: Version, emit: Emit) -> None:
        """Replace the running version, whose ports the new one needs; a new one that fails is replaced by the old.

        Where the pods stay as they are, they run on.

        Raises RolloutFailed. On cancellation neither runs.
        """
        ref = object_ref(step.body)
        old = self._versions.get(ref)
        if old is not None and (old.digest, old.is_off) == (version.digest, version.is_off):
            self._versions[ref] = msgspec.structs.replace(old, body=version.body)
            change = name_change(old.body, same=old.body == version.body)
            emit(ObjectChanged(step=step.id, identity=ref, change=change))
            return
        await self.remove(ref)
        try:
            await self._bring_up(step, version, emit)
        except PodFailed as failure:
            runs_now = await self._bring_back(step, old, emit)
            is_gone = ref not in self._versions
            raise RolloutFailed(step.id, (*failure.causes, runs_now), is_gone=is_gone) from None
        emit(
            ObjectChanged(step=step.id, identity=ref, change=name_change(None if old is None else old.body, same=False))
        )

    async def remove(self, ref: ObjectRef) -> None:
        """Stop an application; returns when nothing of it is left."""
        self._versions.pop(ref, None)
        pod = self._pods.pop(ref, None)
        if pod is not None:
            await run_to_completion(pod.stop())
            self.tell()

    async def stop(self) -> None:
        """Stop all applications, the last one started first."""
        for ref in reversed(list(self._versions)):
            await self.remove(ref)

    async def _bring_up(self, step: RollOut, version: Version, emit: Emit) -> None:
        ref = object_ref(version.body)
        pod = Pod(version.request, version.application, emit, self.tell)
        self._pods[ref] = pod
        self._versions[ref] = version
        if version.is_off:
            self.tell()
            return
        try:
            await pod.bring_up(step.id, version.deadline_s)
        except BaseException:
            await self.remove(ref)
            raise

    async def _bring_back(self, step: RollOut, old: Version | None, emit: Emit) -> Problem:
        """Start the version before again; return the sentence that says what runs now."""
        if old is None:
            return Problem("rollout/nothing-runs", "there was no version before: nothing of it runs now")
        try:
            await self._bring_up(step, old, emit)
        except PodFailed as failure:
            message = f"the version before did not come up again: nothing of it runs now ({failure.causes[0].message})"
            return Problem("rollout/nothing-runs", message)
        return Problem("rollout/old-version-runs", "the version before was started again and runs now")


def container_ports(request: PodRequest) -> list[int]:
    """Return the TCP ports that a pod's containers name."""
    specs = [container.spec for container in (*request.init, *request.containers)]
    ports = [port for spec in specs for port in spec.get("ports") or () if port.get("protocol", "TCP") == "TCP"]
    return [int(port["containerPort"]) for port in ports]
