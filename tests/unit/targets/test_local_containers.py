import sys
from pathlib import Path
from typing import Any

import pytest

from ks_universal.model.format.local import Local, LocalImage
from ks_universal.targets.local.containers import Machine, build_processes, find_image
from ks_universal.targets.local.environment import Sources
from ks_universal.targets.local.processes.processes import ProcessRequest

Json = dict[str, Any]


def build(folder: Path, container: Json, local: Local | None = None, **spec: Any) -> tuple[ProcessRequest, list[str]]:
    template = {"metadata": {}, "spec": {"containers": [{"name": "main", "image": "app:1", **container}], **spec}}
    machine = Machine(local or Local(), folder, {"LOCAL_POSTGRES_PORT": "5433"})
    requests, problems = build_processes(template, "shop", Sources({}, "ns", template, "shop-local"), machine)
    return requests["main"], [problem.code for problem in problems]


def test_an_image_with_its_tag_is_found_before_the_one_without() -> None:
    tagged, plain = LocalImage(directory="tagged"), LocalImage(directory="plain")
    local = Local(images={"reg.io:5000/app:1": tagged, "reg.io:5000/app": plain})
    assert find_image("reg.io:5000/app:1", local) is tagged
    assert find_image("reg.io:5000/app:2", local) is plain
    assert find_image("reg.io:5000/app", local) is plain
    assert find_image("reg.io:5000/app@sha256:0", local) is plain
    assert find_image("other:1", local) == LocalImage()


def test_the_prefix_comes_before_command_and_args_which_expand_variables(tmp_path: Path) -> None:
    local = Local(
        images={"app": LocalImage(command=(sys.executable, "-m"), env={"A": "image", "B": "image"})},
        env={"P": "$(LOCAL_POSTGRES_PORT)"},
    )
    container = {"command": ["tool"], "args": ["$(A)", "$(P)", "$(NONE)"], "env": [{"name": "A", "value": "container"}]}
    process, problems = build(tmp_path, container, local)
    assert process.argv == (sys.executable, "-m", "tool", "container", "5433", "$(NONE)")
    assert {name: process.env[name] for name in "ABP"} == {"A": "container", "B": "image", "P": "5433"}
    assert problems == []


def test_little_of_our_own_environment_is_handed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    process, _ = build(tmp_path, {"command": ["sh"]})
    env = process.env
    assert "PATH" in env
    assert "AWS_SECRET_ACCESS_KEY" not in env


def test_a_relative_prefix_starts_from_the_images_directory(tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    tool = tmp_path / "app" / "run"
    tool.write_text("#!/bin/sh\n")
    tool.chmod(0o755)
    process, problems = build(
        tmp_path, {"args": ["x"]}, Local(images={"app": LocalImage(directory="app", command=("./run",))})
    )
    assert (process.argv, process.directory) == ((str(tool), "x"), str(tmp_path / "app"))
    assert problems == []


@pytest.mark.parametrize(
    ("container", "code"),
    [
        ({"command": ["no-such-command"]}, "local/command-not-found"),
        ({"command": ["./no-such-file"]}, "local/command-not-found"),
        ({"args": ["migrate", "up"]}, "local/no-command"),
        ({}, "local/no-command"),
    ],
)
def test_a_command_that_cannot_run_is_found(tmp_path: Path, container: Json, code: str) -> None:
    assert build(tmp_path, container)[1] == [code]


def test_a_directory_that_is_not_there_is_found(tmp_path: Path) -> None:
    assert build(tmp_path, {"command": ["sh"]}, Local(images={"app": LocalImage(directory="none")}))[1] == [
        "local/directory"
    ]


@pytest.mark.parametrize(
    ("volume", "path", "codes"),
    [
        ({"emptyDir": {}}, "/tmp", []),
        ({"emptyDir": {}}, "/tmp/not-made-yet", ["local/mount"]),
        ({"emptyDir": {}}, "/data", ["local/mount"]),
        ({"emptyDir": {}}, "/usr", ["local/mount"]),
        ({"hostPath": {"path": "/usr"}}, "/usr", []),
        ({"hostPath": {"path": "/usr"}}, "/etc", ["local/mount"]),
        ({"configMap": {"name": "c"}}, "/tmp", ["local/mount"]),
        ({"secret": {"secretName": "c"}}, "/etc/app", ["local/mount"]),
        ({"persistentVolumeClaim": {"claimName": "c"}}, "/data", ["local/mount"]),
    ],
)
def test_a_mount_that_a_process_cannot_be_given_is_found(
    tmp_path: Path, volume: Json, path: str, codes: list[str]
) -> None:
    container = {"command": ["sh"], "volumeMounts": [{"name": "v", "mountPath": path}]}
    assert build(tmp_path, container, volumes=[{"name": "v", **volume}])[1] == codes
