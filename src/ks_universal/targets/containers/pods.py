"""From a PodSpec to what an engine is asked for: pure, apart from the images, which were looked at before."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from ks_universal.diagnostics import Problem
from ks_universal.json_types import Json
from ks_universal.model.kubernetes.expansion import expand
from ks_universal.model.kubernetes.names import read_quantity
from ks_universal.targets.local.services import ServedPort, is_tcp, list_containers, list_ports

UNSUPPORTED = {
    "hostNetwork": "the network of this machine",
    "hostPID": "the processes of this machine",
    "hostIPC": "the memory that processes of this machine share",
}


class Image(msgspec.Struct, frozen=True):
    """What an image says of itself."""

    entrypoint: tuple[str, ...] = ()
    cmd: tuple[str, ...] = ()
    user: str = ""


def read_image(config: Mapping[str, Any]) -> Image:
    """Read an image's `Config`."""
    return Image(tuple(config.get("Entrypoint") or ()), tuple(config.get("Cmd") or ()), config.get("User") or "")


def build_command(container: Json, variables: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """Give the option that replaces the entrypoint, if any, and the words after the image.

    As Kubernetes reads them: `command` replaces entrypoint and command of the image, `args` its command alone.
    """
    command = [expand(word, variables) for word in container.get("command") or ()]
    args = [expand(word, variables) for word in container.get("args") or ()]
    entrypoint = [f"--entrypoint={command[0]}"] if command else []
    return entrypoint, [*command[1:], *args]


def build_options(container: Json, pod: Json, image: Image, engine: str) -> Iterator[str]:
    """Give the options that say how a container runs: user, rights, limits, folder."""
    context = (pod.get("securityContext") or {}) | (container.get("securityContext") or {})
    yield from _build_user(context, image)
    yield from _build_rights(context, engine)
    limits = (container.get("resources") or {}).get("limits") or {}
    if "memory" in limits:
        yield f"--memory={int(read_quantity(str(limits['memory'])))}"
    if "cpu" in limits:
        yield f"--cpus={read_quantity(str(limits['cpu'])):g}"
    if folder := container.get("workingDir"):
        yield f"--workdir={folder}"
    if container.get("tty"):
        yield "--tty"


def _build_user(context: Json, image: Image) -> Iterator[str]:
    user, group = context.get("runAsUser"), context.get("runAsGroup")
    if user is not None or group is not None:
        name = str(user) if user is not None else image.user.partition(":")[0]
        yield f"--user={name}" + (f":{group}" if group is not None else "")
    for extra in (*(context.get("supplementalGroups") or ()), context.get("fsGroup")):
        if extra is not None:
            yield f"--group-add={extra}"


def _build_rights(context: Json, engine: str) -> Iterator[str]:
    if context.get("readOnlyRootFilesystem"):
        yield "--read-only"
        if engine == "podman":  # it would add writable folders, which a cluster does not
            yield "--read-only-tmpfs=false"
    if context.get("privileged"):
        yield "--privileged"
    if context.get("allowPrivilegeEscalation") is False:
        yield "--security-opt=no-new-privileges"
    if (context.get("seccompProfile") or {}).get("type") == "Unconfined":
        yield "--security-opt=seccomp=unconfined"
    capabilities = context.get("capabilities") or {}
    yield from (f"--cap-drop={name}" for name in capabilities.get("drop") or ())
    yield from (f"--cap-add={name}" for name in capabilities.get("add") or ())


def find_image_problems(container: Json, pod: Json, image: Image) -> Iterator[Problem]:
    """Find what an image cannot be run for."""
    has_command = container.get("command") or image.entrypoint or container.get("args") or image.cmd
    if not has_command:
        yield Problem("local/no-command", f"neither it nor its image {container.get('image')} has a command")
    context = (pod.get("securityContext") or {}) | (container.get("securityContext") or {})
    user = context.get("runAsUser")
    if context.get("runAsNonRoot") and str(image.user if user is None else user).partition(":")[0] in ("", "0", "root"):
        hint = "say another user: securityContext.runAsUser, or USER in the image"
        yield Problem("local/root", "'runAsNonRoot' forbids to run it as root, as it would", hint=hint)


def find_pod_problems(pod: Json) -> Iterator[Problem]:
    """Find what no container here can be given."""
    for field, what in UNSUPPORTED.items():
        if pod.get(field):
            hint = f"leave '{field}' out with another values file (-f)"
            yield Problem("local/unsupported", f"'{field}': containers here do not share {what}", hint=hint)


def list_numbers(pod: Json) -> list[int]:
    """List the TCP ports of a pod that this program has to reach: those of its containers and of their probes."""
    names = list_ports(pod)
    numbers: dict[int, None] = {}
    for container in list_containers(pod):
        numbers |= {int(port["containerPort"]): None for port in container.get("ports") or () if is_tcp(port)}
        for kind in ("startupProbe", "readinessProbe", "livenessProbe"):
            probe = container.get(kind) or {}
            if request := probe.get("httpGet") or probe.get("grpc"):
                numbers[int(names.get(request["port"], request["port"]))] = None
        for hook in (container.get("lifecycle") or {}).values():
            if request := hook.get("httpGet"):
                numbers[int(names.get(request["port"], request["port"]))] = None
    return list(numbers)


def find_served_problems(served: Sequence[ServedPort], pod: Json) -> Iterator[Problem]:
    """Find the ports of Services that a pod cannot have: its names share one address here."""
    own = set(list_numbers(pod))
    targets: dict[int, ServedPort] = {}
    for each in served:
        other = targets.setdefault(each.port, each)
        if other.target != each.target:
            message = (
                f"port {each.port} of Service {each.service} and of Service {other.service} lead to different ports"
            )
            hint = "here a pod has one address for all of its Services: give one of them another port (-f)"
            yield Problem("local/service-port", message, hint=hint)
        elif each.port != each.target and each.port in own:
            message = (
                f"port {each.port} of Service {each.service} leads to {each.target}, and is a port of the pod itself"
            )
            hint = "here a pod has one address for all of its Services: give the Service another port (-f)"
            yield Problem("local/service-port", message, hint=hint)


def name_hosts(services: Sequence[Json], namespace: str) -> list[str]:
    """List the names under which the pods of Services answer, as a cluster's DNS has them."""
    names = [service["metadata"]["name"] for service in services]
    space = namespace or "default"
    tails = ("", f".{space}", f".{space}.svc", f".{space}.svc.cluster.local")
    return [name + tail for name in names for tail in tails]
