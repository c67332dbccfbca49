"""The folder `.ks-universal/<release>/`: what this machine remembers of a release. Only the owner can read it.

    lock                 who works on the release (lock.py)
    stopped              when `down` was asked for last
    live.json            what runs now (live.py)
    log, log.1           what containers said since `up` began (log_file.py)
    objects/             the applied objects, one file each
    revisions/           the record, one file a revision
    processes/           the pods' running processes (process_table.py)
    requests/            what these were started with, for `exec` (process_host.py)
    attempts/            the migrations' attempts: log and exit status (durable.py)
    postgres/            the embedded server (postgres.py)

Every file is written aside, flushed to the disk and moved into place: a kill leaves the old content or the new one.
"""

import contextlib
import errno
import logging
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import msgspec

from ks_universal.diagnostics import Problem, Severity
from ks_universal.errors import TargetError
from ks_universal.json_types import Json
from ks_universal.plan.records import Revision, upgrade
from ks_universal.resources.objects import ObjectRef, object_ref

_log = logging.getLogger(__name__)

T = TypeVar("T")
_LATEST_HINT = "remove it, and the run before counts as the last one; or begin anew, with an empty database: up --fresh"
_ELSEWHERE = "run it from a folder that you may write to: the state of a release is in .ks-universal there"
FREE_THE_DISK = "free some of the disk, then run it again"
_DISK_HINTS = {
    errno.ENOSPC: FREE_THE_DISK,
    errno.EDQUOT: FREE_THE_DISK,
    errno.EACCES: _ELSEWHERE,
    errno.EPERM: _ELSEWHERE,
    errno.EROFS: _ELSEWHERE,
}


@contextlib.contextmanager
def telling_of_disk(path: Path) -> Iterator[None]:
    """Have what the system refuses (a full disk, another user's folder) end as a TargetError that names the file."""
    try:
        yield
    except OSError as error:
        message = f"{error.filename or path}: {os.strerror(error.errno or 0).lower()}"
        raise TargetError(Problem("local/disk", message, hint=_DISK_HINTS.get(error.errno or 0))) from error


def write_durably(path: Path, content: bytes) -> None:
    """Replace a file by `content` (mode 0600), as a whole and flushed to the disk. Raises TargetError."""
    aside = path.with_name(path.name + ".new")
    with telling_of_disk(aside):
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)


def write_if_possible(path: Path, content: bytes) -> None:
    """Replace a file by `content` (mode 0600). What is written for others to read is not worth the end of a run."""
    aside = path.with_name(path.name + ".new")
    try:
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        aside.replace(path)
    except OSError as error:
        _log.warning("%s cannot be written: %s", path, error)


def make_private(folder: Path) -> Path:
    """Make the folder, with its parents, for this user only. Raises TargetError, also for a symbolic link."""
    refuse_link(folder)
    with telling_of_disk(folder):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
    return folder


def make_common(folder: Path) -> Path:
    """Make the folder of all releases, for this user only; git is to leave it alone, whose project ever it is in."""
    make_private(folder)
    for child in folder.iterdir():
        refuse_link(child)
    if not (ignore := folder / ".gitignore").exists():
        write_durably(ignore, b"*\n")
    return folder


def refuse_link(path: Path) -> None:
    """Raise TargetError for a symbolic link: it may have come with somebody's repository, and lead anywhere."""
    if path.is_symlink():
        raise TargetError(Problem("local/state", f"{path} is a symbolic link", hint="remove it"))


def list_folders(folder: Path) -> list[Path]:
    """List the folders in a folder, sorted by name; none where it does not exist."""
    return sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []


