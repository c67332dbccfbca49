"""What a migration does not take of its application."""

from typing import Any

import pytest

from ks_universal.json_types import Json
from ks_universal.model.parse import parse_application
from ks_universal.resources.build import build_objects
from ks_universal.values.parse import parse_yaml

APP = """\
%sSets:
  db:
    %s
    containers:
      main: {image: a, imageTag: "1", env: [{name: A, value: x}, {name: B, value: y}],
             volumeMounts: [{name: data, mountPath: /data}, {name: data, mountPath: /log, subPath: log}]}
      proxy: {image: p, imageTag: "1", volumeMounts: [{name: data, mountPath: /p}]}
    migrations: {enabled: true, args: [up], %s}
"""
UNSET = ("env/not-expanded", "args[0] uses $(A), which is not set and will not expand")
CLAIM = "volumeClaimTemplates: [{name: data, accessModes: [ReadWriteOnce], size: 1Gi}]"
VOLUME = "volumes: [{name: data, emptyDir: {}}]"


def build_pod(migrations: str, *, kind: str = "daemon", volumes: str = VOLUME) -> Json:
    tree, problems = parse_yaml(APP % (kind, volumes, migrations), "values.yaml")
    assert problems == []
    parsed = parse_application(tree)
    assert parsed.application is not None, parsed.problems
    (migration,) = build_objects(parsed.application, "demo", "").migrations
    pod: Json = migration.body["spec"]["template"]["spec"]
    return pod


@pytest.mark.parametrize(
    ("migrations", "names"),
    [
        ("env: []", ["A", "B"]),
        ("env: [{name: A}]", ["B"]),
        ("env: [{name: A, value: ''}]", ["A", "B"]),
        ("env: [{name: A, value: null}, {name: C, value: z}]", ["B", "C"]),
        ("env: [{name: A}, {name: B}]", []),
        ("env: [{name: A}], steps: [{env: [{name: A, value: again}]}]", ["A", "B"]),
        ("inherit: volumes, env: [{name: C, value: z}]", ["C"]),
        ("inherit: none, steps: [{inherit: all}]", ["A", "B"]),
    ],
)
def test_a_variable_is_taken_away_by_its_name(migrations: str, names: list[str]) -> None:
    (main,) = build_pod(migrations)["containers"]
    assert [variable["name"] for variable in main.get("env", [])] == names
    assert "env" in main or not names


def places(pod: Json) -> list[str]:
    return [mount["mountPath"] for mount in pod["containers"][0].get("volumeMounts", [])]


@pytest.mark.parametrize(
    ("migrations", "mounted", "volumes"),
    [
        ("volumes: []", ["/data", "/log"], ["data"]),
        ("volumes: [{name: data, emptyDir: null}]", [], []),
        ("volumeMounts: [{mountPath: /data}]", ["/log"], ["data"]),
        ("volumeMounts: [{mountPath: /data}, {mountPath: /log, name: null}]", [], []),
        ("inherit: env", [], []),
        ("inherit: env, volumeMounts: [{name: data, mountPath: /x}]", ["/x"], ["data"]),
        ("volumes: [{name: data, hostPath: {path: /x}}]", ["/data", "/log"], ["data"]),
    ],
)
def test_a_volume_is_taken_away_by_its_name_and_a_mount_by_its_place(
    migrations: str, mounted: list[str], volumes: list[str]
) -> None:
    pod = build_pod(migrations)
    assert places(pod) == mounted
    assert [volume["name"] for volume in pod.get("volumes", [])] == volumes


def test_sidecars_have_no_mounts_of_a_volume_that_is_taken_away() -> None:
    pod = build_pod("sidecars: [proxy], volumes: [{name: data}]")
    assert "volumes" not in pod
    assert "volumeMounts" not in pod["initContainers"][0]


def test_a_claim_of_a_pod_is_not_asked_for_by_taking_it_away() -> None:
    pod: Any = build_pod("volumes: [{name: data}]", kind="stateful", volumes=CLAIM)
    assert (places(pod), pod.get("volumes")) == ([], None)


@pytest.mark.parametrize(
    ("migrations", "found"),
    [
        ("args: [$(A)], env: [{name: A}]", UNSET),
        ("args: [$(A)], inherit: none", UNSET),
        ("inherit: [none, env]", ("values/contradiction", "inherit is 'none' beside others, which win")),
        ("inherit: [enw]", ("values/unknown-value", "")),
        ("volumeMounts: [{mountPath: /data, subPath: x}]",
         ("references/unknown-volume", "volumeMounts[0].name names the volume '', which the pod does not have")),
    ],
)  # fmt: skip
def test_what_is_taken_away_cannot_be_used(migrations: str, found: tuple[str, str]) -> None:
    text = migrations.removeprefix("args: [$(A)], ")
    values = APP % ("daemon", VOLUME, text)
    tree, _ = parse_yaml(values.replace("args: [up]", "args: [$(A)]") if text != migrations else values, "values.yaml")
    (problem,) = parse_application(tree).problems
    assert (problem.code, problem.message.rpartition("migrations.")[2] if found[1] else "") == found
