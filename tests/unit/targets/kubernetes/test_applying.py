"""What is applied, given what is there: what the API server has derived once from what changes now."""

from typing import Any

import pytest

from ks_universal.targets.kubernetes.objects.applying import build_applied
from ks_universal.targets.kubernetes.objects.ownership import Owner

Json = dict[str, Any]
OWNER = Owner("shop", "ns")
LABELS = {"app.kubernetes.io/managed-by": "ks-universal", "app.kubernetes.io/instance": "shop"}
POLICY: Json = {"f:imagePullPolicy": {}}


def deployment(image: str, policy: str | None = None, manager: str | None = None, *, kind: str = "containers") -> Json:
    main = {"name": "main", "image": image, **({"imagePullPolicy": policy} if policy else {})}
    pod = {"containers": [], kind: [main]}
    fields = {"f:spec": {"f:template": {"f:spec": {f"f:{kind}": {'k:{"name":"main"}': POLICY}}}}}
    entry = {"manager": manager, "operation": "Apply", "fieldsV1": fields}
    metadata = {"name": "app", "namespace": "ns", "labels": LABELS, "managedFields": [entry] if manager else []}
    spec = {"template": {"metadata": {}, "spec": pod}}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec}


def policy_of(live: Json | None, body: Json, kind: str = "containers") -> str | None:
    (main,) = build_applied(live, body, OWNER)["spec"]["template"]["spec"][kind]
    policy: str | None = main.get("imagePullPolicy")
    return policy


@pytest.mark.parametrize("kind", ["containers", "initContainers"])
@pytest.mark.parametrize(
    ("old", "there", "new", "policy"),
    [
        ("a:1", "IfNotPresent", "a:latest", "Always"),
        ("a:1", "IfNotPresent", "a", "Always"),
        ("a:latest", "Always", "a:1", "IfNotPresent"),
        ("a:latest", "Always", "a@sha256:0", "IfNotPresent"),
        ("a:1", "IfNotPresent", "a:2", None),
        ("a:latest", "IfNotPresent", "a:latest", None),
    ],
)
def test_the_pull_policy_that_followed_from_the_old_image_follows_from_the_new_one(
    kind: str, old: str, there: str, new: str, policy: str | None
) -> None:
    assert policy_of(deployment(old, there, kind=kind), deployment(new, kind=kind), kind) == policy


def test_a_pull_policy_that_is_written_or_that_somebody_else_manages_stays() -> None:
    assert policy_of(deployment("a:1", "IfNotPresent"), deployment("a:latest", "Never")) == "Never"
    assert policy_of(deployment("a:1", "IfNotPresent", "kubectl-edit"), deployment("a:latest")) is None
    assert policy_of(None, deployment("a:latest")) is None
