from typing import Any

import pytest

from ks_universal.targets.kubernetes.api.kinds import Kind
from ks_universal.targets.kubernetes.preflight.unknown_kinds import describe_unknown


def body(name: str) -> dict[str, Any]:
    return {"apiVersion": "cert-manager.io/v1", "kind": "Certificate", "metadata": {"name": name}}


@pytest.mark.parametrize(
    ("api_version", "kind", "project"),
    [
        ("cert-manager.io/v1", "Certificate", "cert-manager"),
        ("monitoring.coreos.com/v1", "ServiceMonitor", "Prometheus Operator"),
        ("gateway.networking.k8s.io/v1", "HTTPRoute", "Gateway API"),
        ("deckhouse.io/v1", "DexAuthenticator", "user-authn"),
    ],
)
def test_an_unknown_kind_is_named_with_the_project_that_brings_it(api_version: str, kind: str, project: str) -> None:
    problem = describe_unknown(api_version, kind, None)
    assert problem.code == "kubernetes/unknown-kind"
    assert f"{api_version} {kind}, which " in problem.message
    assert project in problem.message
    assert "https://" in (problem.hint or "")


def test_an_unknown_kind_names_the_objects_that_need_it_and_counts_the_rest() -> None:
    names = [body(name) for name in "abcde"]
    message = describe_unknown("cert-manager.io/v1", "Certificate", None, names).message
    assert message.endswith("; Certificate/a, Certificate/b, Certificate/c and 2 more cannot be made")


def test_a_cluster_that_has_another_version_of_the_kind_is_told_apart() -> None:
    old = Kind("gateway.networking.k8s.io/v1beta1", "HTTPRoute", "httproutes")
    message = describe_unknown("gateway.networking.k8s.io/v1", "HTTPRoute", old).message
    assert "(only gateway.networking.k8s.io/v1beta1)" in message
    another = Kind("example.org/v1", "HTTPRoute", "httproutes")
    assert "only" not in describe_unknown("gateway.networking.k8s.io/v1", "HTTPRoute", another).message
