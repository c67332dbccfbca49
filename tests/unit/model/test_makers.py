"""Which kinds make Secrets and ConfigMaps, under which name, and when they are due."""

from typing import Any

import pytest

from ks_universal.metadata_keys import MAKES
from ks_universal.model.kubernetes.kind_names import is_cluster_wide, qualify_kind
from ks_universal.model.kubernetes.makers import Stage, find_stage, is_made_by_pods, list_made

Json = dict[str, Any]


def extra(api_version: str, kind: str, name: str = "x", annotations: Json | None = None, **spec: Any) -> Json:
    metadata = {"name": name, **({"annotations": annotations} if annotations else {})}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, "spec": spec}


ESO = "external-secrets.io/v1"


@pytest.mark.parametrize(
    ("body", "made"),
    [
        (extra(ESO, "ExternalSecret"), [("Secret", "x")]),
        (extra(ESO, "ExternalSecret", target={"name": "db"}), [("Secret", "db")]),
        (extra(ESO, "ExternalSecret", target="db"), [("Secret", "x")]),
        (extra("bitnami.com/v1alpha1", "SealedSecret", template={"metadata": {"name": "db"}}), [("Secret", "db")]),
        (extra("cert-manager.io/v1", "Certificate", secretName="tls"), [("Secret", "tls")]),
        (extra("cert-manager.io/v1", "Certificate"), []),
        (extra("networking.internal.knative.dev/v1", "Certificate", secretName="tls"), []),
        (extra("secrets-store.csi.x-k8s.io/v1", "SecretProviderClass",
               secretObjects=[{"secretName": "a"}, {"secretName": "b"}, {}]), [("Secret", "a"), ("Secret", "b")]),
        (extra("trust.cert-manager.io/v1alpha1", "Bundle"), [("ConfigMap", "x")]),
        (extra("postgresql.cnpg.io/v1", "Cluster"), [("Secret", "x-app")]),
        (extra("a.example.com/v1", "Database", annotations={MAKES: "Secret/a, ConfigMap/b"}),
         [("Secret", "a"), ("ConfigMap", "b")]),
        (extra(ESO, "ExternalSecret", annotations={MAKES: "Secret/other"}), [("Secret", "other")]),
        (extra("v1", "ConfigMap"), []),
    ],
)  # fmt: skip
def test_what_is_made_has_the_name_that_the_object_says(body: Json, made: list[tuple[str, str]]) -> None:
    assert list(list_made(body)) == made


@pytest.mark.parametrize(
    ("body", "stage"),
    [
        (extra("apiextensions.k8s.io/v1", "CustomResourceDefinition"), Stage.DEFINITION),
        (extra("v1", "Namespace"), Stage.DEFINITION),
        (extra(ESO, "ClusterSecretStore"), Stage.SOURCE),
        (extra("cert-manager.io/v1", "Issuer"), Stage.SOURCE),
        (extra(ESO, "ExternalSecret"), Stage.MAKER),
        (extra("a.example.com/v1", "Database", annotations={MAKES: "Secret/a"}), Stage.MAKER),
        (extra("a.example.com/v1", "Database"), Stage.REST),
        (extra("v1", "Service"), Stage.REST),
    ],
)
def test_objects_are_due_by_their_kind(body: Json, stage: Stage) -> None:
    assert find_stage(body) is stage


def test_what_comes_with_the_first_pod_is_known() -> None:
    assert is_made_by_pods(extra("secrets-store.csi.x-k8s.io/v1", "SecretProviderClass"))
    assert not is_made_by_pods(extra(ESO, "ExternalSecret"))


def test_kinds_of_others_have_their_group_in_their_name() -> None:
    assert qualify_kind("v1", "Service") == "Service"
    assert qualify_kind("apps/v1", "Deployment") == "Deployment"
    assert qualify_kind("gateway.networking.k8s.io/v1", "Gateway") == "Gateway"
    assert qualify_kind("cert-manager.io/v1", "Certificate") == "Certificate"
    assert qualify_kind("serving.knative.dev/v1", "Service") == "Service.serving.knative.dev"


def test_kinds_in_no_namespace_are_known_as_far_as_nobody_has_to_ask() -> None:
    assert is_cluster_wide("PriorityClass")
    assert is_cluster_wide("ClusterIssuer")
    assert not is_cluster_wide("Cluster.postgresql.cnpg.io")
