"""A release whose applications are in namespaces of their own: made, migrated, followed and removed there."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from ks_universal.cli import run
from ks_universal.engine.events import ObjectChanged
from ks_universal.errors import InputError
from ks_universal.plan.records import Outcome
from ks_universal.targets.kubernetes.api.kinds import CONFIG_MAP, DEPLOYMENT, JOB, SECRET
from support.cluster_release import Events, new_namespace
from support.deploying import deploy, get, items, kubectl


@pytest.fixture
def other(kubeconfig: str) -> Iterator[str]:
    """Another namespace than the release's."""
    with new_namespace(kubeconfig) as name:
        yield name


def values(other: str, colour: str = "red") -> str:
    return f"""
configs:
  settings: {{type: configMap, namespace: {other}, data: {{COLOUR: {colour}}}}}
deployments:
  away:
    namespace: {other}
    replicas: 1
    migrations: {{enabled: true, backoffLimit: 0, args: ["-c", "echo migrating to $COLOUR"]}}
    containers:
      main: &main
        image: busybox
        imageTag: local
        command: [sh]
        args: ["-c", "trap 'exit 0' TERM; httpd -f -p 8080 -h /tmp & wait"]
        readinessProbe: {{exec: {{command: ["true"]}}, periodSeconds: 1}}
        envFrom: [{{type: configMap, configName: settings}}]
  home:
    replicas: 1
    migrations: {{enabled: true, backoffLimit: 0, args: ["-c", "echo migrating at home"]}}
    containers:
      main: {{<<: *main, envFrom: []}}
"""


def made(events: Events) -> dict[str, str]:
    return {f"{event.identity} in {event.identity.namespace}": event.change for event in events.of(ObjectChanged)}


def test_each_application_is_deployed_to_its_namespace_and_the_record_stays_in_the_releases(
    namespace: str, other: str, tmp_path: Path
) -> None:
    revision, events = deploy(namespace, values(other), tmp_path)
    assert revision.outcome is Outcome.SUCCEEDED
    assert sorted(events.lines()) == ["migrating at home", "migrating to red"]
    assert [item["metadata"]["name"] for item in items(other, DEPLOYMENT)] == ["away"]
    assert [item["metadata"]["name"] for item in items(namespace, DEPLOYMENT)] == ["home"]
    assert kubectl(other, "logs", "job/away-migrations") == "migrating to red\n"
    assert get(namespace, SECRET, "ks-universal.shop.v1") is not None
    assert get(other, SECRET, "ks-universal.shop.v1") is None
    _, events = deploy(namespace, values(other), tmp_path)
    assert set(made(events).values()) == {"unchanged"}
    revision, events = deploy(namespace, values(other, "blue"), tmp_path)
    assert revision.outcome is Outcome.SUCCEEDED
    assert events.lines() == ["migrating to blue"]
    assert made(events)[f"ConfigMap/settings in {other}"] == "changed"


def test_status_shows_what_runs_in_all_namespaces_and_uninstall_removes_it(
    namespace: str, other: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    deploy(namespace, values(other), tmp_path)
    assert run(["status", "shop", "-n", namespace]) == 0
    shown = capfd.readouterr().out
    assert "away: 1 of 1 ready" in shown
    assert "home: 1 of 1 ready" in shown
    assert run(["uninstall", "shop", "-n", namespace]) == 0
    assert f"- Deployment/away in {other}" in capfd.readouterr().out
    assert [items(place, kind) for place in (namespace, other) for kind in (DEPLOYMENT, JOB)] == [[]] * 4
    assert get(other, CONFIG_MAP, "settings") is None


def test_nothing_orphaned_what_a_release_of_the_same_name_has_there_is_not_touched(
    namespace: str, other: str, tmp_path: Path
) -> None:
    theirs = values(other).partition("  home:")[0]
    deploy(other, theirs, tmp_path)
    with pytest.raises(InputError) as refused:
        deploy(namespace, values(other), tmp_path)
    assert {problem.code for problem in refused.value.problems} == {"kubernetes/foreign-object"}
    assert f"Deployment/away in {other} exists" in " ".join(problem.message for problem in refused.value.problems)
    assert get(namespace, DEPLOYMENT, "home") is None


def test_rbac_prints_a_role_for_each_namespace(
    namespace: str, other: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "values.yaml").write_text(values(other))
    file = str(tmp_path / "values.yaml")
    assert run(["rbac", "shop", "-f", file, "-n", namespace, "-o", "json"]) == 0
    printed = json.loads(capfd.readouterr().out)["items"]
    kinds = [(item["kind"], item["metadata"]["namespace"]) for item in printed]
    assert kinds == [(kind, place) for place in (namespace, other) for kind in ("Role", "RoleBinding")]
    assert {item["subjects"][0]["namespace"] for item in printed if "subjects" in item} == {namespace}
