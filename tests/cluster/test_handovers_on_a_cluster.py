"""Fields that change hands: the number of pods, between values and autoscalers, and what the server had filled in."""

import contextlib
import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from ks_universal.cli import run
from ks_universal.plan.records import Outcome as RunOutcome
from ks_universal.targets.kubernetes.api.kinds import DEPLOYMENT, Kind
from support.cluster_definitions import define, installed
from support.cluster_release import wait_until
from support.deploying import Json, deploy, get, kubectl, write
from support.shell import Outcome

POLICY = Kind("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies")
SCALED_OBJECT = Kind("keda.sh/v1alpha1", "ScaledObject", "scaledobjects")
METRICS = "metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 80}}}]"
APP: Json = {
    "containers": {
        "main": {
            "image": "busybox",
            "imageTag": "local",
            "command": ["sh", "-c", "trap 'exit 0' TERM; sleep 600 & wait"],
            "env": [{"name": "VERSION", "value": "1"}],
            "resources": {"requests": {"cpu": "10m"}},
        }
    },
}


def values(version: int = 1, sections: Json | None = None, **more: Json | int | list[Json]) -> str:
    """Values of `my-app` with more keys of its own, and more sections beside it."""
    text = json.dumps({**(sections or {}), "deployments": {"my-app": {**APP, **more}}})
    return text.replace('"value": "1"', f'"value": "{version}"')


def scale(low: int) -> Json:
    found: Json = yaml.safe_load(f"{{minReplicas: {low}, maxReplicas: 4, {METRICS}}}")
    return found


def read(namespace: str) -> Json:
    deployment = get(namespace, DEPLOYMENT, "my-app")
    assert deployment is not None
    return deployment


@contextlib.contextmanager
def watched_replicas(namespace: str) -> Iterator[list[int]]:
    """Every `spec.replicas` of the Deployment from now on; complete when the block is left."""
    argv = ["kubectl", "-n", namespace, "get", "deployment/my-app", "-w", "-o", "jsonpath={.spec.replicas} "]
    seen: list[int] = []
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as watch:
        assert watch.stdout is not None
        seen.append(int(watch.stdout.read(2)))
        try:
            yield seen
        finally:
            watch.terminate()
            seen += map(int, watch.stdout.read().split())


def begin_scaling(namespace: str, how: str) -> Json:
    """Have an autoscaler for my-app; gives what the values have of it."""
    if how == "hpas":
        target = {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "my-app"}}
        return {"sections": {"hpas": {"some-name": {**scale(2), **target}}}}
    if how == "foreign":
        kubectl(namespace, "autoscale", "deployment", "my-app", "--min=2", "--max=4", "--name=theirs")
    if how == "keda":
        spec = {"scaleTargetRef": {"name": "my-app"}, "minReplicaCount": 2}
        body = {
            "apiVersion": SCALED_OBJECT.api_version,
            "kind": "ScaledObject",
            "metadata": {"name": "s"},
            "spec": spec,
        }
        kubectl(namespace, "apply", "-f", "-", text=json.dumps(body))
    return {"hpa": scale(2)} if how == "hpa" else {}


@pytest.mark.parametrize("how", ["hpa", "hpas", "foreign", "keda"])
def test_an_autoscaler_begins_with_the_pods_that_are_there(namespace: str, tmp_path: Path, how: str) -> None:
    with installed([define(SCALED_OBJECT)]) if how == "keda" else contextlib.nullcontext():
        deploy(namespace, values(replicas=3), tmp_path)
        with watched_replicas(namespace) as seen:
            revision, _ = deploy(namespace, values(2, **begin_scaling(namespace, how)), tmp_path)
            assert revision.outcome is RunOutcome.SUCCEEDED
        assert min(seen) == 3
        assert not [m for m in managers(namespace, "f:replicas") if m == "ks-universal"]
        # It stays with the autoscaler: neither a change nor a conflict.
        kubectl(namespace, "scale", "deployment/my-app", "--replicas=4")
        revision, _ = deploy(namespace, values(3, **begin_scaling_again(how)), tmp_path)
        assert revision.outcome is RunOutcome.SUCCEEDED
        assert read(namespace)["spec"]["replicas"] == 4


