"""What Pod Security admission would refuse of a release: the Pod Security Standards, control by control.

A namespace that enforces a policy refuses the pods of a Deployment or Job only when these are made; here it is found
before. Pure functions of pod templates; nothing is asked of a cluster.
"""

from collections.abc import Callable, Iterator
from enum import StrEnum

from ks_universal.diagnostics import Problem
from ks_universal.json_types import Json
from ks_universal.resources.checks.pod_security import baseline, restricted
from ks_universal.resources.checks.pod_security.violations import Violation
from ks_universal.resources.checks.source_map import SourcedObject, list_sourced
from ks_universal.resources.objects import WORKLOAD_KINDS, Rendered, find_template, read_template
from ks_universal.values.nodes import Mapping, format_path

_Check = Callable[[Json, Json], Iterator[Violation]]

_COMMON: tuple[_Check, ...] = (
    baseline.check_host_process,
    baseline.check_host_namespaces,
    baseline.check_privileged,
    baseline.check_host_ports,
    baseline.check_hosts_of_handlers,
    baseline.check_app_armor,
    baseline.check_selinux,
    baseline.check_proc_mount,
    baseline.check_seccomp,
    baseline.check_sysctls,
)


class Policy(StrEnum):
    """A policy of the Pod Security Standards (`privileged` allows everything)."""

    BASELINE = "baseline"
    RESTRICTED = "restricted"


_CHECKS: dict[Policy, tuple[_Check, ...]] = {
    Policy.BASELINE: (*_COMMON, baseline.check_capabilities, baseline.check_host_path),
    Policy.RESTRICTED: (
        *_COMMON,
        restricted.check_volume_types,
        restricted.check_privilege_escalation,
        restricted.check_non_root,
        restricted.check_user,
        restricted.check_seccomp_is_set,
        restricted.check_dropped_capabilities,
    ),
}


def find_violations(template: Json, policy: Policy) -> Iterator[Violation]:
    """Find what a policy forbids of a pod template (`metadata` with annotations, and `spec`)."""
    annotations = (template.get("metadata") or {}).get("annotations") or {}
    for check in _CHECKS[policy]:
        yield from check(template["spec"], annotations)


def find_refusals(rendered: Rendered, tree: Mapping, policy: Policy) -> tuple[Problem, ...]:
    """Find what a namespace that enforces a policy would refuse of a release; each finding names the key to change.

    `tree` is the effective tree that the objects were made from, for the places.
    """
    return tuple(
        _describe(placed, tree, violation, policy)
        for placed in list_sourced(rendered)
        if placed.body["kind"] in WORKLOAD_KINDS
        for violation in find_violations(read_template(placed.body), policy)
    )


def _describe(placed: SourcedObject, tree: Mapping, violation: Violation, policy: Policy) -> Problem:
    holder = violation.holder
    field = placed.find_field(tree, (*find_template(placed.body), *holder.path, *violation.field))
    message = f"{placed}: {holder} {violation.clause}; the policy {policy} forbids it"
    hint = f"{'change' if field.is_written else 'set'} {format_path(field.key)}"
    return Problem(violation.code, message, field.where, hint)
