"""When migrations run, and what comes before them, seen in what a real cluster was given."""

import subprocess
from pathlib import Path

import pytest

from ks_universal.engine.events import AttemptStarted, ObjectChanged, RunStarted
from ks_universal.errors import InputError
from ks_universal.plan.build import MigratePolicy
from ks_universal.plan.records import Outcome
from ks_universal.targets.kubernetes.api.kinds import CONFIG_MAP, DEPLOYMENT, POD
from support.cluster_database import NODE, STATE
from support.cluster_release import Events
from support.deploying import deploy, get, items

MAIN = """
        image: busybox
        imageTag: local
        command: [sh]
        args: ["-c", "trap 'exit 0' TERM; httpd -f -p 8080 -h /tmp & wait"]
        readinessProbe: {exec: {command: ["true"]}, periodSeconds: 1}
"""


def application(migration: str = "echo migrating", name: str = "my-app", more: str = "") -> str:
    return f"""
  {name}:
    migrations: {{enabled: true, backoffLimit: 0, args: ["-c", "{migration}"]}}
    containers:
      main:{MAIN}{more}
"""


def values(migration: str = "echo migrating") -> str:
    return f"deployments:{application(migration)}"


def ran(events: Events) -> int:
    return len(events.of(AttemptStarted))


def why(events: Events) -> str:
    """The plan's line on the migrations: whether they run, and why."""
    return next(line for line in events.of(RunStarted)[0].plan if "my-app/migrations" in line)


SETTINGS = """
configs:
  settings: {type: configMap, data: {GREETING: {greeting}, SIZE: small}}
  db: {type: secret, data: {PASSWORD: {password}}}
deployments:
  my-app:
    replicas: {replicas}
    labels: {team: {team}}
    migrations: {enabled: true, when: {when}, backoffLimit: 0, args: ["-c", "echo $GREETING to $DB_HOST"]}
    containers:
      main:
        image: busybox
        imageTag: local
        command: [sh]
        args: ["-c", "trap 'exit 0' TERM; httpd -f -p 8080 -h /tmp & wait"]
        resources: {requests: {cpu: {cpu}}}
        readinessProbe: {exec: {command: ["true"]}, periodSeconds: 1}
        env: [{name: DB_HOST, value: {host}}]
        envFrom: [{type: configMap, configName: settings}, {type: secret, configName: db}]
"""


def settings(**words: str) -> str:
    text = SETTINGS
    defaults = {
        "greeting": "hello", "password": "correct-horse", "replicas": "1", "team": "a", "when": "changed",
        "cpu": "1m", "host": "db",
    }  # fmt: skip
    for name, value in {**defaults, **words}.items():
        text = text.replace(f"{{{name}}}", value)
    return text


def test_when_an_application_is_scaled_no_migration_runs_and_the_plan_says_why(namespace: str, tmp_path: Path) -> None:
    deploy(namespace, settings(), tmp_path)
    revision, events = deploy(namespace, settings(replicas="2", cpu="2m", team="b"), tmp_path)
    assert (revision.outcome, ran(events)) == (Outcome.SUCCEEDED, 0)
    assert why(events).endswith("skipped: my-app/migrations: nothing that they run with changed since revision 1")
    deployment = get(namespace, DEPLOYMENT, "my-app")
    assert deployment is not None
    assert deployment["status"]["readyReplicas"] == 2


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"host": "other"}, "env DB_HOST changed"),
        ({"greeting": "bye"}, "ConfigMap/settings changed (GREETING)"),
        ({"password": "battery-staple"}, "Secret/db changed (PASSWORD)"),
    ],
)
def test_when_something_that_migrations_run_with_changes_the_plan_names_it(
    namespace: str, tmp_path: Path, change: dict[str, str], named: str
) -> None:
    deploy(namespace, settings(), tmp_path)
    _, events = deploy(namespace, settings(**change), tmp_path)
    assert (ran(events), named in why(events)) == (1, True)
    assert ran(deploy(namespace, settings(**change), tmp_path)[1]) == 0


def test_when_only_another_image_counts_nothing_else_makes_migrations_run(namespace: str, tmp_path: Path) -> None:
    deploy(namespace, settings(when="image"), tmp_path)
    changed = settings(when="image", greeting="bye", host="other")
    _, events = deploy(namespace, changed, tmp_path)
    assert (ran(events), "no image of theirs changed since revision 1" in why(events)) == (0, True)
    _, events = deploy(namespace, changed.replace("image: busybox", "image: docker.io/library/busybox"), tmp_path)
    assert (ran(events), "image changed" in why(events)) == (1, True)


def test_when_the_values_say_always_each_deploy_migrates(namespace: str, tmp_path: Path) -> None:
    deploy(namespace, settings(when="always"), tmp_path)
    _, events = deploy(namespace, settings(when="always"), tmp_path)
    assert (ran(events), "'migrations.when' is 'always'" in why(events)) == (1, True)
    assert ran(deploy(namespace, settings(when="always"), tmp_path, migrate=MigratePolicy.NEVER)[1]) == 0


