import pytest

from ks_universal.diagnostics import Severity
from ks_universal.model.parse import parse_application
from ks_universal.values.parse import parse_yaml


def find(text: str) -> list[tuple[str, str]]:
    """List (severity, code) of the findings, in the order found."""
    tree, problems = parse_yaml(text, "values.yaml")
    assert problems == []
    return [(p.severity.value, p.code) for p in parse_application(tree).problems]


def app(main: str = "", more: str = "", containers: str = "") -> str:
    return f"deployments: {{app: {{containers: {{main: {{image: a, imageTag: '1'{main}}}{containers}}}{more}}}}}\n"


def migrations(text: str, containers: str = "") -> str:
    return app(more=f", migrations: {{enabled: true, {text}}}", containers=containers)


CONFIGS = "configs: {db: {type: secret, data: {PASS: x}}, c: {type: configMap, data: {A: x}}}\n"
KEPT = "selector: {matchLabels: {a: b}}"
SIDE = ", side: {image: b, imageTag: '1'}"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (migrations("backoffLimit: 1"), "migrations/nothing-to-run"),
        (migrations("args: []"), "migrations/nothing-to-run"),
        (migrations("steps: [{name: a}]"), "migrations/nothing-to-run"),
        (migrations("args: [up], rollback: {}"), "migrations/nothing-to-run"),
        (migrations("args: [up], container: mian"), "references/unknown-container"),
        (migrations("args: [up], sidecars: [proxy]"), "references/unknown-container"),
        (migrations("args: [up], sidecars: [main]"), "migrations/own-sidecar"),
        (migrations("args: [up], dependsOn: [db]"), "references/unknown-deployment"),
        (migrations("args: [up], dependsOn: [app]"), "migrations/cycle"),
        (app(more=", dependsOn: [app]"), "migrations/cycle"),
        (app(more=", dependsOn: [nobody]"), "references/unknown-deployment"),
        (app(more=", waitForMigrations: [nobody]"), "references/unknown-deployment"),
        (app(more=", waitForMigrations: app"), "values/wrong-type"),
        (migrations("args: [up], backoffLimit: -1"), "values/out-of-range"),
        (migrations("args: [up], fatalExitCodes: [0]"), "values/out-of-range"),
        (migrations("args: [up], parallelism: 0"), "values/out-of-range"),
        (migrations("args: [up], timeout: soon"), "values/wrong-type"),
        (migrations("args: [up], timeout: 5m, activeDeadlineSeconds: 5"), "values/contradiction"),
        (migrations("args: [up], steps: [{name: a}, {name: a}]"), "names/duplicate"),
        (migrations("args: [up], steps: [{name: A}]"), "names/invalid"),
        (app(more=", migrations: {args: [up]}").replace("main", "web"), "migrations/not-enabled"),
        (migrations("args: [up]", SIDE).replace("main", "web"), "migrations/ambiguous-container"),
        (app(", envFrom: [{type: secret, configName: c}]") + CONFIGS, "references/wrong-kind"),
        (app(", envFrom: [{type: Secret, configName: db}]") + CONFIGS, "values/unknown-value"),
        (app(", env: [{name: A, secretKeyRef: {name: db, key: PAS}}]") + CONFIGS, "references/unknown-key"),
        (app(", secretRefs: [db]"), "references/unknown-group"),
        (app(", volumeMounts: [{name: x, mountPath: /x}]"), "references/unknown-volume"),
        (app(more=", volumes: [{name: x}, {name: x}]"), "names/duplicate"),
        (app(", ports: {http_: {containerPort: 80}}"), "names/invalid"),
        (app(", ports: {http: {containerPort: 0}}"), "values/out-of-range"),
        (app(", env: [{name: 'A=B'}]"), "names/invalid"),
        (app(", probes: {livenessProbe: {httpGet: {port: web}}}"), "references/unknown-port"),
        (app(", probes: {livenessProbe: {}}").replace("{}", "{periodSeconds: 1}"), "probes/handler"),
        (app(more=", labels: {app.kubernetes.io/name: x}"), "names/built-in-label"),
        (app(more=", podLabels: {app.kubernetes.io/component: x}"), "names/built-in-label"),
        (app(more=f", {KEPT}, podLabels: {{app.kubernetes.io/instance: x}}"), "names/built-in-label"),
        (app(more=", labels: {a: 'b c'}"), "names/invalid"),
        (app(more=", initContainers: [{image: 'a:1'}]"), "values/missing-key"),
        ("configs: {'A b': {type: secret, data: {}}}", "names/invalid"),
        ("configs: {a: {type: secret, data: {'a b': x}}}", "names/invalid"),
        ("configs: {a: {type: secret}}", "values/missing-key"),
        ("persistentVolumeClaims: {a: {accessModes: [ReadWriteOnce]}}", "values/missing-key"),
        ("persistentVolumeClaims: {a: {size: 1Gi}}", "values/missing-key"),
        (app(more=", autoCreateService: true", main=", ports: {http: {containerPort: 80}}")
         + "services: {app: {ports: [{port: 80}]}}", "names/duplicate"),
    ],
)  # fmt: skip
def test_one_finding_names_what_is_wrong(text: str, code: str) -> None:
    severity = "warning" if code == "migrations/not-enabled" else "error"
    assert find(text) == [(severity, code)]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (app().replace(", imageTag: '1'", ""), "images/no-tag"),
        (app(", envFrom: [{type: secret, configName: else}]"), "references/unknown-config"),
        (app(", env: [{name: A}, {name: A}]"), "env/duplicate"),
        (app(", args: [$(NOPE)]"), "env/not-expanded"),
        (app(", env: [{name: A, value: $(B)}, {name: B}]"), "env/not-expanded"),
        (migrations("args: [$(NOPE)]"), "env/not-expanded"),
        ("services: {s: {ports: [{port: 80}]}}", "services/no-pods"),
        (app(more=", autoCreateService: true"), "services/no-ports"),
        (app(more=", autoCreateService: true") + "services: {app: {ports: [{port: 80}]}}", "services/no-ports"),
        (app(more=", volumes: [{name: v, persistentVolumeClaim: {claimName: c}}]"), "references/unknown-claim"),
    ],
)
def test_what_may_be_meant_so_is_a_warning(text: str, code: str) -> None:
    assert find(text) == [(Severity.WARNING.value, code)]


