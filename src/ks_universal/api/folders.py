"""The manifests of a release as a folder that a tool of GitOps reads: written, or compared with what the values give.

A file is replaced at once, and files are removed last: a run that was interrupted leaves whole ones; the next goes on.
"""

import fcntl
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from ks_universal.diagnostics import Problem
from ks_universal.errors import InputError, TargetError
from ks_universal.manifest.flavors import Flavor, FluxSource
from ks_universal.manifest.folders import build_files, find_clock, find_plain_secrets, read_owner, write_header
from ks_universal.resources.objects import Rendered

_ASIDE = ".ks-universal-new"
_LONGEST_HEADER = 1000
_KINDS = {stat.S_IFLNK: "a symbolic link", stat.S_IFDIR: "a folder", stat.S_IFREG: "a file"}
_REGENERATE = "write it again with 'ks-universal template --out-dir', and commit what has changed"


class FolderChanges(msgspec.Struct, frozen=True):
    """The files of a folder, by relative path: those that were written and removed, and those that stayed."""

    written: tuple[str, ...]
    removed: tuple[str, ...]
    unchanged: tuple[str, ...]


def template_files(
    rendered: Rendered, flavor: Flavor = Flavor.PLAIN, *, flux: FluxSource | None = None
) -> dict[str, str]:
    """Give the manifests of a release as files: text by relative path (with `/`), sorted.

    Paths stay the same as long as objects keep their names; the first line of each file says that it is written.
    """
    return build_files(rendered, flavor, flux)


def check_for_files(rendered: Rendered) -> tuple[Problem, ...]:
    """Find what of a release is not for files in git: values of Secrets, and the time of the run; a warning each."""
    clock = () if "SOURCE_DATE_EPOCH" in os.environ else find_clock(rendered)
    return (*find_plain_secrets(rendered), *clock)


def write_folder(rendered: Rendered, flavor: Flavor, folder: str, *, flux: FluxSource | None = None) -> FolderChanges:
    """Write the files of a release into a folder, which is made, and remove those that it has no more.

    A file is the release's by its first line; no other is ever touched. One that has the right text is not written.
    Raises InputError, before anything has changed, where something else is in the way of a file; TargetError where the
    folder cannot be read or written.
    """
    files = build_files(rendered, flavor, flux)
    with _telling_failures(folder), _locked(folder) as root:
        (root / _ASIDE).unlink(missing_ok=True)
        there = _Folder(root, rendered.release, files)
        if problems := there.find_strangers():
            raise InputError(problems)
        for path in there.changed:
            _write(root, path, files[path])
        for path in there.left_over:
            _remove(root, path)
        unchanged = tuple(sorted(files.keys() - there.changed))
        return FolderChanges(there.changed, there.left_over, unchanged)


def check_folder(
    rendered: Rendered, flavor: Flavor, folder: str, *, flux: FluxSource | None = None
) -> tuple[Problem, ...]:
    """Find what `write_folder` would change in a folder: an error for each file. Nothing is written.

    Raises TargetError where the folder cannot be read.
    """
    files = build_files(rendered, flavor, flux)
    with _telling_failures(folder):
        there = _Folder(Path(folder), rendered.release, files)
        return (
            *there.find_strangers(),
            *(_report(folder, path, _tell(path, there)) for path in there.changed),
            *(_report(folder, path, "is not made by the values any more") for path in there.left_over),
        )


