"""The checks of extra objects, and what the values know of what they make."""

import pytest

from ks_universal.api.values import load
from ks_universal.model.parse import parse_application
from ks_universal.values.parse import parse_yaml

CONFIG = "apiVersion: v1, kind: ConfigMap"
EXTERNAL = "apiVersion: external-secrets.io/v1, kind: ExternalSecret"
WEB = "deployments: {web: {containers: {main: {image: a, imageTag: '1', envFrom: [{type: secret, configName: db}]}}}}\n"


def find(text: str) -> list[tuple[str, str]]:
    tree, problems = parse_yaml(text, "values.yaml")
    assert problems == []
    return [(p.severity.value, p.code) for p in parse_application(tree).problems]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("[text]", "values/wrong-type"),
        ("[{kind: ConfigMap, metadata: {name: a}}]", "values/missing-key"),
        ("[{apiVersion: v1, metadata: {name: a}}]", "values/missing-key"),
        ("[{apiVersion: 1, kind: ConfigMap, metadata: {name: a}}]", "values/wrong-type"),
        (f"[{{{CONFIG}}}]", "values/missing-key"),
        (f"[{{{CONFIG}, metadata: {{}}}}]", "values/missing-key"),
        (f"[{{{CONFIG}, metadata: a}}]", "values/wrong-type"),
        (f"{{a: {{{CONFIG}, metadata: {{name: a/b}}}}}}", "names/invalid"),
        (f"{{a: {{{CONFIG}, metadata: {{generateName: a-}}}}}}", "values/contradiction"),
        (f"{{a: {{{CONFIG}, metadata: {{labels: {{x: true}}}}}}}}", "values/wrong-type"),
        (f"{{a: {{{CONFIG}, metadata: {{labels: [x]}}}}}}", "values/wrong-type"),
        ("[{apiVersion: v1, kind: ConfigMapList, metadata: {name: a}, items: []}]", "values/wrong-type"),
        (f"{{a: {{{CONFIG}}}, b: {{{CONFIG}, metadata: {{name: a}}}}}}", "names/duplicate"),
        ("{a: {apiVersion: apps/v1, kind: Deployment, spec: {selector: {}}}}", "values/missing-key"),
        ("{a: {apiVersion: apps/v1, kind: Deployment, spec: {selector: {}, template: {}}}}", "values/missing-key"),
        ("{a: {apiVersion: v1, kind: Secret, data: text}}", "values/wrong-type"),
        (f"{{a: {{{CONFIG}, metadata: {{namespace: {{}}}}}}}}", "values/wrong-type"),
        ("{a: {apiVersion: v1, kind: CustomResourceDefinition, spec: {names: text}}}", "values/missing-key"),
        ("{a: {apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding}}", "values/missing-key"),
        (f"{{a: {{{EXTERNAL}, metadata: {{annotations: {{ks-universal.io/wait: soon}}}}}}}}", "values/unknown-value"),
        (f"{{a: {{{EXTERNAL}, metadata: {{annotations: {{ks-universal.io/makes: db}}}}}}}}", "values/unknown-value"),
    ],
)
def test_what_is_no_manifest_is_found(text: str, code: str) -> None:
    assert find(f"extraObjects: {text}\n") == [("error", code)]


@pytest.mark.parametrize(
    "text",
    [
        f"[{{{CONFIG}, metadata: {{name: a}}}}, {{{CONFIG}, metadata: {{name: a, namespace: other}}}}]",
        f"{{a: {{{CONFIG}, data: null}}, b: {{apiVersion: x.example.com/v1, kind: ConfigMap, metadata: {{name: a}}}}}}",
        f"{{a: {{{EXTERNAL}, metadata: {{annotations: {{ks-universal.io/wait: 1h30m}}}}}}}}",
        "{a: {apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {name: 'system:a'}, rules: []}}",
    ],
)
def test_any_manifest_is_taken(text: str) -> None:
    assert find(f"extraObjects: {text}\n") == []


@pytest.mark.parametrize(
    ("extra", "found"),
    [
        (f"{{db: {{{EXTERNAL}}}}}", []),
        (f"{{x: {{{EXTERNAL}, spec: {{target: {{name: db}}}}}}}}", []),
        (f"{{db: {{{EXTERNAL}, spec: {{target: {{name: other}}}}}}}}", [("warning", "references/unknown-config")]),
        ("{db: {apiVersion: v1, kind: Secret, stringData: {A: b}}}", []),
        ("{x: {apiVersion: db.example.com/v1, kind: Database, metadata: {annotations: "
         "{ks-universal.io/makes: 'ConfigMap/ca, Secret/db'}}}}", []),
    ],
)  # fmt: skip
def test_a_secret_that_an_extra_object_is_or_makes_is_known(extra: str, found: list[tuple[str, str]]) -> None:
    assert find(f"{WEB}extraObjects: {extra}\n") == found


def test_a_key_that_an_extra_secret_does_not_have_is_found() -> None:
    env = "env: [{name: A, valueFrom: {secretKeyRef: {name: db, key: B}}}]"
    text = f"deployments: {{web: {{containers: {{main: {{image: a, imageTag: '1', {env}}}}}}}}}\n"
    assert find(text + "extraObjects: {db: {apiVersion: v1, kind: Secret, data: {A: Yg==}}}\n") == [
        ("error", "references/unknown-key")
    ]


def test_what_plans_read_of_a_pod_is_typed_with_its_position() -> None:
    pod = "{containers: [{name: a, envFrom: {secretRef: {name: db}}}]}"
    job = "apiVersion: batch/v1\n  kind: Job\n  metadata: {name: a}"
    text = f"extraObjects:\n- {job}\n  spec: {{template: {{spec: {pod}}}}}\n"
    (problem,) = load(["-"], stdin=lambda: text).problems
    assert problem.code == "values/wrong-type"
    assert problem.message.startswith("extraObjects[0].spec.template.spec.containers[0].envFrom must be a list")
    assert problem.where is not None
    assert problem.where.line == 5


@pytest.mark.parametrize("name", ["web", "web-migrations"])
def test_what_the_values_make_elsewhere_is_found_where_it_is_written_again(name: str) -> None:
    kind = "Service" if name == "web" else "Job"
    version = "v1" if name == "web" else "batch/v1"
    main = "containers: {main: {image: a, imageTag: '1', ports: {http: {containerPort: 80}}}}"
    spec = "{}" if name == "web" else "{template: {spec: {containers: [{name: a}]}}}"
    again = f"{{apiVersion: {version}, kind: {kind}, metadata: {{name: {name}}}, spec: {spec}}}"
    text = f"extraObjects:\n  again: {again}\n"
    text += f"deployments: {{web: {{autoCreateService: true, migrations: {{enabled: true, args: [up]}}, {main}}}}}\n"
    (problem,) = load(["-"], stdin=lambda: text).problems
    assert problem.code == "names/duplicate"
    assert problem.message == f"extraObjects.again is {kind}/{name}, which these values make already"
    assert problem.where is not None
    assert (problem.where.line, problem.where.column) == (2, 3)


def test_the_namespace_of_the_release_is_none_of_its_objects() -> None:
    text = "extraObjects: {shop: {apiVersion: v1, kind: Namespace}}\n"
    assert [p.code for p in load(["-"], stdin=lambda: text, namespace="shop").problems] == ["values/contradiction"]
    assert load(["-"], stdin=lambda: text, namespace="other").problems == ()