@pytest.mark.parametrize(
    "text",
    [
        app(", env: [{name: A, valueFrom: {secretKeyRef: {name: db, key: NO, optional: true}}}]") + CONFIGS,
        app(", args: [$$(NOPE), $(hostname), $(APP_SERVICE_HOST)]"),
        app(", args: [$(A)], envFrom: [{type: configMap, configName: c}]") + CONFIGS,
        app(", env: [{name: B, value: $(PASS)}], secretRefs: [g]")
        + "secretRefs: {g: [{name: PASS, value: x}]}",
        app(", env: [{name: B}]", ", migrations: {enabled: true, args: [$(A), $(B)], env: [{name: A, value: ''}]}"),
        migrations("image: flyway/flyway:10"),
        migrations("args: [up], container: side", SIDE).replace("main", "web"),
        migrations("args: [up], steps: [{}]"),
    ],
)  # fmt: skip
def test_what_is_right_has_no_finding(text: str) -> None:
    assert find(text) == []


def test_a_circle_of_dependencies_is_named() -> None:
    text = "deployments:\n" + "".join(
        f"  {a}: {{containers: {{m: {{image: 'a:1'}}}}, migrations: {{enabled: true, args: [up], dependsOn: [{b}]}}}}\n"
        for a, b in ("ab", "bc", "ca")
    )
    tree, _ = parse_yaml(text, "values.yaml")
    (problem,) = parse_application(tree).problems
    assert "a -> b -> c -> a" in problem.message


