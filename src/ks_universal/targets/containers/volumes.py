"""The volumes of a pod: files from ConfigMaps and Secrets in the release's folder, and volumes of the engine.

A claim's volume outlives the release; that of an emptyDir goes with its pod.
"""

import base64
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

import msgspec

from ks_universal.diagnostics import Problem
from ks_universal.json_types import Json
from ks_universal.model.kubernetes.expansion import expand
from ks_universal.model.kubernetes.names import read_quantity
from ks_universal.resources.objects import ObjectRef
from ks_universal.targets.local.environment import Sources, read_field

_DEFAULT_MODE = 0o644


class File(msgspec.Struct, frozen=True):
    """A file of a volume."""

    content: bytes
    mode: int

    def __repr__(self) -> str:
        return f"File({len(self.content)} bytes)"  # which may be a Secret's


class Files(msgspec.Struct, frozen=True):
    """A volume that holds given files, by their paths, for reading."""

    files: dict[str, File]


class Folder(msgspec.Struct, frozen=True):
    """A folder of this machine."""

    path: str
    is_to_be_made: bool = False


class Scratch(msgspec.Struct, frozen=True):
    """A volume that is empty at first, and gone with its pod; in memory if that is asked for."""

    in_memory: bool = False
    size_bytes: int | None = None


class Claim(msgspec.Struct, frozen=True):
    """A volume that holds data as long as its release is not begun anew."""

    name: str


Volume = Files | Folder | Scratch | Claim


def build_volumes(pod: Json, sources: Sources) -> tuple[dict[str, Volume], list[Problem]]:
    """Give a pod's volumes by name, and what is wrong with them."""
    volumes: dict[str, Volume] = {}
    problems: list[Problem] = []
    for spec in pod.get("volumes") or ():
        built = _build_volume(spec, sources)
        if isinstance(built, Problem):
            problems.append(built)
        else:
            volumes[spec["name"]] = built
    return volumes, problems


def _build_volume(spec: Json, sources: Sources) -> Volume | Problem:
    if "emptyDir" in spec:
        settings = spec["emptyDir"] or {}
        size = settings.get("sizeLimit")
        return Scratch(settings.get("medium") == "Memory", int(read_quantity(str(size))) if size else None)
    if "persistentVolumeClaim" in spec:
        return Claim(spec["persistentVolumeClaim"]["claimName"])
    if "volumeClaimTemplate" in spec:  # of a StatefulSet, whose pod has a number
        return Claim(f"{spec['name']}-{sources.pod_name}")
    if "hostPath" in spec:
        return _build_folder(spec["hostPath"])
    kind = next((key for key in ("configMap", "secret", "projected", "downwardAPI") if key in spec), None)
    if kind is None:
        what = next((key for key in spec if key != "name"), "volume")
        hint = "leave it out, or put another volume in its place, with another values file (-f)"
        return Problem("local/mount", f"volume {spec['name']}: {what} cannot be had on this machine", hint=hint)
    return _build_files(spec["name"], kind, spec[kind] or {}, sources)


def _build_folder(host_path: Json) -> Volume | Problem:
    path, kind = host_path["path"], host_path.get("type") or ""
    is_to_be_made = kind == "DirectoryOrCreate"
    if not is_to_be_made and not Path(path).exists():
        return Problem("local/mount", f"hostPath {path} does not exist", hint="make it, or leave the volume out (-f)")
    return Folder(path, is_to_be_made)


def _build_files(name: str, kind: str, source: Json, sources: Sources) -> Volume | Problem:
    mode = _read_mode(source.get("defaultMode"), _DEFAULT_MODE)
    files: dict[str, File] = {}
    parts = source.get("sources") or () if kind == "projected" else ({kind: source},)
    for part in parts:
        key = next(iter(part), "")
        read = _read_part(key, part.get(key) or {}, mode, sources)
        if isinstance(read, Problem):
            return msgspec.structs.replace(read, message=f"volume {name}: {read.message}")
        files |= read
    return Files(files)


def _read_part(kind: str, source: Json, mode: int, sources: Sources) -> dict[str, File] | Problem:
    if kind == "downwardAPI":
        return {
            item["path"]: File(
                read_field(item["fieldRef"]["fieldPath"], sources).encode(), _read_mode(item.get("mode"), mode)
            )
            for item in source.get("items") or ()
            if "fieldRef" in item
        }
    if kind not in ("configMap", "secret"):
        hint = "leave it out with another values file (-f)"
        return Problem("local/mount", f"a '{kind}' cannot be had on this machine", hint=hint)
    object_kind = "ConfigMap" if kind == "configMap" else "Secret"
    name = source.get("name") or source.get("secretName") or ""
    data = _read_bytes(object_kind, name, sources)
    if data is None:
        hint = "describe it under 'configs' in a values file for here (-f)"
        is_optional = source.get("optional")
        return {} if is_optional else Problem("local/missing-object", f"there is no {object_kind} {name}", hint=hint)
    return _choose(source, data, mode, f"{object_kind} {name}")


