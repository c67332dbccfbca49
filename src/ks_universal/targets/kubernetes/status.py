"""The status of a release: its Deployments, how far they are, and what is wrong with their pods."""

import msgspec

from ks_universal.diagnostics import Problem, Severity
from ks_universal.json_types import Json
from ks_universal.metadata_keys import INSTANCE
from ks_universal.plan.records import JobState, Revision
from ks_universal.targets.kubernetes.api.client import Client
from ks_universal.targets.kubernetes.api.kinds import DEPLOYMENT, POD, REPLICA_SET
from ks_universal.targets.kubernetes.objects.field_owners import find_changers
from ks_universal.targets.kubernetes.objects.ownership import Owner, belongs_to
from ks_universal.targets.kubernetes.objects.removal import describe_end, is_terminating
from ks_universal.targets.kubernetes.observed.issues import find_issue
from ks_universal.targets.kubernetes.observed.pauses import find_foreign_pause
from ks_universal.targets.kubernetes.observed.pods import is_stopping, owner
from ks_universal.targets.kubernetes.observed.readiness import new_pods, old_pods, read_progress
from ks_universal.targets.kubernetes.record.lease import Holder


class Workload(msgspec.Struct, frozen=True, kw_only=True):
    """A Deployment as it runs. `waits_for`: what is missing, empty when nothing is; `images` by container.

    `stopping`: how many pods of earlier versions have been told to stop and are not gone yet.
    """

    name: str
    images: dict[str, str]
    wanted: int
    ready: int
    waits_for: str
    paused: bool = False
    stopping: int = 0
    problems: tuple[Problem, ...] = ()


async def read_workloads(client: Client, owner: Owner) -> tuple[Workload, ...]:
    """Read the Deployments of a release that are in the client's namespace."""
    selector = f"{INSTANCE}={owner.release}"
    deployments = [item for item in (await client.list(DEPLOYMENT, labels=selector)).items if belongs_to(item, owner)]
    replica_sets = (await client.list(REPLICA_SET, labels=selector)).items
    pods = (await client.list(POD, labels=selector)).items
    return tuple(_read(deployment, _owned(replica_sets, deployment), pods) for deployment in deployments)


def _owned(items: list[Json], deployment: Json) -> list[Json]:
    return [item for item in items if owner(item)[2] == deployment["metadata"]["uid"]]


def _read(deployment: Json, replica_sets: list[Json], pods: list[Json]) -> Workload:
    name = deployment["metadata"]["name"]
    own = [pod for pod in pods if owner(pod)[1].rpartition("-")[0] == name]
    issues = [find_issue(pod, ()) for pod in new_pods(deployment, replica_sets, own)]
    progress = read_progress(deployment, replica_sets, own)
    found = (find_foreign_pause(deployment), _find_end(deployment), _find_other_template(deployment), progress.failure)
    said = [problem for problem in found if problem is not None]
    return Workload(
        name=name,
        images={
            container["name"]: container["image"] for container in deployment["spec"]["template"]["spec"]["containers"]
        },
        wanted=deployment["spec"].get("replicas", 1),
        ready=deployment.get("status", {}).get("readyReplicas", 0),
        waits_for=progress.waits_for,
        paused=deployment["spec"].get("paused", False),
        stopping=sum(map(is_stopping, old_pods(deployment, replica_sets, own))),
        problems=tuple(dict.fromkeys((*said, *(issue.problem for issue in issues if issue is not None)))),
    )


def _find_end(deployment: Json) -> Problem | None:
    if not is_terminating(deployment):
        return None
    hint = "deploy again: it is made anew when it is gone"
    return Problem("kubernetes/terminating", describe_end(deployment), hint=hint, severity=Severity.WARNING)


def _find_other_template(deployment: Json) -> Problem | None:
    """Find that somebody has changed the pods since they were rolled out, as `kubectl rollout undo` does."""
    changers = find_changers(deployment, ("spec", "template"))
    if not changers:
        return None
    name, who = deployment["metadata"]["name"], ", ".join(changers)
    message = f"Deployment/{name}: {who} has changed its pods since they were rolled out"
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
