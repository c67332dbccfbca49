"""A command beside what runs of a release on this machine."""

import os
from collections.abc import Sequence
from pathlib import Path

import msgspec

from ks_universal.api.local import PROCESS, find_state
from ks_universal.diagnostics import Problem
from ks_universal.errors import InputError
from ks_universal.targets.containers.naming import name_for
from ks_universal.targets.local.live import Live, LiveApplication, LiveContainer, read_live
from ks_universal.targets.local.process_host import find_request
from ks_universal.targets.local.processes.processes import ProcessRequest
from ks_universal.targets.local.state import StateFolder


class LocalCommand(msgspec.Struct, frozen=True):
    """A command as it is to be started on this machine: in a container, or as its process was."""

    argv: tuple[str, ...]
    env: dict[str, str]
    directory: str

    def __repr__(self) -> str:
        return f"LocalCommand({self.argv[:1]})"  # the rest may hold values of Secrets


def build_local_command(
    release: str,
    application: str,
    command: Sequence[str],
    *,
    container: str | None = None,
    terminal: bool = False,
    state: Path | None = None,
) -> LocalCommand:
    """Give what runs a command in a container of a release that is up, with the container's variables.

    Without `container` it is the first one that is no sidecar. `terminal`: somebody types at a terminal. Raises
    InputError where no such container runs.
    """
    folder = StateFolder(find_state(release, state))
    live = read_live(folder)
    found = _find(live, application, container)
    if live is None or found is None:
        raise InputError([_find_none(release, live, application)])
    workload, running = found
    if live.engine == PROCESS:
        return _as_process(folder, f"{workload.name}.{running.name}", command, terminal=terminal)
    name = name_for(folder.path).name(workload.name, running.name)
    options = ["--interactive", *(["--tty"] if terminal else [])]
    return LocalCommand((live.engine, "exec", *options, name, *command), dict(os.environ), str(Path.cwd()))


def _as_process(folder: StateFolder, name: str, command: Sequence[str], *, terminal: bool) -> LocalCommand:
    try:
        request = msgspec.json.decode(find_request(folder.path, name).read_bytes(), type=ProcessRequest)
    except (OSError, msgspec.MsgspecError):
        raise InputError([_is_down(name)]) from None
    # What an engine sets for a terminal, too: editors and pagers look at it.
    env = {"TERM": os.environ.get("TERM", "xterm")} if terminal else {}
    return LocalCommand(tuple(command), env | request.env, request.directory)


def _find(live: Live | None, application: str, container: str | None) -> tuple[LiveApplication, LiveContainer] | None:
    for workload in () if live is None else live.applications:
        if application in (workload.application, workload.name):
            for running in workload.containers:
                if running.name == container if container else not running.is_sidecar:
                    return workload, running
    return None


def _find_none(release: str, live: Live | None, application: str) -> Problem:
    if live is None:
        hint = f"start it: ks-universal up {release} -f values.yaml"
        return Problem("release/not-running", f"{release} does not run from this folder", hint=hint)
    names = [f"{each.application} ({', '.join(one.name for one in each.containers)})" for each in live.applications]
    hint = f"there are: {', '.join(names)}" if names else "nothing of it runs"
    return Problem("release/not-running", f"{application} has no such container that runs", hint=hint)


def _is_down(name: str) -> Problem:
    return Problem("release/not-running", f"container {name} does not run just now", hint="it may be starting again")
