"""All objects of a release: their order, their names, and what makes pods restart."""

from collections.abc import Callable

import pytest

from ks_universal.json_types import Json
from ks_universal.metadata_keys import CONFIG_DIGEST
from ks_universal.model.format.application import Application
from ks_universal.model.format.containers import Container
from ks_universal.model.format.workloads import Deployment
from ks_universal.resources.build import build_objects
from ks_universal.resources.objects import Rendered, object_ref
from ks_universal.resources.references import read_needs, read_references, rename_references

Render = Callable[[str], Rendered]

READER = """
configs:
  c: {{type: configMap, data: {{A: "{value}"}}}}
deployments:
  app:
    restartOnConfigChange: {restart}
    volumes: [{{name: c, configMap: {{name: c}}}}]
    containers: {{main: {{image: app, imageTag: v1, {read}}}}}
"""


def annotations_of(rendered: Rendered) -> Json:
    template = rendered.objects[-1].body["spec"]["template"]
    return dict(template["metadata"].get("annotations", {}))


@pytest.mark.parametrize(
    "read",
    [
        "envFrom: [{type: configMap, configName: c}]",
        "env: [{name: A, valueFrom: {configMapKeyRef: {name: c, key: A}}}]",
        "volumeMounts: [{name: c, mountPath: /a, subPath: A}]",
    ],
)
@pytest.mark.parametrize("restart", ["needed", "always", "true", "'true'", "yes"])
def test_a_changed_config_restarts_the_pods_that_would_not_see_it(render: Render, read: str, restart: str) -> None:
    digests = {annotations_of(render(READER.format(value=v, restart=restart, read=read)))[CONFIG_DIGEST] for v in "12"}
    assert len(digests) == 2


@pytest.mark.parametrize("restart", ["needed", "true"])
def test_a_changed_file_that_pods_see_restarts_nothing(render: Render, restart: str) -> None:
    read = "volumeMounts: [{name: c, mountPath: /a}]"
    assert annotations_of(render(READER.format(value="1", restart=restart, read=read))) == {}


@pytest.mark.parametrize(
    ("value", "digest"),
    [
        ("1", "c1acd060f0642d326774270a589dd4a5"),
        ("h\u00e9 \U0001fae8", "2bc77829a428c33efada0ee371421f8b"),
    ],  # the emoji is younger than Python 3.11
)
def test_the_digest_is_the_same_in_all_versions_of_python(render: Render, value: str, digest: str) -> None:
    read = "envFrom: [{type: configMap, configName: c}]"
    found = annotations_of(render(READER.format(value=value, restart="true", read=read)))[CONFIG_DIGEST]
    assert found == digest


def test_a_changed_file_restarts_where_the_values_say_always(render: Render) -> None:
    def digest(value: str, read: str) -> str | None:
        return annotations_of(render(READER.format(value=value, restart="always", read=read))).get(CONFIG_DIGEST)

    mounts = "volumeMounts: [{name: c, mountPath: /a}]"
    assert len({digest("1", mounts), digest("2", mounts), None}) == 3
    assert digest("1", "env: []") is None  # nothing mounts the volume


@pytest.mark.parametrize("restart", ["never", "false", "'false'", "off"])
def test_restarts_can_be_turned_off(render: Render, restart: str) -> None:
    read = "envFrom: [{type: configMap, configName: c}]"
    assert annotations_of(render(READER.format(value="1", restart=restart, read=read))) == {}


def test_a_namespace_is_written_only_where_one_is_given() -> None:
    application = Application(deployments={"app": Deployment(containers={"main": Container(image="app")})})
    written = build_objects(application, "demo", "shop").objects[0].body["metadata"]["namespace"]
    assert written == "shop"
    assert "namespace" not in build_objects(application, "demo", "").objects[0].body["metadata"]


def test_an_account_that_two_applications_share_is_made_once(render: Render) -> None:
    rendered = render("""
deployments:
  a: &app
    autoCreateServiceAccount: true
    serviceAccountName: shared
    serviceAccountConfig: {annotations: {x: "1"}}
    containers: {main: {image: app, imageTag: v1}}
  b:
    <<: *app
    serviceAccountConfig: {annotations: {y: "1"}}
""")
    identities = [object_ref(r.body) for r in rendered.objects]
    assert len(identities) == len(set(identities)) == 3
    assert rendered.objects[0].application is None
    assert rendered.objects[0].body["metadata"]["annotations"] == {"x": "1", "y": "1"}


