from typing import Any

import pytest

from ks_universal.metadata_keys import ADOPTED
from ks_universal.targets.kubernetes.objects.ownership import Owner
from ks_universal.targets.kubernetes.objects.takeover import adopt

Json = dict[str, Any]
SHOP = Owner("shop", "home")
INSTANCE, MANAGED_BY = "app.kubernetes.io/instance", "app.kubernetes.io/managed-by"
OURS = {MANAGED_BY: "ks-universal", INSTANCE: "shop", "app.kubernetes.io/version": "1.0"}
HELMS = {MANAGED_BY: "Helm", INSTANCE: "shop", "helm.sh/chart": "ks-universal-0.2.23"}


def deployment(labels: Json, image: str = "app:1", **annotations: str) -> Json:
    pods: Json = {"metadata": {"labels": labels, **({"annotations": annotations} if annotations else {})}}
    pods["spec"] = {"containers": [{"name": "main", "image": image}]}
    return {
        "kind": "Deployment",
        "metadata": {"name": "app", "namespace": "home", "labels": labels},
        "spec": {"template": pods},
    }


WANTED = deployment(OURS, **{"ks-universal.io/config-digest": "c1"})


def test_the_pods_of_a_chart_stay_when_only_names_differ() -> None:
    adopted = adopt(deployment(HELMS), WANTED, SHOP)
    template = adopted["spec"]["template"]
    assert template["metadata"] == {"labels": {MANAGED_BY: "Helm", INSTANCE: "shop"}}
    assert template["spec"] == WANTED["spec"]["template"]["spec"]
    assert adopted["metadata"]["labels"] == OURS


def test_they_stay_as_long_as_nothing_else_of_them_changes() -> None:
    live = deployment(HELMS)
    first = adopt(live, WANTED, SHOP)
    taken = {**first, "spec": {"template": {**first["spec"]["template"]}}}
    taken["spec"]["template"]["metadata"] = live["spec"]["template"]["metadata"]
    assert adopt(taken, WANTED, SHOP) == first
    changed = deployment(OURS, **{"ks-universal.io/config-digest": "c2"})
    assert adopt(taken, changed, SHOP) == changed


@pytest.mark.parametrize("live", [None, deployment(HELMS, "app:0"), deployment(OURS)])
def test_what_is_absent_or_different_or_already_ours_is_applied_as_it_is(live: Json | None) -> None:
    assert adopt(live, WANTED, SHOP) == WANTED
    assert ADOPTED not in WANTED["metadata"].get("annotations", {})