@pytest.mark.parametrize(
    ("web", "worker", "circle"),
    [
        (
            "dependsOn: [worker]",
            "dependsOn: [web]",
            "deployments.web.dependsOn waits in a circle: web -> worker -> web",
        ),
        (
            "migrations: {enabled: true, steps: [{name: a, args: [x], dependsOn: [worker]}]}",
            "waitForMigrations: [web]",
            "deployments.web.migrations.steps[0].dependsOn waits in a circle: web -> worker -> web",
        ),
        (
            "migrations: {enabled: true, args: [x], dependsOn: [worker]}",
            "dependsOn: [web]",
            "deployments.web.migrations.dependsOn waits in a circle: web -> worker -> web",
        ),
    ],
)
def test_a_circle_is_reported_at_a_key_that_closes_it(web: str, worker: str, circle: str) -> None:
    main = "containers: {main: {image: 'a:1'}}"
    tree, _ = parse_yaml(f"deployments:\n  web: {{{main}, {web}}}\n  worker: {{{main}, {worker}}}\n", "values.yaml")
    (problem,) = parse_application(tree).problems
    assert (problem.code, problem.message) == ("migrations/cycle", circle)


def test_a_migration_after_the_version_may_depend_on_what_waits_for_those_before_it() -> None:
    main = "containers: {main: {image: 'a:1'}}"
    steps = "[{name: expand, args: [x]}, {name: contract, args: [y], phase: post, dependsOn: [worker]}]"
    web = f"{main}, migrations: {{enabled: true, steps: {steps}}}"
    assert find(f"deployments:\n  web: {{{web}}}\n  worker: {{{main}, waitForMigrations: [web]}}\n") == []


def test_waiting_for_a_deployment_that_has_no_migrations_is_a_warning() -> None:
    assert find(app(more=", waitForMigrations: [app]")) == [("warning", "references/no-migrations")]


def test_two_ports_of_one_number_cannot_be_in_one_service_d29() -> None:
    port = ", ports: {%s: {containerPort: 80}}"
    text = app(port % "http", ", autoCreateService: true", f", side: {{image: 'b:1'{port % 'web'}}}")
    assert find(text) == [("error", "services/duplicate-port")]


def test_a_thousand_deployments_in_a_chain_of_dependencies_are_no_circle() -> None:
    text = "deployments:\n" + "".join(
        f"  a{n}: {{containers: {{m: {{image: b:1}}}}, migrations: {{enabled: y, args: [u], dependsOn: [a{n + 1}]}}}}\n"
        for n in range(1000)
    )
    assert find(text + "  a1000: {containers: {m: {image: 'a:1'}}}") == []


OWN = "{name: tunnel, image: t, imageTag: '1'}"


@pytest.mark.parametrize(
    ("sidecars", "codes"),
    [
        (f"[side, {OWN}]", []),
        ("{tunnel: {image: t, imageTag: '1'}}", []),
        ("[{name: side}]", []),
        ("[{name: tunnel, image: t, imageTag: '1'}, {name: tunnel, image: u, imageTag: '1'}]", ["names/duplicate"]),
        ("[{name: main, image: t, imageTag: '1'}]", ["names/duplicate"]),
        ("[{image: t, imageTag: '1'}]", ["values/missing-key"]),
        ("[{name: side, imageTag: '1'}]", ["values/missing-key"]),
        ("[{}]", ["values/missing-key"]),
        ("[{name: tunnel}]", ["references/unknown-container"]),
        ("[{name: tunnel, image: t, imageTag: '1', envFrom: [{type: secret, configName: none}]}]",
         ["references/unknown-config"]),
        ("['']", ["references/unknown-container"]),
        ("[null]", ["values/empty"]),
    ],
)  # fmt: skip
def test_sidecars_are_containers_of_the_application_or_of_the_migration(sidecars: str, codes: list[str]) -> None:
    assert [code for _, code in find(migrations(f"args: [up], sidecars: {sidecars}", SIDE))] == codes


def test_pods_whose_selector_is_kept_may_have_other_names_of_the_application() -> None:
    labels = "podLabels: {app.kubernetes.io/component: x, app.kubernetes.io/name: y}"
    assert find(app(more=f", {KEPT}, {labels}")) == []