def begin_scaling_again(how: str) -> Json:
    return begin_scaling("", how) if how in ("hpa", "hpas") else {}


def managers(namespace: str, field: str) -> list[str]:
    entries = read(namespace)["metadata"]["managedFields"]
    return [entry["manager"] for entry in entries if field in entry["fieldsV1"].get("f:spec", {})]


Call = Callable[..., Outcome]


@pytest.fixture
def ksu(namespace: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Call:
    """Runs a command on the release `shop` in the test's namespace, with these values where there are any."""

    def call(command: str, *more: str, values: str = "") -> Outcome:
        files = ("-f", write(tmp_path, values)) if values else ()
        status = run([command, "shop", *files, *more, "-n", namespace])
        captured = capfd.readouterr()
        return Outcome(status, captured.out, captured.err)

    return call


def test_replicas_that_left_the_values_go_back_to_one_where_nobody_scales_and_the_plan_says_so(
    ksu: Call, namespace: str
) -> None:
    assert ksu("deploy", values=values(replicas=2)).status == 0
    plan = ksu("plan", values=values())
    assert "~ spec.replicas: 2 -> 1" in plan.out
    assert "warning[kubernetes/fewer-pods]" in plan.err
    scaled = ksu("plan", values=values(hpa=scale(1)))
    assert "spec.replicas" not in scaled.out
    assert "fewer-pods" not in scaled.err
    assert ksu("deploy", values=values()).status == 0
    assert read(namespace)["spec"]["replicas"] == 1


def test_replicas_come_back_from_an_autoscaler_that_leaves_in_the_same_rollback(ksu: Call, namespace: str) -> None:
    assert ksu("deploy", values=values(replicas=2)).status == 0
    assert ksu("deploy", values=values(2, hpa=scale(3))).status == 0
    wait_until(lambda: read(namespace)["spec"]["replicas"] == 3, within_s=60)
    assert ksu("rollback").status == 0
    assert read(namespace)["spec"]["replicas"] == 2
    assert ksu("plan", values=values(replicas=2)).out.count("unchanged") == 1


def test_replicas_that_an_autoscaler_of_others_has_taken_are_a_conflict_until_it_is_gone(
    ksu: Call, namespace: str
) -> None:
    assert ksu("deploy", values=values(replicas=2)).status == 0
    kubectl(namespace, "autoscale", "deployment", "my-app", "--min=3", "--max=4")
    wait_until(lambda: read(namespace)["spec"]["replicas"] == 3, within_s=60)
    refused = ksu("deploy", values=values(2, replicas=2))
    assert refused.status == 1
    assert "kube-controller-manager manages spec.replicas" in refused.err
    assert "hint: an autoscaler sets it" in refused.err
    kubectl(namespace, "delete", "hpa", "my-app")
    assert ksu("deploy", values=values(2, replicas=2)).status == 0
    assert read(namespace)["spec"]["replicas"] == 2


RECREATE: Json = {"strategy": {"type": "Recreate"}}


@pytest.mark.parametrize("how", ["deployment", "general"])
def test_a_deployment_without_a_strategy_takes_recreate_and_goes_back(ksu: Call, namespace: str, how: str) -> None:
    general = values(2, {"deploymentsGeneral": RECREATE})
    wanted = values(2, **RECREATE) if how == "deployment" else general
    assert ksu("deploy", values=values()).status == 0
    plan = ksu("plan", values=wanted)
    assert plan.status == 0
    assert "~ spec.strategy.type: RollingUpdate -> Recreate" in plan.out
    assert "- spec.strategy.rollingUpdate" in plan.out
    for command, type_ in (("deploy", "Recreate"), ("rollback", "RollingUpdate"), ("deploy", "Recreate")):
        given = {"values": wanted} if command == "deploy" else {}
        assert ksu(command, **given).status == 0
        assert read(namespace)["spec"]["strategy"]["type"] == type_
    assert ksu("deploy", values=values(3)).status == 0
    assert read(namespace)["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": "25%", "maxUnavailable": "25%"}


def test_limits_of_which_only_one_was_written_are_no_hindrance_to_recreate(ksu: Call, namespace: str) -> None:
    half: Json = {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 2}}}
    assert ksu("deploy", values=values(**half)).status == 0
    assert ksu("deploy", values=values(**RECREATE)).status == 0
    assert read(namespace)["spec"]["strategy"] == {"type": "Recreate"}