class StateFolder:
    """Reads and writes the folder of one release; folders are made when first written to."""

    def __init__(self, path: Path) -> None:
        """Take the folder's path, which need not exist."""
        self.path = path.absolute()

    def refuse_links(self) -> None:
        """Raise TargetError for a symbolic link instead of the folder or in it; what is PostgreSQL's may hold some."""
        refuse_link(self.path)
        for folder, folders, files in os.walk(self.path):
            for name in (*folders, *files):
                refuse_link(Path(folder, name))
            if Path(folder) == self.path / "postgres":
                folders.clear()

    def folder(self, name: str) -> Path:
        """Make and return a folder inside."""
        make_private(self.path)
        return make_private(self.path / name)

    def write_object(self, body: Json) -> None:
        """Remember an applied object."""
        write_durably(self.folder("objects") / _file_name(object_ref(body)), msgspec.json.encode(body))

    def forget_object(self, ref: ObjectRef) -> None:
        """Forget an object; one that is not there is fine."""
        (self.path / "objects" / _file_name(ref)).unlink(missing_ok=True)

    def read_object(self, ref: ObjectRef) -> Json | None:
        """Return an applied object; None when there is none that can be read."""
        return _read_object(self.path / "objects" / _file_name(ref))

    def read_objects(self) -> dict[ObjectRef, Json]:
        """Return the applied objects that can be read, by identity, sorted."""
        bodies = filter(None, map(_read_object, (self.path / "objects").glob("*.json")))
        return dict(sorted(((object_ref(body), body) for body in bodies), key=lambda pair: pair[0]))

    def write_revision(self, revision: Revision) -> None:
        """Keep a revision's record; durable on return."""
        write_durably(self.folder("revisions") / f"{revision.number:06d}.json", msgspec.json.encode(revision))

    def read_revisions(self) -> tuple[tuple[Revision, ...], tuple[Problem, ...]]:
        """Return the records that can be read, oldest first, and what is wrong with others.

        That is an error if it is the latest, which tells what a migration has done, and else a warning.
        """
        read = [_read(file, Revision) for file in sorted((self.path / "revisions").glob("*.json"))]
        problems = [revision for revision in read if isinstance(revision, Problem)]
        if read and isinstance(read[-1], Problem):
            problems[-1] = msgspec.structs.replace(read[-1], severity=Severity.ERROR, hint=_LATEST_HINT)
        return tuple(upgrade(revision) for revision in read if isinstance(revision, Revision)), tuple(problems)

    def stop_waiting(self) -> None:
        """Have all programs that wait for the release give up: see `last_stop`."""
        write_durably(self.path / "stopped", str(time.time_ns()).encode())

    def last_stop(self) -> bytes:
        """Return what tells whether the release was stopped since, to compare; empty when it never was."""
        file = self.path / "stopped"
        return file.read_bytes() if file.exists() else b""

    def remove(self, name: str) -> None:
        """Remove a folder inside with all it holds; a symbolic link is removed, never followed."""
        path = self.path / name
        with telling_of_disk(path):
            if path.is_symlink():
                path.unlink()
            elif path.exists():
                shutil.rmtree(path)

    def remove_all(self) -> None:
        """Remove the folder; the record first, so that a kill in between leaves none of what is gone."""
        self.remove("revisions")
        with telling_of_disk(self.path):
            shutil.rmtree(self.path)


def _read_object(file: Path) -> Json | None:
    """Read an applied object; one that cannot be read counts as not there, and is written anew."""
    body = _read(file, Json)
    if isinstance(body, Problem) or not isinstance(metadata := body.get("metadata"), dict):
        return None
    return body if isinstance(body.get("kind"), str) and isinstance(metadata.get("name"), str) else None


def _read(file: Path, kind: type[T]) -> T | Problem:
    try:
        return msgspec.json.decode(file.read_bytes(), type=kind)
    except OSError as error:
        reason = os.strerror(error.errno or 0).lower()
    except (msgspec.MsgspecError, ValueError) as error:
        reason = str(error)
    return Problem("local/record", f"{file} cannot be read: {reason}", hint="remove it", severity=Severity.WARNING)


def _file_name(ref: ObjectRef) -> str:
    return f"{ref.kind}.{ref.name}.json"
