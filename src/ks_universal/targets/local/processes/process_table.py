"""Which process groups are ours: told by the leader's process id together with the time when it started.

A process writes its own entry before it becomes the command (see `ENTRY`), so a kill of this program at any moment
leaves no process without one; and an id that the system has given to somebody else since is never taken for ours.
"""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import msgspec

MARK = "KS_UNIVERSAL_ENTRY"
"""The variable that tells a process, and all that it starts, the file of its entry."""

NOT_STARTED = 125
"""The exit status of a shell that could not write its entry; so may a command end, but then the entry is there."""

ENTRY = """\
{ read -r stat </proc/$$/stat || stat=$(command -p ps -o lstart= -p $$); } 2>/dev/null
printf '%s\\n%s\\n' "$$" "$stat" >"$0.new" && command -p mv -f "$0.new" "$0" || exit 125
"""
"""Shell text that writes the running shell's entry to the file `$0`: process id, then what tells its start."""

RUN = ENTRY + 'exec "$@" 2>&1\n'
"""Shell text for `sh -c RUN FILE COMMAND...`: writes the entry, then becomes the command."""


class Entry(msgspec.Struct, frozen=True):
    """A process group, led by process `pid`, which started at `started` (a text to compare, of no other meaning)."""

    pid: int
    started: str


def read_entry(file: Path) -> Entry | None:
    """Read an entry; None when the process has not written one, or the file holds something else."""
    try:
        pid, stat = file.read_text().splitlines()[:2]
        return Entry(int(pid), _start_in(stat))
    except (OSError, ValueError, IndexError):
        return None


def read_start(pid: int) -> str | None:
    """Return what tells when a process started; None when there is no such process, or only its unreaped rest."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None if Path("/proc/self/stat").exists() else _ask_ps(pid)
    return None if _state_in(stat) == "Z" else _start_in(stat)


def is_running(entry: Entry) -> bool:
    """Tell whether the leader of the group is alive and the one that wrote the entry."""
    return read_start(entry.pid) == entry.started


def group_is_ours(entry: Entry, file: Path) -> bool:
    """Tell whether the group of an entry, read from `file`, still is the one that wrote it, and has a living member.

    Where the leader has ended, its id may be another group's by now, also one without a leader (a daemon's): a member's
    environment tells then. Where that cannot be read (macOS), such a group counts as somebody else's.
    """
    start = read_start(entry.pid)
    if start is not None:
        return start == entry.started
    mark = f"{MARK}={file}".encode()
    return any(mark in _read_environment(stat.with_name("environ")) for stat in _living_members(entry.pid))


def find_daemons(path: Path, group: int | None = None) -> list[Entry]:
    """Find the living processes outside of `group` that were started with an entry at `path` or below, or by such.

    Where environments cannot be read (macOS) none is found.
    """
    mark = f"{MARK}={path}".encode()
    daemons = []
    for name in _list_processes():
        environment = _read_environment(f"/proc/{name}/environ")
        if any(word == mark or word.startswith(mark + b"/") for word in environment) and int(name) != os.getpid():
            fields = _read_fields(Path(f"/proc/{name}/stat"))
            if fields and fields[0] not in "ZX" and int(fields[2]) != group:
                daemons.append(Entry(int(name), fields[19]))
    return daemons


def group_is_alive(pgid: int) -> bool:
    """Tell whether a process group has a living member (one that ended and waits to be reaped is none)."""
    try:
        os.killpg(pgid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # macOS says so of a group that has only unreaped members
        return Path("/proc/self/stat").exists()
    if not Path("/proc/self/stat").exists():
        return True
    return any(_living_members(pgid))


def _living_members(pgid: int) -> Iterator[Path]:
    return (file for file in Path("/proc").glob("[0-9]*/stat") if _is_living_member(file, pgid))


def _list_processes() -> list[str]:
    try:
        return [name for name in os.listdir("/proc") if name.isdigit()]  # noqa: PTH208 - see below
    except FileNotFoundError:  # macOS
        return []


def _read_environment(file: Path | str) -> list[bytes]:
    try:
        with open(file, "rb") as environment:  # noqa: PTH123 - of all processes of the machine, so it is to be fast
            return environment.read().split(b"\0")
    except OSError:  # it has just ended, or is another user's
        return []


def _is_living_member(file: Path, pgid: int) -> bool:
    fields = _read_fields(file)
    return bool(fields) and int(fields[2]) == pgid and fields[0] not in "ZX"


def _read_fields(stat: Path) -> list[str]:
    """Read a stat file's fields after the name; none when the process is gone."""
    try:
        return _fields_after_name(stat.read_text())
    except (FileNotFoundError, ProcessLookupError):
        return []


def _ask_ps(pid: int) -> str | None:
    command = ["ps", "-o", "lstart=", "-p", str(pid)]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - a number is all it gets
    return answer.stdout.strip() or None


def _fields_after_name(stat: str) -> list[str]:
    """Split /proc/PID/stat after the name, which may hold spaces and parentheses: state, parent, group ..."""
    return stat.rpartition(")")[2].split()


def _state_in(stat: str) -> str:
    return _fields_after_name(stat)[0]


def _start_in(stat: str) -> str:
    """Return the start out of a stat line (field 22 of proc(5), ticks since boot), or ps's date as it is."""
    return _fields_after_name(stat)[19] if ")" in stat else stat.strip()
