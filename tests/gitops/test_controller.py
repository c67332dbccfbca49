"""The controller as pods: what a deploy promises holds for releases, whatever becomes of the controller meanwhile."""

import json
import subprocess
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ks_universal import Installation, build_controller_manifests
from ks_universal.targets.kubernetes.api.kinds import CONFIG_MAP, DEPLOYMENT, NAMESPACE
from support.cluster_release import wait_until
from support.controller_pods import (
    CONTROLLER,
    Controller,
    apply,
    await_release,
    describe_release,
    describe_values,
    find_condition,
    install,
    is_ready,
    is_stalled,
    let_go,
    make_controller_image,
    read_effects,
)
from support.deploying import get, kubectl

Json = dict[str, Any]
TEAMS = ("life", "change", "gone", "takeover", "strict", "lost")


@pytest.fixture(scope="module")
def image(kubeconfig: str) -> str:
    from support import cluster_database

    if kubeconfig != str(cluster_database.STATE / "kubeconfig"):
        pytest.skip("images are made for the project's own node only")
    return make_controller_image()


@pytest.fixture(scope="module")
def places() -> Iterator[dict[str, str]]:
    """The namespaces of the teams, by what they are for."""
    suffix = uuid.uuid4().hex[:6]
    names = {team: f"team-{team}-{suffix}" for team in TEAMS}
    apply([{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}} for name in names.values()])
    yield names
    for name in names.values():
        let_go(name)
        kubectl("default", "delete", "namespace", name, "--wait=false", "--ignore-not-found")


@pytest.fixture(scope="module")
def controller(image: str, places: dict[str, str]) -> Iterator[Controller]:
    """Two replicas, as the manifests have it."""
    with install(image, [places[team] for team in TEAMS]) as installed:
        yield installed


@pytest.fixture(scope="module")
def judge(driver: Callable[[str], Path]) -> Callable[[Json], str]:
    """Says what kstatus makes of an object."""
    program = driver("kstatus")

    def compute(release: Json) -> str:
        argv = [str(program)]
        text = subprocess.run(argv, input=json.dumps(release), capture_output=True, text=True, check=True).stdout
        return str(json.loads(text)["status"])

    return compute


def deploy(namespace: str, version: str, name: str = "shop", then: str = "sleep 1", **spec: Any) -> None:
    apply([describe_release(namespace, name, describe_values(namespace, name, version, then=then), **spec)])


def read_version(namespace: str, name: str = "shop") -> tuple[str, str]:
    """What runs: the version of its pods' template, and that of its configuration."""
    deployment, settings = get(namespace, DEPLOYMENT, name), get(namespace, CONFIG_MAP, f"{name}-settings")
    assert deployment is not None and settings is not None
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    return container["env"][0]["value"], settings["data"]["VERSION"]


def has_begun(namespace: str, version: str, name: str = "shop") -> Callable[[], bool]:
    return lambda: f"{version} begin" in read_effects(namespace, name)


@pytest.mark.usefixtures("controller")
def test_the_life_of_a_release(places: dict[str, str], judge: Callable[[Json], str]) -> None:
    place = places["life"]
    deploy(place, "v1", then="sleep 4")
    running = await_release(place, "shop", lambda release: release.get("status", {}).get("step") is not None)
    assert judge(running) == "InProgress"
    assert find_condition(running, "Reconciling")["status"] == "True"
    ready = await_release(place, "shop", is_ready)
    assert judge(ready) == "Current"
    assert read_version(place) == ("v1", "v1")
    assert (ready["status"]["revision"], ready["status"]["images"]) == (1, ["busybox:local"])
    header, row = kubectl(place, "get", "releases").splitlines()
    assert header.split() == ["NAME", "READY", "STATUS", "SUSPENDED", "REVISION", "STEP", "IMAGES", "AGE"]
    assert row.split()[:4] == ["shop", "True", "Succeeded", "1"]
    assert "busybox:local" in row

    deploy(place, "v2", then="echo no such table: orders; exit 1")
    failed = await_release(place, "shop", is_stalled)
    assert judge(failed) == "Failed"
    assert find_condition(failed, "Ready")["reason"] == "MigrationFailed"
    failure = failed["status"]["failure"]
    assert failure["step"] == "shop/migrations"
    assert failure["message"]
    assert read_version(place) == ("v1", "v1")
    assert "MigrationFailed" in kubectl(place, "get", "events", "--field-selector=involvedObject.kind=Release")

    deploy(place, "v3")
    ready = await_release(place, "shop", is_ready)
    assert "failure" not in ready["status"]
    assert read_version(place) == ("v3", "v3")

    deploy(place, "v4", suspend=True)
    assert judge(await_release(place, "shop", is_suspended)) == "InProgress"
    assert read_version(place) == ("v3", "v3")
    assert "v4 begin" not in read_effects(place, "shop")
    deploy(place, "v4", suspend=False)
    await_release(place, "shop", is_ready)
    assert read_version(place) == ("v4", "v4")
    deploy(place, "v4", suspend=True)
    assert judge(await_release(place, "shop", is_suspended)) == "Current"
    deploy(place, "v4", suspend=False)
    await_release(place, "shop", is_ready)
    assert read_effects(place, "shop") == ["v1 begin", "v1 end", "v2 begin", "v3 begin", "v3 end", "v4 begin", "v4 end"]

    kubectl(place, "delete", "release", "shop", "--timeout=120s")
    wait_until(lambda: get(place, DEPLOYMENT, "shop") is None, within_s=60)
    assert get(place, CONFIG_MAP, "shop-settings") is None
    assert kubectl(place, "get", "secrets", "-o", "name") == ""


