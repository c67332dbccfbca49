"""The releases of a namespace or a cluster, and what two revisions of one differ in."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ks_universal.diagnostics import Problem
from ks_universal.errors import InputError
from ks_universal.json_types import Json
from ks_universal.plan.changes import Change, ObjectChange, compare_objects
from ks_universal.plan.records import History, Outcome, Revision, mark_abandoned
from ks_universal.resources.objects import ObjectRef, object_ref
from ks_universal.targets.kubernetes.api.client import Client
from ks_universal.targets.kubernetes.api.connection import connect
from ks_universal.targets.kubernetes.api.errors import ApiError
from ks_universal.targets.kubernetes.api.kinds import NAMESPACE
from ks_universal.targets.kubernetes.record.lease import read_lock
from ks_universal.targets.kubernetes.record.records import list_latest
from ks_universal.targets.kubernetes.target import KubernetesTarget


async def list_releases(
    *,
    namespace: str | None = None,
    context: str | None = None,
    kubeconfig: str | None = None,
    all_namespaces: bool = False,
) -> History:
    """Read the latest run of each release, by namespace and name; a read-only role is enough.

    Without `namespace` of the context's. What cannot be read is among the problems. Raises TargetError.
    """
    async with _connect(context, kubeconfig) as client:
        found = await list_latest(client.within("" if all_namespaces else namespace or client.namespace))
        told = [await _tell(client.within(revision.namespace), revision) for revision in found.revisions]
        return History(tuple(told), found.problems)


async def list_namespaces(*, context: str | None = None, kubeconfig: str | None = None) -> tuple[str, ...]:
    """List the namespaces of a cluster. Raises TargetError."""
    async with _connect(context, kubeconfig) as client:
        return tuple(item["metadata"]["name"] for item in (await client.list(NAMESPACE)).items)


async def compare_revisions(target: KubernetesTarget, old: int, new: int) -> tuple[ObjectChange, ...]:
    """Compare what two revisions were made of, the Jobs of their migrations included; values of Secrets are masked.

    Needs the right to read Secrets, where these are kept. Raises InputError where the record does not hold one.
    """
    before, after = await _read_bodies(target, old), await _read_bodies(target, new)
    changes = [compare_objects(ref, before.get(ref), body) for ref, body in after.items()]
    gone = [ObjectChange(identity=ref, change=Change.DELETED) for ref in before if ref not in after]
    return tuple(change for change in (*changes, *gone) if change.change is not Change.UNCHANGED)


async def _read_bodies(target: KubernetesTarget, number: int) -> dict[ObjectRef, Json]:
    rendered = await target.read_manifests(number)
    if rendered is None:
        message = f"the record does not hold the objects of revision {number} of {target.release}"
        hint = f"'ks-universal history {target.release}' lists its revisions"
        raise InputError([Problem("release/no-revision", message, hint=hint)])
    return {object_ref(body): body for body in rendered.bodies}


async def _tell(client: Client, revision: Revision) -> Revision:
    """Give a run as readers are to see it: one that was killed as such, where the role may read its lock."""
    if revision.outcome is not Outcome.RUNNING:
        return revision
    try:
        lock = await read_lock(client, revision.release)
    except ApiError as error:
        if error.code != 403:
            raise
        return revision
    return mark_abandoned([revision], is_dead=lock is None or lock.left_s == 0)[0]


@asynccontextmanager
async def _connect(context: str | None, kubeconfig: str | None) -> AsyncIterator[Client]:
    connection = connect(kubeconfig, context)
    client = Client(connection, connection.namespace)
    try:
        yield client
    finally:
        await client.close()
