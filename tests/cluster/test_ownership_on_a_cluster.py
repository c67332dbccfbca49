import asyncio
import json
import time
from pathlib import Path

import pytest

from ks_universal.api.values import load, render
from ks_universal.engine.run import run
from ks_universal.errors import InputError, LockedError, TargetError
from ks_universal.plan.records import Outcome, Revision
from ks_universal.resources.objects import Rendered
from ks_universal.targets.kubernetes.api.client import Client
from ks_universal.targets.kubernetes.api.connection import connect
from ks_universal.targets.kubernetes.api.kinds import CONFIG_MAP, DEPLOYMENT, LEASE
from ks_universal.targets.kubernetes.target import ClusterOptions, KubernetesTarget
from support.cluster_release import RELEASE, Events, Json, api, release
from support.deploying import deploy, get, kubectl, write

VALUES = """
configs:
  settings: {type: configMap, data: {COLOUR: red}}
deployments:
  my-app:
    replicas: 1
    migrations: {enabled: true, args: ["-c", "echo done"], backoffLimit: 0}
    containers:
      main:
        image: busybox
        imageTag: local
        command: [sh]
        args: ["-c", "trap 'exit 0' TERM; httpd -f -p 8080 -h /tmp & wait"]
        readinessProbe: {exec: {command: ["true"]}, periodSeconds: 1}
"""


def test_nothing_orphaned_a_strangers_object_is_not_touched_without_a_word(namespace: str, tmp_path: Path) -> None:
    kubectl(namespace, "create", "configmap", "settings", "--from-literal=COLOUR=theirs")
    with pytest.raises(InputError) as caught:
        deploy(namespace, VALUES, tmp_path)
    assert [problem.code for problem in caught.value.problems] == ["kubernetes/foreign-object"]
    settings = get(namespace, CONFIG_MAP, "settings")
    assert settings is not None
    assert settings["data"] == {"COLOUR": "theirs"}
    assert get(namespace, DEPLOYMENT, "my-app") is None


def test_nothing_orphaned_a_strangers_object_is_taken_over_when_asked(namespace: str, tmp_path: Path) -> None:
    kubectl(namespace, "create", "configmap", "settings", "--from-literal=COLOUR=theirs")
    revision, _ = deploy(namespace, VALUES, tmp_path, take_ownership=True)
    assert revision.outcome is Outcome.SUCCEEDED
    settings = get(namespace, CONFIG_MAP, "settings")
    assert settings is not None
    assert settings["data"] == {"COLOUR": "red"}


def test_nothing_orphaned_a_field_conflict_names_its_manager(namespace: str, tmp_path: Path) -> None:
    deploy(namespace, VALUES, tmp_path)
    theirs = '{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"my-app"},"spec":{"replicas":0}}'
    kubectl(namespace, "apply", "--server-side", "--force-conflicts", "--field-manager=scaler", "-f", "-", text=theirs)
    with pytest.raises(InputError, match=r"scaler manages spec\.replicas"):
        deploy(namespace, VALUES, tmp_path)


def test_early_truth_what_the_api_server_refuses_is_found_before_anything_changes(
    namespace: str, tmp_path: Path
) -> None:
    kubectl(namespace, "create", "quota", "none", "--hard=count/deployments.apps=0")
    kubectl(namespace, "wait", "quota/none", "--for=jsonpath={.status.hard}", "--timeout=20s")
    with pytest.raises(InputError) as caught:
        deploy(namespace, VALUES, tmp_path)
    assert [problem.code for problem in caught.value.problems] == ["kubernetes/quota"]
    assert get(namespace, CONFIG_MAP, "settings") is None


@pytest.mark.usefixtures("kubeconfig")
def test_a_namespace_that_does_not_exist_is_named_or_created(tmp_path: Path) -> None:
    name = f"test-absent-{time.time_ns()}"
    with pytest.raises(TargetError, match=f'namespaces "{name}" not found'):
        deploy(name, VALUES, tmp_path)
    assert deploy(name, VALUES, tmp_path, create_namespace=True)[0].outcome is Outcome.SUCCEEDED
    kubectl(name, "delete", "namespace", name, "--wait=false")


async def remove_all(target: KubernetesTarget, events: Events, namespace: str) -> Revision:
    """Run the plan of an uninstall: a release of nothing."""
    return await run(Rendered(RELEASE, namespace, (), ()), target, events.append, by="tests")


def test_an_uninstall_leaves_nothing_of_the_release_and_all_else(namespace: str, tmp_path: Path) -> None:
    deploy(namespace, VALUES, tmp_path)
    kubectl(namespace, "create", "configmap", "a-stranger", "--from-literal=a=b")

    async def uninstall() -> Revision:
        async with release(namespace) as (target, events):
            done = await remove_all(target, events, namespace)
            await target.forget(done, events.append)
            return done

    assert asyncio.run(uninstall()).outcome is Outcome.SUCCEEDED
    left = kubectl(namespace, "get", "all,configmaps,secrets,leases", "-o", "name").split()
    assert sorted(left) == ["configmap/a-stranger", "configmap/kube-root-ca.crt"]