def is_suspended(release: Json) -> bool:
    """Tell whether the controller has said so of the newest spec."""
    return bool(find_condition(release, "Suspended"))


@pytest.mark.usefixtures("controller")
def test_other_values_in_the_middle_of_a_migration_wait_for_it_or_stop_it(places: dict[str, str]) -> None:
    place = places["change"]
    for name, seconds in (("stop", 120), ("wait", 15)):
        deploy(place, "v1", name, f"sleep {seconds}", onChange=name)
    for name in ("stop", "wait"):
        wait_until(has_begun(place, "v1", name), within_s=120)
        deploy(place, "v2", name, onChange=name)
    for name in ("wait", "stop"):
        await_release(place, name, is_ready)
        assert read_version(place, name) == ("v2", "v2")
    assert read_effects(place, "wait") == ["v1 begin", "v1 end", "v2 begin", "v2 end"]
    assert read_effects(place, "stop") == ["v1 begin", "v2 begin", "v2 end"]


@pytest.mark.usefixtures("controller")
def test_a_team_cannot_touch_the_namespace_of_another_one(places: dict[str, str]) -> None:
    place, other = places["strict"], places["life"]
    values = {"configs": {"theirs": {"type": "configMap", "namespace": other, "data": {"A": "1"}}}}
    apply(
        [
            describe_release(place, "intruder", values),
            describe_release(place, "stranger", values, serviceAccountName="x"),
        ]
    )
    told = {"intruder": f'in the namespace "{other}"', "stranger": 'serviceaccounts "x" is forbidden'}
    for name, said in told.items():
        refused = await_release(place, name, lambda release: bool((release.get("status") or {}).get("failure")))
        assert find_condition(refused, "Ready")["status"] == "False"
        message = refused["status"]["failure"]["message"]
        assert "forbidden" in message
        assert said in message
    assert get(other, CONFIG_MAP, "theirs") is None


def test_another_replica_goes_on_with_a_migration_when_the_leader_is_gone(
    controller: Controller, places: dict[str, str]
) -> None:
    place = places["takeover"]
    wait_until(lambda: len(controller.list_pods()) == 2 and controller.find_leader() != "", within_s=60)
    leader = controller.find_leader()
    deploy(place, "v1", then="sleep 8")
    wait_until(has_begun(place, "v1"), within_s=120)
    kubectl(controller.namespace, "delete", "pod", leader, "--grace-period=0", "--force")
    wait_until(lambda: controller.find_leader() not in ("", leader), within_s=120)
    await_release(place, "shop", is_ready)
    assert read_effects(place, "shop") == ["v1 begin", "v1 end"]


@pytest.fixture
def wide(controller: Controller) -> Iterator[None]:
    """The controller's rights in all namespaces, as without --watch-namespace: they don't go with any of these."""
    objects = build_controller_manifests(Installation(namespace=controller.namespace, image="any"))
    wide = [each for each in objects if each["metadata"]["name"] == CONTROLLER and each["kind"].startswith("Cluster")]
    for each in wide:
        each["metadata"]["name"] = controller.namespace
    wide[1]["roleRef"]["name"] = controller.namespace
    apply(wide)
    yield
    kubectl("default", "delete", "clusterrole,clusterrolebinding", controller.namespace)


@pytest.mark.usefixtures("wide")
def test_a_namespace_that_is_deleted_in_the_middle_of_a_migration_goes(places: dict[str, str]) -> None:
    place = places["gone"]
    deploy(place, "v1", then="sleep 60")
    wait_until(has_begun(place, "v1"), within_s=120)
    kubectl("default", "delete", "namespace", place, "--wait=false")
    wait_until(lambda: get("default", NAMESPACE, place) is None, within_s=180)


def test_the_controller_works_on_without_a_namespace_in_which_it_has_no_rights_any_more(
    controller: Controller, places: dict[str, str]
) -> None:
    place, other = places["lost"], places["life"]
    kubectl("default", "delete", "namespace", place, "--wait=false")
    wait_until(lambda: get("default", NAMESPACE, place) is None, within_s=120)
    kubectl(controller.namespace, "rollout", "restart", f"deployment/{CONTROLLER}")
    kubectl(controller.namespace, "rollout", "status", f"deployment/{CONTROLLER}", "--timeout=120s")
    deploy(other, "v9", "after")
    await_release(other, "after", is_ready)
