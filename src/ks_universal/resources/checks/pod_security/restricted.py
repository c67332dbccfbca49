"""The controls that the policy `restricted` adds to `baseline`, as the admission of Kubernetes 1.36 applies them.

https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted
"""

from collections.abc import Iterator

from ks_universal.json_types import Json
from ks_universal.resources.checks.pod_security.violations import (
    Holder,
    Violation,
    has_own_users,
    list_containers,
    list_holders,
)

_VOLUMES = frozenset(
    [
        "configMap",
        "csi",
        "downwardAPI",
        "emptyDir",
        "ephemeral",
        "image",
        "persistentVolumeClaim",
        "projected",
        "secret",
    ]
)
_CONFINED = frozenset(("Localhost", "RuntimeDefault"))


def check_volume_types(pod: Json, _: Json) -> Iterator[Violation]:
    """No volumes but those that a namespace owns."""
    for index, volume in enumerate(pod.get("volumes") or ()):
        for kind in volume.keys() - _VOLUMES - {"name"}:
            clause = f"has the {kind} volume {volume['name']}"
            yield Violation("pod-security/volume-types", Holder(pod), clause, ("volumes", index, kind))


def check_privilege_escalation(pod: Json, _: Json) -> Iterator[Violation]:
    """No process gets more rights than its parent."""
    for holder in list_containers(pod):
        if holder.context.get("allowPrivilegeEscalation") is not False and not _is_windows(pod):
            clause = "does not set allowPrivilegeEscalation to false"
            yield Violation(
                "pod-security/privilege-escalation", holder, clause, ("securityContext", "allowPrivilegeEscalation")
            )


def check_non_root(pod: Json, _: Json) -> Iterator[Violation]:
    """Each container runs as another user than root, by its own word or by its pod's."""
    if has_own_users(pod):
        return
    field, whole = ("securityContext", "runAsNonRoot"), Holder(pod)
    of_pod = whole.context.get("runAsNonRoot")
    if of_pod is False:
        yield Violation("pod-security/non-root", whole, "sets runAsNonRoot to false", field)
    for holder in list_containers(pod):
        own = holder.context.get("runAsNonRoot")
        if own is False or (own is None and not of_pod):
            yield Violation("pod-security/non-root", holder, "does not set runAsNonRoot to true", field)


def check_user(pod: Json, _: Json) -> Iterator[Violation]:
    """Nobody asks for root by number."""
    for holder in list_holders(pod):
        if holder.context.get("runAsUser") == 0 and not has_own_users(pod):
            yield Violation("pod-security/user", holder, "runs as user 0", ("securityContext", "runAsUser"))


def check_seccomp_is_set(pod: Json, _: Json) -> Iterator[Violation]:
    """Each container has a seccomp profile, its own or its pod's."""
    if _is_windows(pod) or _has_profile(Holder(pod)):
        return
    for holder in list_containers(pod):
        if not _has_profile(holder) and "seccompProfile" not in holder.context:
            clause = "does not set seccompProfile.type to RuntimeDefault or Localhost"
            yield Violation("pod-security/seccomp", holder, clause, ("securityContext", "seccompProfile", "type"))


def check_dropped_capabilities(pod: Json, _: Json) -> Iterator[Violation]:
    """All capabilities are dropped; only that for low ports may come back."""
    for holder in list_containers(pod) if not _is_windows(pod) else ():
        capabilities = holder.context.get("capabilities") or {}
        if "ALL" not in (capabilities.get("drop") or ()):
            clause = "does not drop all capabilities (drop: [ALL])"
            yield Violation("pod-security/capabilities", holder, clause, ("securityContext", "capabilities", "drop"))
        for capability in capabilities.get("add") or ():
            if capability != "NET_BIND_SERVICE":
                clause = f"adds the capability {capability}"
                yield Violation("pod-security/capabilities", holder, clause, ("securityContext", "capabilities", "add"))


def _has_profile(holder: Holder) -> bool:
    return (holder.context.get("seccompProfile") or {}).get("type") in _CONFINED


def _is_windows(pod: Json) -> bool:
    return (pod.get("os") or {}).get("name") == "windows"
