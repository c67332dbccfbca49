import base64
from pathlib import Path
from typing import Any

from ks_universal.resources.objects import ObjectRef
from ks_universal.targets.containers.volumes import Claim, Folder, Mounts, Scratch, build_volumes, find_mount_problems
from ks_universal.targets.local.environment import Sources

Json = dict[str, Any]
OBJECTS: dict[ObjectRef, Json] = {
    ObjectRef("ConfigMap", "ns", "settings"): {"data": {"a": "1", "b": "2"}, "binaryData": {"c": "AP8="}},
    ObjectRef("Secret", "ns", "creds"): {"data": {"password": base64.b64encode(b"\xff1").decode()}},
}


def build(*volumes: Json) -> tuple[dict[str, Any], list[str]]:
    pod = {"metadata": {"labels": {"app": "web"}}}
    found, problems = build_volumes({"volumes": list(volumes)}, Sources(OBJECTS, "ns", pod, "web-0"))
    return found, [problem.code for problem in problems]


def test_files_of_all_sources_have_their_content_and_modes(tmp_path: Path) -> None:
    volumes, problems = build(
        {"name": "all", "configMap": {"name": "settings"}},
        {
            "name": "some",
            "secret": {"secretName": "creds", "defaultMode": 0o400, "items": [{"key": "password", "path": "x/y"}]},
        },
        {
            "name": "mixed",
            "projected": {
                "sources": [
                    {"configMap": {"name": "settings", "items": [{"key": "a", "path": "a", "mode": 0o600}]}},
                    {"downwardAPI": {"items": [{"path": "app", "fieldRef": {"fieldPath": "metadata.labels['app']"}}]}},
                    {"secret": {"name": "none", "optional": True}},
                ]
            },
        },
    )
    assert problems == []
    mounts = Mounts(volumes, tmp_path / "files", {}, None)
    mounts.write_files()
    files = {
        str(path.relative_to(tmp_path / "files")): path for path in (tmp_path / "files").rglob("*") if path.is_file()
    }
    assert {name: path.read_bytes() for name, path in files.items()} == {
        "all/a": b"1",
        "all/b": b"2",
        "all/c": b"\x00\xff",
        "some/x/y": b"\xff1",
        "mixed/a": b"1",
        "mixed/app": b"web",
    }
    modes = {name: path.stat().st_mode & 0o777 for name, path in files.items()}
    assert (modes["all/a"], modes["some/x/y"], modes["mixed/a"]) == (0o644, 0o400, 0o600)
    mounted = {"volumeMounts": [{"name": "some", "mountPath": "/p", "subPathExpr": "$(DIR)/y"}]}
    assert mounts.options(mounted, {"DIR": "x"}) == [f"--volume={tmp_path}/files/some/x/y:/p:ro,z"]
    mounts.remove_files()
    assert not (tmp_path / "files").exists()


def test_the_group_of_a_pod_reads_what_its_owner_may(tmp_path: Path) -> None:
    volumes, _ = build({"name": "some", "secret": {"secretName": "creds", "defaultMode": 0o400}})
    Mounts(volumes, tmp_path / "files", {}, 2000).write_files()
    assert (tmp_path / "files/some/password").stat().st_mode & 0o777 == 0o444


def test_volumes_of_the_engine_are_mounted_without_what_the_image_has_there(tmp_path: Path) -> None:
    volumes, problems = build(
        {"name": "tmp", "emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}},
        {"name": "data", "persistentVolumeClaim": {"claimName": "data"}},
        {"name": "own", "volumeClaimTemplate": {}},
        {"name": "here", "hostPath": {"path": str(tmp_path)}},
    )
    assert problems == []
    assert volumes == {
        "tmp": Scratch(True, 2**20),
        "data": Claim("data"),
        "own": Claim("own-web-0"),
        "here": Folder(str(tmp_path)),
    }
    mounts = Mounts(volumes, tmp_path / "files", {"tmp": "t", "data": "d"}, None)
    mounted = [
        {"name": "tmp", "mountPath": "/t"},
        {"name": "data", "mountPath": "/d", "readOnly": True},
        {"name": "here", "mountPath": "/h"},
    ]
    assert mounts.options({"volumeMounts": mounted}, {}) == [
        "--volume=t:/t:nocopy",
        "--volume=d:/d:nocopy,ro",
        f"--volume={tmp_path}:/h:rw",
    ]
    parts = {"volumeMounts": [{"name": "tmp", "mountPath": "/t", "subPathExpr": "a/$(POD)"}]}
    assert list(mounts.list_parts(parts, {"POD": "web-0"})) == [("t", "a/web-0")]
    mounts.places["t"] = "/volumes/t"
    assert mounts.options(parts, {"POD": "web-0"}) == ["--volume=/volumes/t/a/web-0:/t:rw"]
    devices = {"volumeDevices": [{"name": "data", "devicePath": "/dev/x"}]}
    assert [problem.code for problem in find_mount_problems(devices)] == ["local/mount"]


def test_what_is_missing_or_unknown_here_is_a_finding() -> None:
    assert build(
        {"name": "a", "configMap": {"name": "none"}},
        {"name": "b", "configMap": {"name": "settings", "items": [{"key": "x", "path": "x"}]}},
        {"name": "c", "nfs": {"server": "x"}},
        {"name": "d", "projected": {"sources": [{"serviceAccountToken": {"path": "token"}}]}},
        {"name": "e", "hostPath": {"path": "/no/such/folder"}},
    )[1] == ["local/missing-object", "local/missing-key", "local/mount", "local/mount", "local/mount"]
