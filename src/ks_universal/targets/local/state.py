"""The folder `.ks-universal/<release>/`: what this machine remembers of a release. Only the owner can read it.

    lock                 who works on the release (lock.py)
    stopped              when `down` was asked for last
    objects/             the applied objects, one file each
    revisions/           the record, one file a revision
    processes/           the pods' running processes (process_table.py)
    attempts/            the migrations' attempts: log and exit status (durable.py)
    postgres/            the embedded server (postgres.py)

Every file is written aside, flushed to the disk and moved into place: a kill leaves the old content or the new one.
"""

import os
import shutil
import time
from pathlib import Path
from typing import Any

import msgspec

from ks_universal.diagnostics import Problem
from ks_universal.errors import TargetError
from ks_universal.plan.records import Revision
from ks_universal.resources.objects import Identity, identity

Json = dict[str, Any]


def write_durably(path: Path, content: bytes) -> None:
    """Replace a file by `content` (mode 0600), as a whole and flushed to the disk."""
    aside = path.with_name(path.name + ".new")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)


def make_private(folder: Path) -> Path:
    """Make the folder, with its parents, for this user only; a symbolic link in its place is refused."""
    if folder.is_symlink():
        raise TargetError(Problem("local/state", f"{folder} is a symbolic link", hint="remove it"))
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    return folder


def make_common(folder: Path) -> Path:
    """Make the folder of all releases, for this user only; git is to leave it alone, whose project ever it is in."""
    make_private(folder)
    if not (ignore := folder / ".gitignore").exists():
        write_durably(ignore, b"*\n")
    return folder


class StateFolder:
    """Reads and writes the folder of one release; folders are made when first written to."""

    def __init__(self, path: Path) -> None:
        """Take the folder's path, which need not exist."""
        self.path = path.absolute()

    def folder(self, name: str) -> Path:
        """Make and return a folder inside."""
        make_private(self.path)
        return make_private(self.path / name)

    def write_object(self, body: Json) -> None:
        """Remember an applied object."""
        write_durably(self.folder("objects") / _file_name(identity(body)), msgspec.json.encode(body))

    def forget_object(self, subject: Identity) -> None:
        """Forget an object; one that is not there is fine."""
        (self.path / "objects" / _file_name(subject)).unlink(missing_ok=True)

    def read_object(self, subject: Identity) -> Json | None:
        """Return an applied object; None when there is none."""
        file = self.path / "objects" / _file_name(subject)
        return msgspec.json.decode(file.read_bytes()) if file.exists() else None

    def read_objects(self) -> dict[Identity, Json]:
        """Return the applied objects by identity, sorted."""
        bodies = (msgspec.json.decode(file.read_bytes()) for file in (self.path / "objects").glob("*.json"))
        return dict(sorted(((identity(body), body) for body in bodies), key=lambda pair: pair[0]))

    def write_revision(self, revision: Revision) -> None:
        """Keep a revision's record; durable on return."""
        write_durably(self.folder("revisions") / f"{revision.number:06d}.json", msgspec.json.encode(revision))

    def read_revisions(self) -> tuple[Revision, ...]:
        """Return all records, oldest first."""
        files = sorted((self.path / "revisions").glob("*.json"))
        return tuple(msgspec.json.decode(file.read_bytes(), type=Revision) for file in files)

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
        if path.is_symlink():
            path.unlink()
        elif path.exists():
            shutil.rmtree(path)


def _file_name(subject: Identity) -> str:
    return f"{subject.kind}.{subject.name}.json"
