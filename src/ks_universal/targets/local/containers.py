"""From a pod's spec to what runs here: one process a container, with the image's stand-in and the environment."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import msgspec

from ks_universal.diagnostics import Problem
from ks_universal.json_types import Json
from ks_universal.model.format.images import find_entry
from ks_universal.model.format.local import Local, LocalImage
from ks_universal.model.kubernetes.expansion import expand
from ks_universal.targets.local.environment import Sources, build_environment
from ks_universal.targets.local.hosting import in_container
from ks_universal.targets.local.mounts import find_mount_problems
from ks_universal.targets.local.processes.processes import ProcessRequest

_INHERITED = (
    "HOME",
    "LANG",
    "LC_ALL",
    "LOGNAME",
    "PATH",
    "SHELL",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "TMPDIR",
    "TZ",
    "USER",
)


class Machine(msgspec.Struct, frozen=True):
    """What this machine adds: `local` of the values, the folder that its relative paths start from, and `facts`.

    `facts` are the names that `$(NAME)` may say in `local.env` (LOCAL_POSTGRES_PORT and its like).
    """

    local: Local
    directory: Path
    facts: dict[str, str]

    def __repr__(self) -> str:
        return f"Machine({self.directory})"  # the rest holds passwords


def build_processes(
    template: Json, name: str, objects: Sources, machine: Machine
) -> tuple[dict[str, ProcessRequest], tuple[Problem, ...]]:
    """Return what to run for a pod, by container, and every reason why it cannot run here."""
    spec = template["spec"]
    requests: dict[str, ProcessRequest] = {}
    problems: list[Problem] = []
    for container in (*(spec.get("initContainers") or ()), *spec["containers"]):
        requests[container["name"]], found = _build_process(container, objects, machine)
        found += find_mount_problems(container, spec.get("volumes") or [])
        problems += (in_container(name, container["name"], problem) for problem in found)
    return requests, tuple(problems)


def find_image(image: str, local: Local) -> LocalImage:
    """Return what stands for an image: the entry with its tag, else the one without, else this folder."""
    return find_entry(local.images, image) or LocalImage()


def _build_process(container: Json, sources: Sources, machine: Machine) -> tuple[ProcessRequest, list[Problem]]:
    image = find_image(container.get("image") or "", machine.local)
    overrides = {name: expand(value, machine.facts) for name, value in machine.local.env.items()}
    variables, problems = build_environment(container, sources, overrides=overrides)
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    stand_in = {name: expand(value, machine.facts | inherited) for name, value in image.env.items()}
    env = inherited | stand_in | variables
    directory = (machine.directory / Path(image.directory).expanduser()).resolve()
    words = [*(container.get("command") or ()), *(container.get("args") or ())]
    argv = (
        *(expand(word, machine.facts | inherited) for word in image.command),
        *(expand(word, variables) for word in words),
    )
    request = ProcessRequest(argv=_locate(argv, directory, image), env=env, directory=str(directory))
    return request, [*problems, *_find_command_problems(request, container, image)]


def _locate(argv: tuple[str, ...], directory: Path, image: LocalImage) -> tuple[str, ...]:
    """Make a relative path to the command (`./serve`, `.venv/bin/python`) start from the image's folder."""
    if image.command and argv and "/" in argv[0] and not argv[0].startswith("/"):
        return (str(directory / argv[0]), *argv[1:])
    return argv


def _find_command_problems(request: ProcessRequest, container: Json, image: LocalImage) -> Iterator[Problem]:
    entry = f"local.images.'{container.get('image') or ''}'"
    if not Path(request.directory).is_dir():
        yield Problem(
            "local/directory", f"its directory {request.directory} does not exist", hint=f"see {entry}.directory"
        )
    elif find_command(request) is None and not container.get("command") and not image.command:
        hint = f"an image's entrypoint is not known here: write 'command', or say what stands for it in {entry}.command"
        yield Problem("local/no-command", "it has no command", hint=hint)
    elif find_command(request) is None:
        hint = f"install it, or say in {entry} where it is: 'directory', 'command' (what comes before), 'env' (PATH)"
        yield Problem("local/command-not-found", f"command not found: {request.argv[0]}", hint=hint)


def find_command(request: ProcessRequest) -> str | None:
    """Return the file that would run; None when there is none."""
    command = request.argv[0] if request.argv else ""
    if "/" in command:
        return shutil.which(Path(request.directory) / command)
    return shutil.which(command, path=_search_path(request)) if command else None


def _search_path(request: ProcessRequest) -> str:
    """Return the PATH with its relative parts taken from the process's folder, as the process itself will see them."""
    parts = request.env.get("PATH", os.defpath).split(os.pathsep)
    return os.pathsep.join(str(Path(request.directory) / part) for part in parts)