def test_when_always_is_asked_for_migrations_run_though_nothing_changed(namespace: str, tmp_path: Path) -> None:
    deploy(namespace, values(), tmp_path)
    revision, events = deploy(namespace, values(), tmp_path, migrate=MigratePolicy.ALWAYS)
    assert revision.outcome is Outcome.SUCCEEDED
    assert ran(events) == 1
    assert {event.change for event in events.of(ObjectChanged)} == {"unchanged"}


def test_when_never_is_asked_for_the_new_version_comes_without_its_migration_which_the_next_deploy_makes_up_for(
    namespace: str, tmp_path: Path
) -> None:
    deploy(namespace, values(), tmp_path)
    left_out, events = deploy(namespace, values("echo other"), tmp_path, migrate=MigratePolicy.NEVER)
    assert (left_out.outcome, ran(events)) == (Outcome.SUCCEEDED, 0)
    _, events = deploy(namespace, values("echo other"), tmp_path)
    assert events.lines() == ["other"]


def test_when_the_last_migration_failed_never_is_refused_unless_forced(namespace: str, tmp_path: Path) -> None:
    assert deploy(namespace, values("exit 3"), tmp_path)[0].outcome is Outcome.MIGRATION_FAILED
    with pytest.raises(InputError) as refused:
        deploy(namespace, values("exit 3"), tmp_path, migrate=MigratePolicy.NEVER)
    assert [problem.code for problem in refused.value.problems] == ["plan/migrations-unfinished"]
    assert get(namespace, DEPLOYMENT, "my-app") is None
    revision, events = deploy(namespace, values("exit 3"), tmp_path, migrate=MigratePolicy.NEVER, force=True)
    assert (revision.outcome, ran(events)) == (Outcome.SUCCEEDED, 0)


@pytest.mark.usefixtures("make_image")
def test_when_an_image_moves_under_its_tag_the_unchanged_values_migrate_with_what_it_is_now(
    namespace: str, tmp_path: Path
) -> None:
    root = tmp_path / "root"
    subprocess.run(["cp", "-a", str(STATE / "busybox"), str(root)], check=True)
    moving = values("cat /version").replace("image: busybox", f"image: {namespace}")
    moving = moving.replace("imageTag: local", "imageTag: stable\n        imagePullPolicy: Always")
    lines = []
    for version in ("one", "two"):
        (root / "version").write_text(version + "\n")
        subprocess.run([str(NODE), "image", f"{namespace}:stable", str(root)], check=True)
        lines += deploy(namespace, moving, tmp_path)[1].lines()
    assert lines == ["one", "two"]


def test_order_a_network_policy_and_a_pull_secret_are_there_before_the_migration_begins(
    namespace: str, tmp_path: Path
) -> None:
    surroundings = """
generic:
  extraImagePullSecrets: [{name: registry}]
configs:
  registry:
    type: secret
    secretType: kubernetes.io/dockerconfigjson
    data: {.dockerconfigjson: '{"auths": {"registry.example.com": {"auth": "dXNlcjpzZWNyZXQ="}}}'}
networkPolicies:
  egress:
    podSelector: {}
    policyTypes: [Egress]
    egress: [{}]
"""
    _, events = deploy(namespace, surroundings + values(), tmp_path)
    begins = next(index for index, event in enumerate(events) if isinstance(event, AttemptStarted))
    made = {str(event.identity) for event in events[:begins] if isinstance(event, ObjectChanged)}
    assert made >= {"NetworkPolicy/egress", "Secret/registry"}
    (pod,) = (pod for pod in items(namespace, POD) if "migrations" in pod["metadata"]["name"])
    assert pod["spec"]["imagePullSecrets"] == [{"name": "registry"}]


def test_gate_a_shared_config_stays_as_it_was_when_one_of_those_who_read_it_fails_to_migrate(
    namespace: str, tmp_path: Path
) -> None:
    reads = "        envFrom: [{type: configMap, configName: shared}]\n"

    def both(colour: str, second: str) -> str:
        config = f"configs:\n  shared: {{type: configMap, data: {{COLOUR: {colour}}}}}\ndeployments:"
        first = application("echo first has $COLOUR", "first", reads)
        return config + first + application(second, "second", reads)

    deploy(namespace, both("red", "echo second has $COLOUR"), tmp_path)
    before = {item["metadata"]["name"]: item["spec"] for item in items(namespace, DEPLOYMENT)}
    revision, events = deploy(namespace, both("blue", "exit 3"), tmp_path)
    shared = get(namespace, CONFIG_MAP, "shared")
    assert revision.outcome is Outcome.MIGRATION_FAILED
    assert "first has blue" in events.lines()
    assert shared is not None
    assert shared["data"] == {"COLOUR": "red"}
    assert {item["metadata"]["name"]: item["spec"] for item in items(namespace, DEPLOYMENT)} == before