def test_one_at_a_time_an_uninstall_leaves_the_record_of_a_deploy_that_came_between(
    namespace: str, tmp_path: Path
) -> None:
    deploy(namespace, VALUES, tmp_path)

    async def remove() -> Revision:
        async with release(namespace) as (target, events):
            return await remove_all(target, events, namespace)

    async def forget(done: Revision) -> None:
        async with release(namespace) as (target, events):
            await target.forget(done, events.append)

    done = asyncio.run(remove())
    deploy(namespace, VALUES, tmp_path)
    asyncio.run(forget(done))
    assert get(namespace, CONFIG_MAP, "ks-universal.shop.v3") is not None
    assert get(namespace, LEASE, "ks-universal.shop") is not None


def test_a_record_is_pruned_and_keeps_what_succeeded_last(namespace: str, tmp_path: Path) -> None:
    for colour in ("red", "green", "blue"):
        deploy(namespace, VALUES.replace("red", colour), tmp_path, history_max=2)

    async def read() -> tuple[list[int], object]:
        async with release(namespace) as (target, _):
            return [
                revision.number for revision in (await target.read_history()).revisions
            ], await target.read_manifests(2)

    numbers, manifests = asyncio.run(read())
    assert numbers == [2, 3]
    assert isinstance(manifests, Rendered)
    assert any(resource.body.get("data") == {"COLOUR": "green"} for resource in manifests.objects)


def test_a_lock_is_broken_only_when_its_holder_is_proven_dead(namespace: str) -> None:
    async def main() -> None:
        async with release(namespace) as (target, events), release(namespace) as (other, _), api(namespace) as client:
            async with target.lock(events.append, wait=False):
                with pytest.raises(LockedError):
                    await other.break_lock()
            lease = await client.get(LEASE, f"ks-universal.{RELEASE}")
            assert lease is not None
            spec = {
                "holderIdentity": "a dead one",
                "leaseDurationSeconds": 1,
                "acquireTime": "2026-01-01T00:00:00.000000Z",
            }
            await client.replace(LEASE, {**lease, "spec": spec})
            while (holder := await other.read_lock()) is not None and holder.left_s > 0:
                await asyncio.sleep(0.2)
            broken = await other.break_lock()
            assert broken is not None
            assert broken.identity == "a dead one"
            assert await other.read_lock() is None

    asyncio.run(main())


def deploy_with_role(namespace: str, kubeconfig: str, folder: Path, without: str = "") -> tuple[Revision, Events]:
    """Deploy as a ServiceAccount that has the smallest role, but for one resource."""
    rendered = render(load([write(folder, VALUES)]), RELEASE, namespace)

    async def build_role() -> Json:
        async with release(namespace) as (target, _):
            (role,) = await target.build_roles(rendered)
            return role

    role = asyncio.run(build_role())
    for rule in role["rules"]:
        rule["resources"] = [resource for resource in rule["resources"] if resource != without]
    role["rules"] = [rule for rule in role["rules"] if rule["resources"]]
    kubectl(namespace, "create", "serviceaccount", "deployer")
    kubectl(namespace, "apply", "-f", "-", text=json.dumps(role))
    kubectl(
        namespace,
        "create",
        "rolebinding",
        "deployer",
        f"--role=ks-universal-{RELEASE}",
        f"--serviceaccount={namespace}:deployer",
    )
    token = kubectl(namespace, "create", "token", "deployer").strip()
    own = json.loads(Path(kubeconfig).read_text())
    own["users"][0]["user"] = {"token": token}
    limited = folder / "kubeconfig"
    limited.write_text(json.dumps(own))
    events = Events()

    async def main() -> Revision:
        target = KubernetesTarget(Client(connect(str(limited)), namespace), RELEASE, ClusterOptions())
        try:
            return await run(rendered, target, events.append, by="deployer")
        finally:
            await target.close()

    return asyncio.run(main()), events


def test_the_smallest_role_is_enough_for_a_deploy(namespace: str, kubeconfig: str, tmp_path: Path) -> None:
    revision, events = deploy_with_role(namespace, kubeconfig, tmp_path)
    assert revision.outcome is Outcome.SUCCEEDED
    assert events.lines() == ["done"]


def test_a_role_that_may_not_read_logs_is_told_so_in_the_logs_place(
    namespace: str, kubeconfig: str, tmp_path: Path
) -> None:
    revision, events = deploy_with_role(namespace, kubeconfig, tmp_path, without="pods/log")
    assert revision.outcome is Outcome.SUCCEEDED
    (said,) = events.lines()
    assert said.startswith("[its log may not be read: ")
    assert revision.steps[0].attempts[0].log_tail == (said,)