def test_nothing_makes_nothing() -> None:
    rendered = build_objects(Application(), "demo", "")
    assert (rendered.objects, rendered.migrations) == ((), ())


def test_every_place_of_a_pod_that_names_an_object_is_known() -> None:
    pod = {
        "initContainers": [{"envFrom": [{"configMapRef": {"name": "a"}}]}],
        "containers": [{"env": [{"name": "X", "valueFrom": {"secretKeyRef": {"name": "b", "key": "k"}}}]}],
        "volumes": [
            {"name": "1", "configMap": {"name": "c"}},
            {"name": "2", "secret": {"secretName": "d"}},
            {"name": "3", "projected": {"sources": [{"secret": {"name": "e"}}, {"configMap": {"name": "f"}}]}},
            {"name": "4", "persistentVolumeClaim": {"claimName": "g"}},
        ],
        "imagePullSecrets": [{"name": "h"}],
        "serviceAccountName": "i",
    }
    references = read_references(pod)
    assert [name for _, name in references] == list("abcdefghi")
    renamed = rename_references(pod, {reference: reference[1].upper() for reference in references})
    assert [name for _, name in read_references(renamed)] == list("ABCDEFGHI")
    assert [name for _, name in read_references(pod)] == list("abcdefghi")


def test_what_a_pod_cannot_start_without_comes_with_its_keys_and_without_what_is_optional() -> None:
    def variable(kind: str, **source: object) -> object:
        return {"name": "X", "valueFrom": {f"{kind}KeyRef": source}}

    container = {
        "env": [
            variable("secret", name="a", key="one"),
            variable("secret", name="a", key="two"),
            variable("configMap", name="b", key="k", optional=True),
        ],
        "envFrom": [{"secretRef": {"name": "a"}}, {"configMapRef": {"name": "c"}}],
    }
    volumes = [
        {"name": "1", "configMap": {"name": "d", "items": [{"key": "three", "path": "x"}]}},
        {"name": "2", "secret": {"secretName": "e", "optional": True}},
        {"name": "3", "projected": {"sources": [{"secret": {"name": "f"}}]}},
    ]
    pod = {"containers": [container], "volumes": volumes, "imagePullSecrets": [{"name": "g"}]}
    assert read_needs({**pod, "serviceAccountName": "h"}) == {
        ("Secret", "a"): ("one", "two"),
        ("ConfigMap", "c"): (),
        ("ConfigMap", "d"): ("three",),
        ("Secret", "f"): (),
        ("ServiceAccount", "h"): (),
    }


def test_constraints_of_spreading_count_the_workloads_own_pods_unless_they_say_others(render: Render) -> None:
    spread = "topologySpreadConstraints: [{maxSkew: 1, topologyKey: z, whenUnsatisfiable: DoNotSchedule%s}]"
    containers = "containers: {main: {image: a, imageTag: v1}}"
    own, other = (
        render(f"jobs: {{j: {{{spread % more}, {containers}}}}}").objects[0].body["spec"]["template"]
        for more in ("", ", labelSelector: {matchLabels: {a: b}}")
    )
    selector = own["spec"]["topologySpreadConstraints"][0]["labelSelector"]["matchLabels"]
    assert selector.items() <= own["metadata"]["labels"].items()
    assert other["spec"]["topologySpreadConstraints"][0]["labelSelector"] == {"matchLabels": {"a": "b"}}


@pytest.mark.parametrize(
    ("rules", "types"),
    [
        ("ingress: [{}]", ["Ingress"]),
        ("ingress: [{}], egress: []", ["Ingress"]),
        ("egress: [{}]", ["Ingress", "Egress"]),
        ("egress: [{}], policyTypes: [Egress]", ["Egress"]),
    ],
)
def test_the_types_of_a_policy_are_those_that_follow_from_its_rules(
    render: Render, rules: str, types: list[str]
) -> None:
    rendered = render(f"networkPolicies: {{p: {{podSelector: {{}}, {rules}}}}}")
    assert rendered.objects[0].body["spec"]["policyTypes"] == types