class _Folder:
    """What is in a folder, beside the files that a release is to have there."""

    def __init__(self, root: Path, release: str, files: Mapping[str, str]) -> None:
        self._root = root
        self._release = release
        self._files = files
        self.texts = {path: _read(root / path) for path in files}
        self.changed = tuple(path for path, text in files.items() if self.texts[path] != text.encode())
        self.left_over = tuple(sorted(p for p in _list_files(root) if p not in files and self._is_own(p)))

    def find_strangers(self) -> tuple[Problem, ...]:
        """Find what is in the way of the files of the release, and does not belong to it."""
        return tuple(problem for path in self._files for problem in self._find_stranger(path))

    def _find_stranger(self, path: str) -> Iterator[Problem]:
        folder, _, _ = path.rpartition("/")
        if folder and (what := _tell_other(self._root / folder, stat.S_IFDIR)):
            yield _report_stranger(self._root / folder, what, "folder")
        elif what := _tell_other(self._root / path, stat.S_IFREG):
            yield _report_stranger(self._root / path, what, "file")
        elif self.texts[path] is not None and not self._is_own(path):
            owner = read_owner(_read_first_line(self._root / path))
            what = "is a file of somebody else" if owner is None else f"is a file of release {owner}"
            yield _report_stranger(self._root / path, what, "file")

    def _is_own(self, path: str) -> bool:
        return _read_first_line(self._root / path) == write_header(path, self._release)


def _tell(path: str, there: _Folder) -> str:
    return "is missing" if there.texts[path] is None else "is not what the values give"


def _report(folder: str, path: str, what: str) -> Problem:
    return Problem("folder/outdated", f"{Path(folder) / path} {what}", hint=_REGENERATE)


def _report_stranger(path: Path, what: str, wanted: str) -> Problem:
    hint = "move it away, or give another folder"
    return Problem("folder/stranger", f"{path} {what}, where a {wanted} is to be written", hint=hint)


def _list_files(root: Path) -> Iterator[str]:
    """List the files of a folder and the folders in it, where files of a release may be; no links, nothing hidden."""
    for entry in _scan(root):
        if entry.is_file(follow_symlinks=False):
            yield entry.name
        elif entry.is_dir(follow_symlinks=False) and not entry.name.startswith("."):
            yield from (f"{entry.name}/{e.name}" for e in _scan(Path(entry.path)) if e.is_file(follow_symlinks=False))


def _scan(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except FileNotFoundError:
        return []


def _read(file: Path) -> bytes | None:
    """Read a file; None where there is none, a link included."""
    return file.read_bytes() if _find_kind(file) == stat.S_IFREG else None


def _read_first_line(file: Path) -> str:
    with file.open("rb") as stream:
        return stream.readline(_LONGEST_HEADER).rstrip(b"\r\n").decode("utf-8", "replace")


def _find_kind(file: Path) -> int | None:
    """Find whether there is a file, a folder or something else; links are not followed."""
    try:
        return stat.S_IFMT(file.lstat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return None


def _tell_other(path: Path, wanted: int) -> str | None:
    """Say what is at a path, if that is something else than what is wanted there."""
    found = _find_kind(path)
    return None if found in {None, wanted} else f"is {_KINDS.get(found or 0, 'something else')}"


def _write(root: Path, path: str, text: str) -> None:
    """Replace a file at once."""
    aside, file = root / _ASIDE, root / path
    try:
        with aside.open("x", encoding="utf-8", newline="") as stream:
            stream.write(text)
        file.parent.mkdir(exist_ok=True)
        aside.rename(file)
    finally:
        aside.unlink(missing_ok=True)


def _remove(root: Path, path: str) -> None:
    """Remove a file, and its folder when it was the last in it."""
    file = root / path
    file.unlink()
    if file.parent != root and not _scan(file.parent):
        file.parent.rmdir()


@contextmanager
def _locked(folder: str) -> Iterator[Path]:
    """Make a folder, and hold it for this process alone: what lies aside in it is that of one that was killed."""
    root = Path(folder)
    root.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with suppress(OSError):  # a file system without locks
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield root
    finally:
        os.close(descriptor)


@contextmanager
def _telling_failures(folder: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = os.strerror(error.errno or 0).lower()
        hint = "each file in it is whole, the old or the new one: when that is mended, write the folder again"
        raise TargetError(Problem("folder/unusable", f"{error.filename or folder}: {reason}", hint=hint)) from error
