"""Stateful and daemon sets: what only they have, and that one name is that of one workload."""

import pytest

from ks_universal.diagnostics import Severity
from ks_universal.model.parse import parse_application
from ks_universal.values.parse import parse_yaml

CONTAINERS = "containers: {main: {image: 'a:1'}}"


def find(text: str) -> list[tuple[str, str, str]]:
    tree, problems = parse_yaml(text, "values.yaml")
    assert problems == []
    found = parse_application(tree).problems
    return [(str(p.where.line if p.where else 0), p.code, p.message) for p in found]


@pytest.mark.parametrize(
    ("text", "line", "code", "message"),
    [
        (
            f"deployments:\n  db: {{{CONTAINERS}}}\nstatefulSets:\n  db: {{{CONTAINERS}}}",
            "4",
            "names/duplicate",
            "statefulSets.db has the name of deployments.db: both would share labels, Services and the record",
        ),
        (
            f"daemonSets:\n  db: {{{CONTAINERS}}}\nstatefulSets:\n  db: {{broken: 1, {CONTAINERS}}}",
            "2",
            "names/duplicate",
            "daemonSets.db has the name of statefulSets.db: both would share labels, Services and the record",
        ),
        (
            f"statefulSets: {{db: {{{CONTAINERS}}}}}\nservices: {{db-headless: {{ports: [{{port: 1}}],"
            " selector: {a: b}}}",
            "2",
            "names/duplicate",
            "services.db-headless is also the headless Service that is made for statefulSets.db",
        ),
        (
            f"statefulSets: {{db: {{serviceName: postgres, {CONTAINERS}}}}}",
            "1",
            "references/unknown-service",
            "statefulSets.db.serviceName names the Service 'postgres', which these values do not contain",
        ),
        (
            f"statefulSets: {{db: {{volumeClaimTemplates: {{data: {{size: 1Gi}}}}, {CONTAINERS}}}}}",
            "1",
            "values/missing-key",
            "statefulSets.db.volumeClaimTemplates[0] needs the key 'accessModes'",
        ),
        (
            "statefulSets: {db: {volumeClaimTemplates: [{metadata: {name: data}, spec: {accessModes: [Some], resources:"
            f" {{requests: {{storage: 1Gi}}}}}}}}], {CONTAINERS}}}}}",
            "1",
            "values/unknown-value",
            "statefulSets.db.volumeClaimTemplates[0].accessModes[0] is no access mode",
        ),
        (
            "statefulSets: {db: {volumes: [{name: data, emptyDir: {}}], volumeClaimTemplates: {data: {size: 1Gi,"
            f" accessModes: [ReadWriteOnce]}}}}, {CONTAINERS}}}}}",
            "1",
            "names/duplicate",
            "statefulSets.db.volumeClaimTemplates[0].name is also the name of a volume: Kubernetes takes the claim, and"
            " not what 'volumes' says",
        ),
        (
            f"statefulSets: {{db: {{updateStrategy: {{rollingUpdate: {{partition: -1}}}}, {CONTAINERS}}}}}",
            "1",
            "values/out-of-range",
            "statefulSets.db.updateStrategy.rollingUpdate.partition must not be negative",
        ),
        (
            f"statefulSets: {{db: {{updateStrategy: {{type: Recreate}}, {CONTAINERS}}}}}",
            "1",
            "values/unknown-value",
            "statefulSets.db.updateStrategy.type must be OnDelete or RollingUpdate",
        ),
        (
            f"daemonSets: {{a: {{updateStrategy: {{rollingUpdate: {{maxSurge: 1}}}}, {CONTAINERS}}}}}",
            "1",
            "values/contradiction",
            "daemonSets.a.updateStrategy.rollingUpdate says how many pods come and how many go: Kubernetes takes one of"
            " them",
        ),
        (
            f"daemonSets: {{a: {{replicas: 2, {CONTAINERS}}}}}",
            "1",
            "values/unknown-key",
            "daemonSets.a has no key 'replicas'",
        ),
        (
            f"daemonSets: {{a: {{{CONTAINERS}}}}}\nhpas: {{a: {{maxReplicas: 2, metrics: [{{type: External,"
            " external: {metric: {name: x}, target: {type: Value, value: 1}}}]}}",
            "2",
            "references/unknown-deployment",
            "hpas.a scales nothing: no deployment or stateful set has its name, and it has no 'scaleTargetRef'",
        ),
        (
            f"statefulSets: {{{'d' * 53}: {{serviceName: a, {CONTAINERS}}}}}\nservices: {{a: {{ports: [{{port: 1}}],"
            " selector: {a: b}}}",
            "1",
            "names/invalid",
            f"statefulSets.{'d' * 53} is no name that Kubernetes takes for a StatefulSet",
        ),
    ],
)
def test_what_cannot_be_is_found_where_it_is_written(text: str, line: str, code: str, message: str) -> None:
    assert (line, code, message) in find(text)


def test_what_names_a_workload_knows_all_kinds() -> None:
    text = f"""
statefulSets:
  db:
    autoCreateService: true
    volumeClaimTemplates: {{data: {{size: 1Gi, accessModes: [ReadWriteOnce]}}}}
    migrations: {{enabled: true, args: [init]}}
    containers:
      main: {{image: 'a:1', ports: {{tcp: {{containerPort: 1}}}}, volumeMounts: [{{name: data, mountPath: /d}}]}}
daemonSets:
  agent: {{dependsOn: [db], waitForMigrations: [db], {CONTAINERS}}}
deployments:
  web:
    dependsOn: [db, agent]
    volumes: [{{name: d, persistentVolumeClaim: {{claimName: data-db-0}}}}]
    migrations: {{enabled: true, args: [migrate], dependsOn: [db]}}
    {CONTAINERS}
services: {{agent: {{ports: [{{port: 80}}]}}}}
networkPolicies: {{agent: {{}}}}
hpas:
  db:
    maxReplicas: 2
    metrics: [{{type: External, external: {{metric: {{name: x}}, target: {{type: Value, value: 1}}}}}}]
ingresses: {{db: {{hosts: [{{host: a.example.com}}]}}}}
"""
    assert find(text) == []


def test_a_circle_over_kinds_is_found() -> None:
    text = f"""
statefulSets: {{db: {{dependsOn: [web], {CONTAINERS}}}}}
deployments: {{web: {{dependsOn: [db], {CONTAINERS}}}}}
"""
    assert [(code, message) for _, code, message in find(text)] == [
        ("migrations/cycle", "deployments.web.dependsOn waits in a circle: web -> db -> web")
    ]


def test_a_stateful_set_inherits_what_it_takes_and_no_more() -> None:
    text = f"""
deploymentsGeneral: {{replicas: 3, strategy: {{type: Recreate}}, progressDeadlineSeconds: 5, minReadySeconds: 7}}
statefulSets: {{db: {{{CONTAINERS}}}}}
daemonSets: {{agent: {{{CONTAINERS}}}}}
"""
    tree, _ = parse_yaml(text, "values.yaml")
    parsed = parse_application(tree)
    assert not [problem for problem in parsed.problems if problem.severity is Severity.ERROR]
    assert parsed.application is not None
    db, agent = parsed.application.stateful_sets["db"], parsed.application.daemon_sets["agent"]
    assert (db.replicas, db.spec, agent.spec) == (3, {"minReadySeconds": 7}, {"minReadySeconds": 7})
