"""What `local` gives a pod of this machine: files and folders (`local.mounts`), and ports (`local.ports`)."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

from ks_universal.diagnostics import Problem
from ks_universal.json_types import Json
from ks_universal.model.format.images import find_entry
from ks_universal.model.format.local import Local, LocalMount
from ks_universal.targets.local.ports import EVERYWHERE, LOOPBACK, is_port_taken
from ks_universal.targets.local.services import find_target, list_ports


def find_mounts(container: Json, local: Local) -> Sequence[LocalMount]:
    """Find what a container is given of this machine: what its image is."""
    return find_entry(local.mounts, container["image"]) or ()


def list_mounts(container: Json, local: Local, directory: Path) -> list[str]:
    """Give the options that mount files and folders of this machine."""
    return [
        f"--volume={_locate(mount, directory)}:{mount.target}:{'ro' if mount.read_only else 'rw'}"
        for mount in find_mounts(container, local)
    ]


def _locate(mount: LocalMount, directory: Path) -> Path:
    return (directory / Path(mount.source).expanduser()).resolve()


def find_local_mount_problems(container: Json, local: Local, directory: Path) -> Iterator[Problem]:
    """Find what cannot be mounted of this machine."""
    own = {mount["mountPath"].rstrip("/") for mount in container.get("volumeMounts") or ()}
    for mount in find_mounts(container, local):
        if not _locate(mount, directory).exists():
            message, hint = f"{_locate(mount, directory)} does not exist", "correct its 'source' in `local.mounts`"
            yield Problem("local/mount", message, hint=hint)
        if mount.target.rstrip("/") in own:
            hint = "leave one of them out, with another values file (-f)"
            yield Problem("local/mount", f"a volume and `local.mounts` are both mounted at {mount.target}", hint=hint)


def list_fixed_ports(workload: str, pod: Json, services: Sequence[Json], local: Local) -> dict[int, int]:
    """Give the ports of a pod that `local.ports` fixes, with those of this machine; `services` are the pod's."""
    fixed: dict[int, int] = {}
    if wanted := local.ports.get(workload):
        numbers = list_ports(pod)
        known = numbers | {str(number): number for number in _list_numbers(pod)}
        fixed |= {known[key]: port for key, port in wanted.items() if key in known}
    for service in services:
        wanted = local.ports.get(service["metadata"]["name"], {})
        for port in service["spec"].get("ports") or ():
            for key in {str(port["port"]), port.get("name")} & wanted.keys():
                fixed[find_target(port, list_ports(pod))] = wanted[key]
    return fixed


def _list_numbers(pod: Json) -> Iterator[int]:
    for container in (*(pod.get("initContainers") or ()), *pod["containers"]):
        yield from (int(port["containerPort"]) for port in container.get("ports") or ())


def find_taken_ports(pods: Mapping[str, Collection[int]], own: Collection[int]) -> Iterator[Problem]:
    """Find the ports of this machine that pods cannot have; `own` are those that pods of the release have now."""
    for name, ports in pods.items():
        for port in ports:
            if port not in own and is_port_taken(port, LOOPBACK, EVERYWHERE):
                message = f"{name} wants port {port} of this machine, which another process has"
                hint = f"give it another one in `local.ports`, or see who has it: lsof -i :{port}"
                yield Problem("local/port-taken", message, hint=hint)
