from typing import Any

import pytest

from ks_universal.metadata_keys import ADOPTED
from ks_universal.targets.kubernetes.objects.field_owners import gather
from ks_universal.targets.kubernetes.objects.ownership import Owner
from ks_universal.targets.kubernetes.objects.takeover import adopt, drop_leftovers

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
    assert template["metadata"] == {"labels": HELMS}
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


FOREIGN = {"app": "shop", "release": "my-shop", "heritage": "Helm"}
RENDERED = {"app": "shop", **OURS, "app.kubernetes.io/name": "app", "app.kubernetes.io/component": "app"}


def workload(kind: str, pods: Json, labels: Json) -> Json:
    template = {"metadata": {"labels": labels}, "spec": pods}
    return {"kind": kind, "metadata": {"name": "app", "labels": labels}, "spec": {"template": template}}


def pods(ports: list[Json], **spec: Any) -> Json:
    return {**spec, "containers": [{"name": "main", "image": "app:1", "ports": ports}]}


@pytest.mark.parametrize("kind", ["DaemonSet", "Deployment", "StatefulSet"])
def test_pods_of_any_chart_stay_without_the_names_and_in_the_words_of_before(kind: str) -> None:
    there = pods([{"containerPort": 80, "protocol": "TCP"}], nodeSelector={"disk": "fast", "arch": "arm64"})
    chosen = [{"key": key, "operator": "In", "values": [text]} for key, text in (("arch", "arm64"), ("disk", "fast"))]
    affinity = {
        "nodeAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [{"matchExpressions": chosen}]}
        }
    }
    wanted = pods([{"containerPort": 80, "protocol": "TCP", "name": "port-80"}], affinity=affinity)
    adopted = adopt(workload(kind, there, FOREIGN), workload(kind, wanted, RENDERED), SHOP)
    template = adopted["spec"]["template"]
    assert template["metadata"]["labels"] == FOREIGN
    assert template["spec"] == there
    assert adopted["metadata"]["labels"] == RENDERED


def test_pods_with_another_node_selector_or_other_ports_are_other_pods() -> None:
    there = pods([{"containerPort": 80, "name": "web"}], nodeSelector={"disk": "fast"})
    for other in (
        pods([{"containerPort": 80, "name": "web"}]),
        pods([{"containerPort": 80, "name": "web"}], nodeSelector={"disk": "slow"}),
        pods([{"containerPort": 80, "name": "http"}], nodeSelector={"disk": "fast"}),
    ):
        wanted = workload("Deployment", other, RENDERED)
        assert adopt(workload("Deployment", there, FOREIGN), wanted, SHOP) == wanted


def test_what_else_an_affinity_asks_of_nodes_stays_an_affinity() -> None:
    arch = {"key": "arch", "operator": "In", "values": ["arm64"]}
    disk = {"key": "disk", "operator": "In", "values": ["fast"]}
    required = "requiredDuringSchedulingIgnoredDuringExecution"

    def affinity(*expressions: Json) -> Json:
        return {"nodeAffinity": {required: {"nodeSelectorTerms": [{"matchExpressions": list(expressions)}]}}}

    there = pods([], nodeSelector={"disk": "fast"}, affinity=affinity(arch))
    wanted = workload("Deployment", pods([], affinity=affinity(arch, disk)), RENDERED)
    assert adopt(workload("Deployment", there, FOREIGN), wanted, SHOP)["spec"]["template"]["spec"] == there


def test_pods_with_more_than_is_wanted_are_other_pods_and_the_plan_says_what_goes() -> None:
    waits = [{"name": "wait-for-job", "image": "wait"}]
    there = {**pods([]), "initContainers": waits, "dnsPolicy": "ClusterFirst", "hostNetwork": True}
    live, wanted = workload("Deployment", there, FOREIGN), workload("Deployment", pods([]), RENDERED)
    assert adopt(live, wanted, SHOP) == wanted
    tried = workload("Deployment", {**there, "containers": pods([])["containers"]}, {**FOREIGN, **RENDERED})
    left = drop_leftovers(tried, live, wanted)["spec"]["template"]
    assert left == {"metadata": {"labels": RENDERED}, "spec": {**pods([]), "dnsPolicy": "ClusterFirst"}}


def test_all_that_others_own_of_the_pods_becomes_ours_and_nothing_else_does() -> None:
    def entry(manager: str, template: Json, **more: Any) -> Json:
        fields = {"f:spec": {"f:replicas": {}, **({"f:template": template} if template else {})}}
        return {"manager": manager, "operation": "Update", "apiVersion": "apps/v1", "fieldsV1": fields, **more}

    waits: Json = {"f:spec": {"f:initContainers": {'k:{"name":"wait"}': {".": {}, "f:image": {}}}}}
    image: Json = {"f:spec": {"f:containers": {'k:{"name":"main"}': {"f:image": {}}}}}
    managers = [entry("helm", waits), entry("kubectl", image), entry("autoscaler", image, subresource="scale")]
    live = {"apiVersion": "apps/v1", "metadata": {"managedFields": managers}}
    helm, kubectl, scale, ours = gather(managers, ("spec", "template"), live)
    assert [helm, kubectl] == [entry("helm", {}), entry("kubectl", {})]
    assert scale == managers[2]
    assert ours["fieldsV1"] == {"f:spec": {"f:template": {"f:spec": {**waits["f:spec"], **image["f:spec"]}}}}
    assert gather([helm, scale, ours], ("spec", "template"), live) == [helm, scale, ours]
