"""The files of this machine that an image is made of where processes stand for it: `local.images.*.watch`.

Their content counts as the image's tag does: another one migrates, and rolls out.
"""

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from ks_universal.diagnostics import Problem
from ks_universal.digests import sha256_hex
from ks_universal.errors import InputError
from ks_universal.model.format.images import find_entry
from ks_universal.model.format.local import Local, LocalImage
from ks_universal.resources.images import list_containers, replace_images
from ks_universal.resources.objects import Rendered

_KEPT_BY_TOOLS = frozenset(
    (
        "__pycache__", ".git", ".hg", ".svn", ".idea", ".venv", ".tox", "node_modules", "site-packages",
        ".mypy_cache", ".pytest_cache", ".ruff_cache", ".hypothesis", ".ks-universal",
    )
)  # fmt: skip
_KEPT_BY_EDITORS = re.compile(r"\.py[cod]$|\.sw.$|~$|\.___jb_\w+___$|^\.#|^\.DS_Store$|^flycheck_").search


def is_source(path: Path) -> bool:
    """Tell whether a file, by its path within the folder that is named, is none that tools or editors keep there."""
    return _KEPT_BY_TOOLS.isdisjoint(path.parts) and not _KEPT_BY_EDITORS(path.name)


def find_sources(image: LocalImage, directory: Path) -> tuple[Path, ...]:
    """Find the files and folders that an image is made of."""
    start = directory / Path(image.directory).expanduser()
    return tuple((start / Path(path).expanduser()).resolve() for path in image.watch)


def replace_watched(rendered: Rendered, local: Local, directory: Path) -> Rendered:
    """Give a release with digests of the files that its images are made of. Raises InputError for files not there."""
    names = {container["image"] for body in rendered.bodies for container in list_containers(body)}
    entries = {name: entry for name in sorted(names) if (entry := find_entry(local.images, name)) and entry.watch}
    problems = [problem for name, entry in entries.items() for problem in _find_missing(name, entry, directory)]
    if problems:
        raise InputError(problems)
    return replace_images(rendered, _name_by_content(entries, directory))


def _name_by_content(entries: Mapping[str, LocalImage], directory: Path) -> dict[str, str]:
    return {
        name: f"{name.partition('@')[0]}@sha256:{_digest(find_sources(entry, directory))}"
        for name, entry in entries.items()
    }


def _find_missing(image: str, entry: LocalImage, directory: Path) -> Iterator[Problem]:
    for path in find_sources(entry, directory):
        if not path.exists():
            hint = "its paths are relative to the image's 'directory'"
            yield Problem("local/directory", f"local.images.'{image}'.watch: {path} does not exist", hint=hint)


def _digest(sources: tuple[Path, ...]) -> str:
    seen = [
        f"{number} {file.relative_to(source)} {_digest_file(file)}"
        for number, source in enumerate(sources)
        for file in sorted(_list_files(source))
    ]
    return sha256_hex("\0".join(seen).encode(errors="surrogateescape"))


def _digest_file(file: Path) -> str:
    try:
        return sha256_hex(file.read_bytes())
    except OSError:  # gone meanwhile, which is a change to come
        return ""


def _list_files(source: Path) -> Iterator[Path]:
    if source.is_file():
        yield source
    for folder, folders, files in os.walk(source):
        folders[:] = [name for name in folders if name not in _KEPT_BY_TOOLS]
        paths = [Path(folder) / name for name in files if is_source(Path(name))]
        yield from (path for path in paths if path.is_file())  # no pipe, which would be waited for
