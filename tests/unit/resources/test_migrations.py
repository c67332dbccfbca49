"""The Job of a migration: what it takes from the application, and what not."""

from collections.abc import Callable

import pytest

from ks_universal.json_types import Json
from ks_universal.model.format.migrations import Phase
from ks_universal.resources.objects import Rendered

Render = Callable[[str], Rendered]
Find = Callable[[str, str, str], Json]


def values_of(migrations: str, deployment: str = "", container: str = "") -> str:
    return f"""
deployments:
  app:
    migrations: {{enabled: true, {migrations}}}
    {deployment}
    containers:
      main: {{image: app, imageTag: v1, args: [serve], {container}}}
"""


def test_a_migration_overrides_variables_by_name_in_their_place(render_pod: Find) -> None:
    own = 'args: [up], env: [{name: A, value: "2"}, {name: C, value: "3"}]'
    values = values_of(own, container='env: [{name: A, value: "1"}, {name: B, value: "$(A)"}]')
    (container,) = render_pod(values, "Job", "app-migrations")["containers"]
    assert [(v["name"], v["value"]) for v in container["env"]] == [("A", "2"), ("B", "$(A)"), ("C", "3")]


def test_a_command_of_the_migration_does_not_get_the_servers_arguments(render_pod: Find) -> None:
    (container,) = render_pod(values_of("command: [/migrate]"), "Job", "app-migrations")["containers"]
    assert (container["command"], "args" in container) == (["/migrate"], False)


def test_pods_of_a_migration_match_neither_the_deployment_nor_a_service(render: Render) -> None:
    values = values_of("args: [up]", "labels: {app: shop, tier: web}") + (
        "services: {blue: {selector: {app: shop}, ports: [{port: 80, targetPort: 80}]}}\n"
    )
    rendered = render(values)
    labels = rendered.migrations[0].body["spec"]["template"]["metadata"]["labels"]
    bodies = {r.body["kind"]: r.body["spec"] for r in rendered.objects}
    assert not bodies["Deployment"]["selector"]["matchLabels"].items() <= labels.items()
    assert not bodies["Service"]["selector"].items() <= labels.items()
    assert labels["tier"] == "web"


def test_volumes_that_the_migration_does_not_mount_are_not_attached(render_pod: Find) -> None:
    volumes = "volumes: [{name: used, emptyDir: {}}, {name: other, emptyDir: {}}]"
    own = "args: [up], volumes: [{name: own, emptyDir: {}}]"
    values = values_of(own, volumes, "volumeMounts: [{name: used, mountPath: /used}]")
    assert [v["name"] for v in render_pod(values, "Job", "app-migrations")["volumes"]] == ["used", "own"]


def test_evictions_are_no_failures_and_fatal_exit_codes_end_the_job(render_object: Find) -> None:
    spec = render_object(values_of("args: [up], fatalExitCodes: [7, 3]"), "Job", "app-migrations")["spec"]
    ignore, fail = spec["podFailurePolicy"]["rules"]
    assert (ignore["action"], ignore["onPodConditions"][0]["type"]) == ("Ignore", "DisruptionTarget")
    assert (fail["action"], fail["onExitCodes"]["values"]) == ("FailJob", [3, 7])
    assert (spec["podReplacementPolicy"], "ttlSecondsAfterFinished" in spec) == ("Failed", False)


def test_the_network_policy_selects_the_jobs_pods(render: Render) -> None:
    rendered = render(values_of("args: [up], networkPolicy: {egress: []}, rollback: {args: [down]}"))
    (migration,) = rendered.migrations
    (policy,) = (r.body["spec"] for r in rendered.objects if r.body["kind"] == "NetworkPolicy")
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    for job in (migration.body, *migration.undo):
        labels = job["spec"]["template"]["metadata"]["labels"]
        assert policy["podSelector"]["matchLabels"].items() <= labels.items()


def test_a_rollback_is_jobs_of_its_own(render: Render) -> None:
    undo = "rollback: {steps: [{name: data, args: [d]}, {name: schema, command: [s]}]}"
    (migration,) = render(values_of(f"args: [up], command: [/app], {undo}")).migrations
    jobs = [(job["metadata"]["name"], job["spec"]["template"]["spec"]["containers"][0]) for job in migration.undo]
    assert [(name, c["command"], c.get("args")) for name, c in jobs] == [
        ("app-migrations-undo-data", ["/app"], ["d"]),
        ("app-migrations-undo-schema", ["s"], None),
    ]


def test_what_the_plan_must_know_is_beside_the_job(render: Render) -> None:
    other = "  db: {containers: {main: {image: db, imageTag: v1}}}\n"
    values = values_of("args: [up], timeout: 90s, phase: post, dependsOn: [db], fatalExitCodes: [3]") + other
    (migration,) = render(values).migrations
    assert (migration.application, migration.step, migration.phase) == ("app", None, Phase.POST)
    assert (migration.retries, migration.timeout_s) == (1, 90.0)
    assert (migration.depends_on, migration.fatal_exit_codes) == (("db",), (3,))


@pytest.mark.parametrize(
    ("written", "image"),
    [
        ("imageTag: v2", "app:v2"),
        ("image: tool", "tool:v1"),
        ('image: "tool:v3"', "tool:v3"),
        ("image: tool, imageTag: v4", "tool:v4"),
        ('image: "tool@sha256:0123456789abcdef0123456789abcdef"', "tool@sha256:0123456789abcdef0123456789abcdef"),
    ],
)
def test_the_image_is_the_migrations_then_the_containers(render_pod: Find, written: str, image: str) -> None:
    (container,) = render_pod(values_of(f"args: [up], {written}"), "Job", "app-migrations")["containers"]
    assert container["image"] == image


def test_sidecars_start_before_the_init_containers_and_let_the_job_end(render_pod: Find) -> None:
    own = 'args: [up], sidecars: [proxy], initContainers: [{name: wait, image: "busybox:1"}]'
    values = values_of(own) + "      proxy: {image: proxy, imageTag: v1}\n"
    first, second = render_pod(values, "Job", "app-migrations")["initContainers"]
    assert (first["name"], first["restartPolicy"]) == ("proxy", "Always")
    assert (second["name"], "restartPolicy" in second) == ("wait", False)
