"""What counts as the same object: all but names of managers and what the API server fills in."""

import copy
from typing import Any

import pytest

from ks_universal.imports.clean import clean_object
from ks_universal.imports.compare import find_differences, is_same, normalize
from ks_universal.imports.selection import find_met

Json = dict[str, Any]
WEB: Json = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web", "labels": {"app": "web", "helm.sh/chart": "web-1", "app.kubernetes.io/name": "web"}},
    "spec": {
        "replicas": 2,
        "selector": {"matchLabels": {"app": "web"}},
        "template": {
            "metadata": {"labels": {"app": "web"}, "annotations": {"checksum/config": "0" * 64}},
            "spec": {
                "containers": [
                    {
                        "name": "web",
                        "image": "web:1",
                        "env": [{"name": "A", "value": "1"}],
                        "ports": [{"containerPort": 80}],
                        "readinessProbe": {"httpGet": {"port": 80}},
                    }
                ],
            },
        },
    },
}


def change(path: str, value: Any) -> Json:
    body = copy.deepcopy(WEB)
    *way, last = path.split(".")
    part: Any = body
    for key in way:
        part = part[int(key)] if key.isdigit() else part[key]
    part[last] = value
    return body


POD = "spec.template.spec"
MAIN = f"{POD}.containers.0"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("metadata.labels", {"app": "web", "app.kubernetes.io/managed-by": "x", "app.kubernetes.io/component": "y"}),
        ("metadata.annotations", {"meta.helm.sh/release-name": "x", "deployment.kubernetes.io/revision": "3"}),
        ("metadata.resourceVersion", "7"),
        ("spec.progressDeadlineSeconds", 600),
        ("spec.strategy", {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}}),
        ("spec.template.metadata.annotations", {"ks-universal.io/config-digest": "x"}),
        (f"{POD}.dnsPolicy", "ClusterFirst"),
        (f"{POD}.securityContext", {}),
        (f"{POD}.serviceAccount", "default"),
        (f"{MAIN}.imagePullPolicy", "IfNotPresent"),
        (f"{MAIN}.ports", [{"containerPort": 80, "protocol": "TCP", "name": "http"}]),
        (f"{MAIN}.env", [{"name": "A", "value": "0"}, {"name": "A", "value": "1"}]),
        (f"{MAIN}.readinessProbe", {"httpGet": {"port": 80, "path": "/", "scheme": "HTTP"}, "periodSeconds": 10}),
    ],
)
def test_names_and_defaults_do_not_count(path: str, value: Any) -> None:
    made = change(path, value)
    if path.startswith("metadata.") and path != "metadata.labels":
        made["metadata"].pop("resourceVersion", None)
    assert is_same(WEB, made)


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("metadata.labels", {"app": "shop"}, ["metadata.labels.app is another"]),
        ("spec.replicas", 3, ["spec.replicas is another"]),
        (f"{POD}.hostNetwork", True, [f"{POD}.hostNetwork is added"]),
        (f"{MAIN}.imagePullPolicy", "Always", ["spec.template.spec.containers[0].imagePullPolicy is added"]),
        (f"{MAIN}.env", [], ["spec.template.spec.containers[0].env is missing"]),
        (
            f"{MAIN}.ports",
            [{"containerPort": 81}],
            ["spec.template.spec.containers[0].ports[0].containerPort is another"],
        ),
    ],
)
def test_all_else_does_and_no_value_is_repeated(path: str, value: Any, said: list[str]) -> None:
    assert list(find_differences(normalize(WEB), normalize(change(path, value)))) == said


def test_a_node_selector_is_the_affinity_that_is_made_of_it() -> None:
    chosen = [{"matchExpressions": [{"key": "disk", "operator": "In", "values": ["fast"]}]}]
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": chosen}}
    affinity = change(f"{POD}.affinity", {"nodeAffinity": required})
    assert is_same(change(f"{POD}.nodeSelector", {"disk": "fast"}), affinity)
    assert not is_same(change(f"{POD}.nodeSelector", {"disk": "slow"}), affinity)


def test_what_servers_write_of_services_claims_and_jobs_is_left_out() -> None:
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "a"},
        "spec": {"clusterIP": "10.0.0.1", "ports": []},
    }
    assert clean_object(service)["spec"] == {}
    headless = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "a"},
        "spec": {"clusterIP": "None", "clusterIPs": ["None"]},
    }
    assert clean_object(headless)["spec"] == {"clusterIP": "None"}
    bound = {"pv.kubernetes.io/bound-by-controller": "yes"}
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "a", "annotations": bound},
        "spec": {"volumeName": "v"},
    }
    assert clean_object(claim)["spec"] == {}
    labels = {"controller-uid": "7", "job-name": "a"}
    spec = {
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": {"containers": []}},
    }
    cleaned = clean_object(
        {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "a", "labels": labels}, "spec": spec}
    )
    assert cleaned == {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "a"},
        "spec": {"template": {"spec": {"containers": []}}},
    }


def test_whom_selectors_meet_is_found() -> None:
    policy = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "p"},
        "spec": {"podSelector": {"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["db"]}]}},
    }
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}, "spec": {"selector": {"app": "shop"}}}
    assert find_met([WEB, policy, service]) == {
        ("NetworkPolicy", "p", "spec.podSelector"): frozenset(("Deployment/web",)),
        ("Service", "s", "spec.selector"): frozenset(),
    }
