"""What others have changed of a release's objects, found by a dry run of what would be deployed."""

from collections.abc import Sequence

import msgspec

from ks_universal.api.cluster import preview
from ks_universal.api.cluster import read_status as read_release
from ks_universal.api.values import Values
from ks_universal.diagnostics import Problem, Severity
from ks_universal.errors import InputError
from ks_universal.plan.changes import Change
from ks_universal.plan.saved import Preview
from ks_universal.plan.selection import MigratePolicy
from ks_universal.targets.kubernetes.target import KubernetesTarget

_REPAIRABLE = frozenset(("kubernetes/field-conflict",))
_SCALED = "kube-controller-manager manages spec.replicas"
_CHANGED_PODS = "kubernetes/changed-pods"
_DRIFTS = {Change.CREATED: "is missing", Change.DELETED: "is there again"}


class Differences(msgspec.Struct, frozen=True):
    """What is not as it was made; empty texts: nothing.

    `changed` could be brought back, where it `is_repairable`; what was `added` beside it no deploy takes away.
    """

    changed: str
    added: str
    is_repairable: bool


async def find_differences(values: Values, target: KubernetesTarget, migrate: MigratePolicy) -> Differences:
    """Look for what is not as these values make it; changes nothing. Raises as `preview` does."""
    seen = await preview(values, target, migrate=migrate)
    return Differences(_describe(seen), "; ".join(await _find_added(target)), is_repairable(seen.problems))


def is_repairable(problems: Sequence[Problem]) -> bool:
    """Tell whether all that is in the way is what others have changed of the release's own objects.

    What an autoscaler sets it would set again.
    """
    errors = [problem for problem in problems if problem.severity is Severity.ERROR]
    return all(problem.code in _REPAIRABLE and _SCALED not in problem.message for problem in errors)


def _describe(seen: Preview) -> str:
    changes = [each for each in seen.changes if each.change not in (Change.UNCHANGED, Change.KEPT)]
    errors = [problem for problem in seen.problems if problem.severity is Severity.ERROR]
    told = [f"{each.identity} {_DRIFTS.get(each.change, 'has changed')}" for each in changes]
    return "; ".join((*told, *(problem.message for problem in errors)))


async def _find_added(target: KubernetesTarget) -> list[str]:
    """Find workloads to whose pods others have added something: no change of the release would take it away."""
    try:
        workloads = (await read_release(target)).workloads
    except InputError:  # it has no record any more, and its objects are missing
        return []
    problems = (problem for workload in workloads for problem in workload.problems)
    return [problem.message for problem in problems if problem.code == _CHANGED_PODS]
