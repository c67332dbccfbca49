"""The controls of the policy `baseline`, as the admission of Kubernetes 1.36 applies them.

https://kubernetes.io/docs/concepts/security/pod-security-standards/#baseline
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

_CAPABILITIES = frozenset(
    [
        "AUDIT_WRITE",
        "CHOWN",
        "DAC_OVERRIDE",
        "FOWNER",
        "FSETID",
        "KILL",
        "MKNOD",
        "NET_BIND_SERVICE",
        "SETFCAP",
        "SETGID",
        "SETPCAP",
        "SETUID",
        "SYS_CHROOT",
    ]
)
_SELINUX_TYPES = frozenset(("", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"))
_SYSCTLS = frozenset(
    (
        "kernel.shm_rmid_forced",
        "net.ipv4.ip_local_port_range",
        "net.ipv4.ip_local_reserved_ports",
        "net.ipv4.ip_unprivileged_port_start",
        "net.ipv4.ping_group_range",
        "net.ipv4.tcp_fin_timeout",
        "net.ipv4.tcp_keepalive_intvl",
        "net.ipv4.tcp_keepalive_probes",
        "net.ipv4.tcp_keepalive_time",
        "net.ipv4.tcp_rmem",
        "net.ipv4.tcp_syncookies",
        "net.ipv4.tcp_wmem",
    )
)
_APP_ARMOR = "container.apparmor.security.beta.kubernetes.io/"
_HANDLERS = ("httpGet", "tcpSocket")


def check_host_process(pod: Json, _: Json) -> Iterator[Violation]:
    """Windows pods may not be processes of the node."""
    for holder in list_holders(pod):
        if (holder.context.get("windowsOptions") or {}).get("hostProcess"):
            field = ("securityContext", "windowsOptions", "hostProcess")
            yield Violation("pod-security/host-process", holder, "runs as a process of the node", field)


def check_host_namespaces(pod: Json, _: Json) -> Iterator[Violation]:
    """No network, process or IPC namespace of the node."""
    for field in ("hostNetwork", "hostPID", "hostIPC"):
        if pod.get(field):
            yield Violation(
                "pod-security/host-namespaces", Holder(pod), f"shares the node's namespace ({field})", (field,)
            )


def check_privileged(pod: Json, _: Json) -> Iterator[Violation]:
    """No privileged containers."""
    for holder in list_containers(pod):
        if holder.context.get("privileged"):
            yield Violation("pod-security/privileged", holder, "is privileged", ("securityContext", "privileged"))


def check_capabilities(pod: Json, _: Json) -> Iterator[Violation]:
    """No capabilities beyond the usual ones of container runtimes."""
    for holder in list_containers(pod):
        added = (holder.context.get("capabilities") or {}).get("add") or ()
        for capability in added:
            if capability not in _CAPABILITIES:
                clause = f"adds the capability {capability}"
                yield Violation("pod-security/capabilities", holder, clause, ("securityContext", "capabilities", "add"))


def check_host_path(pod: Json, _: Json) -> Iterator[Violation]:
    """No folders of the node."""
    for index, volume in enumerate(pod.get("volumes") or ()):
        if "hostPath" in volume:
            clause = f"mounts a folder of the node as volume {volume['name']}"
            yield Violation("pod-security/host-path", Holder(pod), clause, ("volumes", index, "hostPath"))


def check_host_ports(pod: Json, _: Json) -> Iterator[Violation]:
    """No ports of the node."""
    for holder in list_containers(pod):
        for index, port in enumerate(holder.body.get("ports") or ()):
            if port.get("hostPort"):
                clause = f"takes port {port['hostPort']} of the node"
                yield Violation("pod-security/host-ports", holder, clause, ("ports", index, "hostPort"))


def check_hosts_of_handlers(pod: Json, _: Json) -> Iterator[Violation]:
    """Probes and lifecycle hooks ask the pod, and no other host."""
    for holder in list_containers(pod):
        for field, handler in _list_handlers(holder.body):
            for kind in _HANDLERS:
                if (handler.get(kind) or {}).get("host"):
                    clause = f"has a host in {'.'.join(field)}"
                    yield Violation("pod-security/probe-hosts", holder, clause, (*field, kind, "host"))


def _list_handlers(container: Json) -> Iterator[tuple[tuple[str, ...], Json]]:
    for field in ("livenessProbe", "readinessProbe", "startupProbe"):
        yield (field,), container.get(field) or {}
    lifecycle = container.get("lifecycle") or {}
    yield from ((("lifecycle", field), lifecycle.get(field) or {}) for field in ("postStart", "preStop"))


def check_app_armor(pod: Json, annotations: Json) -> Iterator[Violation]:
    """AppArmor stays on."""
    for holder in list_holders(pod):
        if (holder.context.get("appArmorProfile") or {}).get("type") == "Unconfined":
            yield Violation(
                "pod-security/app-armor",
                holder,
                "switches AppArmor off",
                ("securityContext", "appArmorProfile", "type"),
            )
    for key, value in annotations.items():
        allowed = value in ("", "runtime/default") or value.startswith("localhost/")
        if key.startswith(_APP_ARMOR) and not allowed:
            clause, annotated = f"has the AppArmor profile {value}", Holder(pod, ("metadata",))
            yield Violation("pod-security/app-armor", annotated, clause, ("annotations", key))


def check_selinux(pod: Json, _: Json) -> Iterator[Violation]:
    """SELinux keeps its user and role, and one of the types that are meant for containers."""
    for holder in list_holders(pod):
        options = holder.context.get("seLinuxOptions") or {}
        if options.get("type", "") not in _SELINUX_TYPES:
            clause = f"has the SELinux type {options['type']}"
            yield Violation("pod-security/selinux", holder, clause, ("securityContext", "seLinuxOptions", "type"))
        for field in ("user", "role"):
            if options.get(field):
                clause = f"sets the SELinux {field}"
                yield Violation("pod-security/selinux", holder, clause, ("securityContext", "seLinuxOptions", field))


def check_proc_mount(pod: Json, _: Json) -> Iterator[Violation]:
    """The usual parts of /proc are masked."""
    for holder in list_containers(pod):
        if holder.context.get("procMount", "Default") != "Default" and not has_own_users(pod):
            yield Violation("pod-security/proc-mount", holder, "unmasks /proc", ("securityContext", "procMount"))


def check_seccomp(pod: Json, _: Json) -> Iterator[Violation]:
    """Seccomp stays on."""
    for holder in list_holders(pod):
        if (holder.context.get("seccompProfile") or {}).get("type") == "Unconfined":
            yield Violation(
                "pod-security/seccomp", holder, "switches seccomp off", ("securityContext", "seccompProfile", "type")
            )


def check_sysctls(pod: Json, _: Json) -> Iterator[Violation]:
    """Only kernel settings that concern the pod alone."""
    for index, sysctl in enumerate(Holder(pod).context.get("sysctls") or ()):
        if sysctl["name"] not in _SYSCTLS:
            field = ("securityContext", "sysctls", index)
            yield Violation("pod-security/sysctls", Holder(pod), f"sets {sysctl['name']}", field)
