"""Extra objects: the labels of the release, and as little else as can be."""

from typing import Any

from ks_universal.metadata_keys import INSTANCE, MANAGED_BY, NAME
from support.releases import render_values

Json = dict[str, Any]


def build(extra: Any, **values: Any) -> list[Json]:
    return [resource.body for resource in render_values({"extraObjects": extra, **values}).objects]


def test_a_manifest_is_taken_as_it_is_with_the_labels_that_say_whose_it_is() -> None:
    spec = {"a": [{"b": None}, 1, "2"], "c": False}
    metadata = {"name": "x", "labels": {NAME: "mine", MANAGED_BY: "Helm"}, "finalizers": ["f"]}
    (body,) = build([{"apiVersion": "example.com/v1", "kind": "X", "metadata": metadata, "spec": spec, "status": {}}])
    assert body["spec"] == {"a": [{}, 1, "2"], "c": False}
    assert "status" not in body
    assert body["metadata"]["namespace"] == "ns"
    assert body["metadata"]["finalizers"] == ["f"]
    labels = body["metadata"]["labels"]
    assert (labels[NAME], labels[MANAGED_BY], labels[INSTANCE]) == ("mine", "ks-universal", "demo")


def test_a_name_that_is_no_label_makes_none() -> None:
    (body,) = build([{"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "system:a"}}])
    assert NAME not in body["metadata"]["labels"]


def test_what_is_known_to_be_in_no_namespace_has_none() -> None:
    kinds = {"spec": {"group": "example.com", "scope": "Cluster", "names": {"kind": "Widget"}}}
    extra = {
        "widgets": {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", **kinds},
        "gear": {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"namespace": "written"}},
        "other": {"apiVersion": "other.com/v1", "kind": "Widget", "metadata": {"namespace": "written"}},
        "high": {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "value": 1},
    }
    places = {body["metadata"]["name"]: body["metadata"].get("namespace") for body in build(extra)}
    assert places == {"widgets": None, "gear": None, "other": "written", "high": None}


def test_texts_of_a_secret_are_written_as_the_server_keeps_them() -> None:
    (body,) = build({"s": {"apiVersion": "v1", "kind": "Secret", "stringData": {"A": "b"}, "data": {"C": "ZA=="}}})
    assert body["data"] == {"C": "ZA==", "A": "Yg=="}
    assert "stringData" not in body


def test_what_others_need_stands_before_them() -> None:
    web = {"containers": {"main": {"image": "a", "imageTag": "1"}}}
    extra = [
        {"apiVersion": "a.example.com/v1", "kind": "X", "metadata": {"name": "x"}},
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}},
        {"apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret", "metadata": {"name": "e"}},
        {"apiVersion": "external-secrets.io/v1", "kind": "SecretStore", "metadata": {"name": "s"}},
    ]
    kinds = [body["kind"] for body in build(extra, deployments={"web": web})]
    assert kinds == ["SecretStore", "ExternalSecret", "ConfigMap", "Deployment", "X"]
