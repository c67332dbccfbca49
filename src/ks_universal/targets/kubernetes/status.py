"""The status of a release: its workloads, how far they are, and what is wrong with their pods."""

import asyncio
from collections.abc import Iterable

import msgspec

from ks_universal.diagnostics import Problem, Severity
from ks_universal.json_types import Json
from ks_universal.metadata_keys import INSTANCE
from ks_universal.plan.records import JobState, Revision
from ks_universal.targets.kubernetes.api.client import Client
from ks_universal.targets.kubernetes.api.kinds import POD, VERSIONED
from ks_universal.targets.kubernetes.objects.field_owners import find_changers
from ks_universal.targets.kubernetes.objects.ownership import Owner, belongs_to
from ks_universal.targets.kubernetes.objects.removal import describe_end, is_terminating
from ks_universal.targets.kubernetes.observed.issues import find_issue
from ks_universal.targets.kubernetes.observed.pauses import find_foreign_pause
from ks_universal.targets.kubernetes.observed.pods import is_stopping, owner
from ks_universal.targets.kubernetes.observed.readiness import count_left, count_wanted, read_progress
from ks_universal.targets.kubernetes.observed.versions import new_pods, old_pods
from ks_universal.targets.kubernetes.record.lease import Holder

_READY = {"Deployment": "readyReplicas", "StatefulSet": "readyReplicas", "DaemonSet": "numberReady"}
"""The field of the status that says how many pods are ready."""


class Workload(msgspec.Struct, frozen=True, kw_only=True):
    """A workload as it runs. `waits_for`: what is missing, empty when nothing is; `images` by container.

    `stopping`: how many pods of earlier versions have been told to stop and are not gone yet. `left`: how many stay, by
    its update strategy (`OnDelete`, `partition`).
    """

    name: str
    kind: str = "Deployment"
    images: dict[str, str]
    wanted: int
    ready: int
    waits_for: str
    paused: bool = False
    stopping: int = 0
    left: int = 0
    problems: tuple[Problem, ...] = ()


async def read_workloads(client: Client, owner: Owner, kinds: Iterable[str]) -> tuple[Workload, ...]:
    """Read the workloads of a release that are in the client's namespace; of other `kinds` nothing is asked."""
    pods = (await client.list(POD)).items
    found = await asyncio.gather(*(_read_kind(client, owner, kind, pods) for kind in kinds))
    return tuple(workload for of_kind in found for workload in of_kind)


async def _read_kind(client: Client, owner: Owner, kind: str, pods: list[Json]) -> list[Workload]:
    selector = f"{INSTANCE}={owner.release}"
    served, keeper = VERSIONED[kind]
    workloads = [item for item in (await client.list(served, labels=selector)).items if belongs_to(item, owner)]
    # By no label: what was taken over has those of before.
    revisions = (await client.list(keeper)).items if keeper is not None else []
    return [_read(each, _owned(revisions, each), pods) for each in workloads]


def _owned(items: list[Json], workload: Json) -> list[Json]:
    return [item for item in items if owner(item)[2] == workload["metadata"]["uid"]]


def _read(workload: Json, revisions: list[Json], pods: list[Json]) -> Workload:
    name = workload["metadata"]["name"]
    own = [pod for pod in pods if _name_workload(pod) == (workload["kind"], name)]
    issues = [find_issue(pod, ()) for pod in new_pods(workload, revisions, own)]
    progress = read_progress(workload, revisions, own)
    found = (find_foreign_pause(workload), _find_end(workload), _find_other_template(workload), progress.failure)
    said = [problem for problem in found if problem is not None]
    containers = workload["spec"]["template"]["spec"]["containers"]
    return Workload(
        name=name,
        kind=workload["kind"],
        images={container["name"]: container["image"] for container in containers},
        wanted=count_wanted(workload) + count_left(workload),
        ready=workload.get("status", {}).get(_READY[workload["kind"]], 0),
        waits_for=progress.waits_for,
        paused=workload["spec"].get("paused", False),
        stopping=sum(map(is_stopping, old_pods(workload, revisions, own))),
        left=progress.left,
        problems=tuple(dict.fromkeys((*said, *(issue.problem for issue in issues if issue is not None)))),
    )


def _name_workload(pod: Json) -> tuple[str, str]:
    """Name the workload that a pod is of: the ReplicaSet that made it is called by the Deployment and a hash."""
    kind, name, _ = owner(pod)
    return ("Deployment", name.rpartition("-")[0]) if kind == "ReplicaSet" else (kind, name)


def _find_end(workload: Json) -> Problem | None:
    if not is_terminating(workload):
        return None
    hint = "deploy again: it is made anew when it is gone"
    return Problem("kubernetes/terminating", describe_end(workload), hint=hint, severity=Severity.WARNING)


def _find_other_template(workload: Json) -> Problem | None:
    """Find that somebody has changed the pods since they were rolled out, as `kubectl rollout undo` does."""
    changers = find_changers(workload, ("spec", "template"))
    if not changers:
        return None
    name, who = workload["metadata"]["name"], ", ".join(changers)
    message = f"{workload['kind']}/{name}: {who} has changed its pods since they were rolled out"
    hint = "'ks-universal plan' shows how; 'deploy --take-ownership' brings them back"
    return Problem("kubernetes/changed-pods", message, hint=hint, severity=Severity.WARNING)


class ReleaseState(msgspec.Struct, frozen=True, kw_only=True):
    """`lock` is None where nobody holds the release, or where the role may not read who does (`lock_hidden`)."""

    release: str
    namespace: str
    latest: Revision
    workloads: tuple[Workload, ...]
    lock: Holder | None
    jobs: tuple[JobState, ...] = ()
    lock_hidden: bool = False
    problems: tuple[Problem, ...] = ()
    """What could not be read of the record."""