def _choose(source: Json, data: Mapping[str, bytes], mode: int, name: str) -> dict[str, File] | Problem:
    items = source.get("items")
    if items is None:
        return {key: File(content, mode) for key, content in data.items()}
    missing = [item["key"] for item in items if item["key"] not in data]
    if missing and not source.get("optional"):
        return Problem("local/missing-key", f"{name} has no key {missing[0]!r}")
    return {
        item["path"]: File(data[item["key"]], _read_mode(item.get("mode"), mode))
        for item in items
        if item["key"] in data
    }


def _read_bytes(kind: str, name: str, sources: Sources) -> dict[str, bytes] | None:
    body = sources.objects.get(ObjectRef(kind, sources.namespace, name))
    if body is None:
        return None
    encoded = body.get("data" if kind == "Secret" else "binaryData") or {}
    text = body.get("stringData" if kind == "Secret" else "data") or {}
    decoded = {key: base64.b64decode(value) for key, value in encoded.items()}
    return decoded | {key: value.encode() for key, value in text.items()}


def _read_mode(mode: int | str | None, default: int) -> int:
    return default if mode is None else int(mode)


def find_mount_problems(container: Json) -> Iterator[Problem]:
    """Find the mounts that a container cannot be given."""
    for device in container.get("volumeDevices") or ():
        yield Problem("local/mount", f"volume {device['name']} cannot be had as a device on this machine")


class Mounts:
    """A pod's volumes at the place where its containers get them."""

    def __init__(
        self, volumes: Mapping[str, Volume], folder: Path, names: Mapping[str, str], group: int | None
    ) -> None:
        """Take the volumes, the folder for files, the engine's names of volumes, and the pod's `fsGroup`."""
        self._volumes = volumes
        self._folder = folder
        self._names = names
        self._group = group
        self.places: dict[str, str] = {}
        """Where the engine has its volumes, by their names: of those that a container mounts a part of."""

    def list_parts(self, container: Json, variables: Mapping[str, str]) -> Iterator[tuple[str, str]]:
        """List the engine's volumes that a container mounts a part of, with the part."""
        for mount in container.get("volumeMounts") or ():
            part = _read_part_of(mount, variables)
            if part and isinstance(self._volumes[mount["name"]], Scratch | Claim):
                yield self._names[mount["name"]], part

    def write_files(self) -> None:
        """Write the files of ConfigMaps and Secrets, in a folder that only its owner can enter."""
        self.remove_files()
        for name, volume in self._volumes.items():
            if isinstance(volume, Files):
                folder = self._folder / name
                folder.mkdir(mode=0o755, parents=True)
                for path, file in volume.files.items():
                    _write(folder, path, file, has_group=self._group is not None)
            elif isinstance(volume, Folder) and volume.is_to_be_made:
                Path(volume.path).mkdir(parents=True, exist_ok=True)

    def remove_files(self) -> None:
        """Remove them."""
        if self._folder.exists():
            shutil.rmtree(self._folder)

    def options(self, container: Json, variables: Mapping[str, str]) -> list[str]:
        """Give the options that mount a container's volumes."""
        return [self._mount(mount, variables) for mount in container.get("volumeMounts") or ()]

    def _mount(self, mount: Json, variables: Mapping[str, str]) -> str:
        volume, path = self._volumes[mount["name"]], mount["mountPath"]
        part = _read_part_of(mount, variables)
        if isinstance(volume, Scratch | Claim) and part:
            place = Path(self.places[self._names[mount["name"]]])
            return f"--volume={place / part}:{path}:{'ro' if mount.get('readOnly') else 'rw'}"
        if isinstance(volume, Scratch | Claim):
            # A container begins with what is in the volume, never with what its image has at that place.
            options = "nocopy" + (",ro" if mount.get("readOnly") else "")
            return f"--volume={self._names[mount['name']]}:{path}:{options}"
        folder = self._folder / mount["name"] if isinstance(volume, Files) else Path(volume.path)
        # What this program wrote may be labelled for containers (SELinux); folders of others are left as they are.
        options = "ro,z" if isinstance(volume, Files) else "ro" if mount.get("readOnly") else "rw"
        return f"--volume={folder / part}:{path}:{options}"


def _read_part_of(mount: Json, variables: Mapping[str, str]) -> str:
    return expand(mount.get("subPathExpr") or mount.get("subPath") or "", variables)


def _write(folder: Path, path: str, file: File, *, has_group: bool) -> None:
    target = folder / PurePosixPath(path)
    target.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    target.write_bytes(file.content)
    # Who is in the group is told in the container, where the owner's group is another: what the group may, all may.
    mode = file.mode | 0o440 if has_group else file.mode
    target.chmod(mode | (mode & 0o070) >> 3)
