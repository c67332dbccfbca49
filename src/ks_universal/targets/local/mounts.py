"""What a process can be given of a pod's volumes: without a container, only folders that are there already."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ks_universal.diagnostics import Problem
from ks_universal.json_types import Json

_HINT = (
    "a process of this machine has no file system of its own: pass the content as environment for local use, "
    "or leave the mount out with another values file (-f)"
)


def find_mount_problems(container: Json, volumes: list[Json]) -> Iterator[Problem]:
    """Find the mounts that a process cannot be given.

    An emptyDir is fine where a writable folder exists already (`/tmp`), a hostPath where it is mounted at its own path.
    """
    by_name = {volume["name"]: volume for volume in volumes}
    for mount in container.get("volumeMounts") or ():
        volume = by_name.get(mount["name"], {})
        if not _is_there(mount, volume):
            message = (
                f"{_kind_of(volume)} {mount['name']} cannot be mounted at {mount['mountPath']} without a container"
            )
            yield Problem("local/mount", message, hint=_HINT)


def _is_there(mount: Json, volume: Json) -> bool:
    path = Path(mount["mountPath"])
    if "emptyDir" in volume:
        return _is_scratch(path)
    host = (volume.get("hostPath") or {}).get("path")
    return host is not None and path.exists() and path.resolve() == Path(host).resolve()


def _is_scratch(path: Path) -> bool:
    """Tell whether a path is meant for scratch files here, too; any other writable folder is the user's own."""
    scratch = {Path(name).resolve() for name in ("/tmp", "/var/tmp", "/dev/shm", tempfile.gettempdir())}  # noqa: S108 - compared, not written to
    resolved = path.resolve()
    return os.access(resolved, os.W_OK) and any(resolved == folder or folder in resolved.parents for folder in scratch)


def _kind_of(volume: Json) -> str:
    return next((key for key in volume if key != "name"), "volume")