def test_limits_that_somebody_has_set_are_taken_over_only_when_asked(ksu: Call, namespace: str) -> None:
    assert ksu("deploy", values=values()).status == 0
    patch = '{"spec":{"strategy":{"rollingUpdate":{"maxSurge":2}}}}'
    kubectl(namespace, "patch", "deployment/my-app", "--type=merge", "-p", patch)
    refused = ksu("deploy", values=values(**RECREATE))
    assert refused.status == 1
    assert "kubectl-patch manages spec.strategy.rollingUpdate" in refused.err
    assert ksu("deploy", "--take-ownership", values=values(**RECREATE)).status == 0
    assert read(namespace)["spec"]["strategy"] == {"type": "Recreate"}


def test_recreate_takes_over_a_deployment_that_others_have_made(ksu: Call, namespace: str) -> None:
    labels = {"app.kubernetes.io/name": "my-app", "app.kubernetes.io/instance": "shop"}
    labels["app.kubernetes.io/component"] = "my-app"
    main = {"name": "main", "image": "busybox:local", "command": ["sleep", "600"]}
    pod = {"terminationGracePeriodSeconds": 1, "containers": [main]}
    spec = {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": pod}}
    body = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "my-app"}, "spec": spec}
    kubectl(namespace, "create", "-f", "-", text=json.dumps(body))
    assert ksu("deploy", "--take-ownership", values=values(**RECREATE)).status == 0
    assert read(namespace)["spec"]["strategy"] == {"type": "Recreate"}
    assert ksu("deploy", values=values(2)).status == 0


def test_a_volume_that_had_no_source_gets_one(ksu: Call, namespace: str) -> None:
    sections = {"configs": {"c": {"type": "configMap", "data": {"A": "b"}}}}
    assert ksu("deploy", values=values(volumes=[{"name": "v"}])).status == 0
    wanted = values(1, sections, volumes=[{"name": "v", "configMap": {"name": "c"}}])
    plan = ksu("plan", values=wanted)
    assert "- spec.template.spec.volumes.0.emptyDir: {}" in plan.out
    assert ksu("deploy", values=wanted).status == 0
    (volume,) = read(namespace)["spec"]["template"]["spec"]["volumes"]
    assert volume == {"name": "v", "configMap": {"name": "c", "defaultMode": 420}}
    assert ksu("rollback").status == 0
    assert read(namespace)["spec"]["template"]["spec"]["volumes"] == [{"name": "v", "emptyDir": {}}]


def test_the_first_egress_rule_of_a_policy_has_an_effect(namespace: str, tmp_path: Path) -> None:
    rules: Json = {"networkPolicies": {"my-app": {"ingress": [{}]}}}
    deploy(namespace, values(1, rules), tmp_path)
    # As releases have it that were made before the types were written.
    kubectl(namespace, "patch", "netpol/my-app", "--type=merge", "-p", '{"spec":{"policyTypes":["Ingress"]}}')
    rules["networkPolicies"]["my-app"]["egress"] = [{"to": [{"ipBlock": {"cidr": "10.0.0.0/8"}}]}]
    deploy(namespace, values(1, rules), tmp_path)
    policy = get(namespace, POLICY, "my-app")
    assert policy is not None
    assert policy["spec"]["policyTypes"] == ["Ingress", "Egress"]


def test_the_pull_policy_follows_the_tag(namespace: str, tmp_path: Path) -> None:
    deploy(namespace, values(), tmp_path)
    revision, _ = deploy(namespace, values().replace('"local"', '"latest"'), tmp_path)
    assert revision.outcome is RunOutcome.ROLLOUT_FAILED  # there is no such image
    (main,) = read(namespace)["spec"]["template"]["spec"]["containers"]
    assert (main["image"], main["imagePullPolicy"]) == ("busybox:latest", "Always")
