"""Pods for the Pod Security Standards: for each control one that breaks it, and those that just don't."""

from typing import Any, NamedTuple

Json = dict[str, Any]


class Case(NamedTuple):
    """A pod and the controls of a policy that it breaks, none where it is allowed."""

    id: str
    policy: str
    pod: Json
    controls: tuple[str, ...] = ()


def pod(context: Json | None = None, *, whole: Json | None = None, container: Json | None = None, **more: Any) -> Json:
    """A pod: the `securityContext` of its container, its own, and what else either says."""
    main = {"name": "main", "image": "busybox", "securityContext": context or {}, **(container or {})}
    return {"containers": [main], "securityContext": whole or {}, **more}


SAFE: Json = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}


def without(*fields: str, **more: Any) -> Json:
    """What `restricted` asks of a container, without some of it."""
    return {**{key: value for key, value in SAFE.items() if key not in fields}, **more}


def _volume(name: str, **source: Json) -> list[Json]:
    return [{"name": name, **source}]


def _probe(host: str) -> Json:
    return {"livenessProbe": {"httpGet": {"port": 80, "host": host}}}


_CLAIM = {
    "volumeClaimTemplate": {"spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1"}}}}
}
_SYSCTL = {"sysctls": [{"name": "net.core.somaxconn", "value": "1"}]}
_SAFE_SYSCTL = {"sysctls": [{"name": "net.ipv4.tcp_keepalive_time", "value": "1"}]}
_HOOK = {"lifecycle": {"preStop": {"httpGet": {"port": 80, "host": "example.org"}}}}
_HOST_PORT = {"ports": [{"containerPort": 80, "hostPort": 80}]}
_WINDOWS = {"windowsOptions": {"hostProcess": True}, "runAsNonRoot": True}
_UNMASKED = {"procMount": "Unmasked"}
_APP_ARMOR_OFF = {"appArmorProfile": {"type": "Unconfined"}}
_SECCOMP_OFF = {"seccompProfile": {"type": "Unconfined"}}

BASELINE = (
    Case("plain", "baseline", pod()),
    Case("host-process", "baseline", pod(whole=_WINDOWS, hostNetwork=True), ("host-process", "host-namespaces")),
    Case("host-network", "baseline", pod(hostNetwork=True), ("host-namespaces",)),
    Case("host-pid", "baseline", pod(hostPID=True), ("host-namespaces",)),
    Case("host-ipc", "baseline", pod(hostIPC=True), ("host-namespaces",)),
    Case("privileged", "baseline", pod({"privileged": True}), ("privileged",)),
    Case("capability", "baseline", pod({"capabilities": {"add": ["NET_ADMIN"]}}), ("capabilities",)),
    Case("usual-capability", "baseline", pod({"capabilities": {"add": ["CHOWN"]}})),
    Case("host-path", "baseline", pod(volumes=_volume("v", hostPath={"path": "/"})), ("host-path",)),
    Case("nfs", "baseline", pod(volumes=_volume("v", nfs={"server": "a", "path": "/"}))),
    Case("host-port", "baseline", pod(container=_HOST_PORT), ("host-ports",)),
    Case("probe-host", "baseline", pod(container=_probe("127.0.0.1")), ("probe-hosts",)),
    Case("probe-without-host", "baseline", pod(container=_probe(""))),
    Case("hook-host", "baseline", pod(container=_HOOK), ("probe-hosts",)),
    Case("app-armor", "baseline", pod(_APP_ARMOR_OFF), ("app-armor",)),
    Case("app-armor-of-the-pod", "baseline", pod(whole=_APP_ARMOR_OFF), ("app-armor",)),
    Case("selinux-type", "baseline", pod(whole={"seLinuxOptions": {"type": "spc_t"}}), ("selinux",)),
    Case("selinux-usual-type", "baseline", pod(whole={"seLinuxOptions": {"type": "container_init_t"}})),
    Case("selinux-user", "baseline", pod({"seLinuxOptions": {"user": "root"}}), ("selinux",)),
    Case("selinux-role", "baseline", pod({"seLinuxOptions": {"role": "r"}}), ("selinux",)),
    Case("proc-mount-own-users", "baseline", pod(_UNMASKED, hostUsers=False)),
    Case("seccomp", "baseline", pod(_SECCOMP_OFF), ("seccomp",)),
    Case("seccomp-of-the-pod", "baseline", pod(whole=_SECCOMP_OFF), ("seccomp",)),
    Case("sysctl", "baseline", pod(whole=_SYSCTL), ("sysctls",)),
    Case("safe-sysctl", "baseline", pod(whole=_SAFE_SYSCTL)),
    Case(
        "init-container",
        "baseline",
        pod(initContainers=pod({"privileged": True}, container={"name": "init"})["containers"]),
        ("privileged",),
    ),
)
RESTRICTED = (
    Case("plain", "restricted", pod(), ("capabilities", "non-root", "privilege-escalation", "seccomp")),
    Case("safe", "restricted", pod(SAFE)),
    Case(
        "said-by-the-pod",
        "restricted",
        pod(
            without("runAsNonRoot", "seccompProfile"),
            whole={"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        ),
    ),
    Case("escalation", "restricted", pod(without("allowPrivilegeEscalation")), ("privilege-escalation",)),
    Case("not-non-root", "restricted", pod(without("runAsNonRoot")), ("non-root",)),
    Case("pod-says-root", "restricted", pod(SAFE, whole={"runAsNonRoot": False}), ("non-root",)),
    Case(
        "container-says-root",
        "restricted",
        pod(without(runAsNonRoot=False), whole={"runAsNonRoot": True}),
        ("non-root",),
    ),
    Case("own-users", "restricted", pod(without("runAsNonRoot"), hostUsers=False)),
    Case("user-0", "restricted", pod(without("runAsNonRoot", runAsUser=0), whole={"runAsNonRoot": True}), ("user",)),
    Case("no-seccomp", "restricted", pod(without("seccompProfile")), ("seccomp",)),
    Case("seccomp-off", "restricted", pod(without(**_SECCOMP_OFF)), ("seccomp",)),
    Case("drops-one", "restricted", pod(without(capabilities={"drop": ["CHOWN"]})), ("capabilities",)),
    Case("low-ports", "restricted", pod(without(capabilities={"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]}))),
    Case("adds-one", "restricted", pod(without(capabilities={"drop": ["ALL"], "add": ["CHOWN"]})), ("capabilities",)),
    Case("host-path", "restricted", pod(SAFE, volumes=_volume("v", hostPath={"path": "/"})), ("volume-types",)),
    Case("nfs", "restricted", pod(SAFE, volumes=_volume("v", nfs={"server": "a", "path": "/"})), ("volume-types",)),
    Case("empty-dir", "restricted", pod(SAFE, volumes=_volume("v", emptyDir={}))),
    Case("ephemeral", "restricted", pod(SAFE, volumes=_volume("v", ephemeral=_CLAIM))),
    Case("image-volume", "restricted", pod(SAFE, volumes=_volume("v", image={"reference": "x"}))),
    Case("host-network", "restricted", pod(SAFE, hostNetwork=True), ("host-namespaces",)),
)
CASES = (*BASELINE, *RESTRICTED)
