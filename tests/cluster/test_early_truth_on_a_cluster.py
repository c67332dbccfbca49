"""What cannot succeed fails within seconds, and the first cause says why; no pod of it runs later."""

import asyncio
from pathlib import Path

import pytest

from ks_universal.diagnostics import Problem
from ks_universal.engine.target import MigrationFailed
from ks_universal.errors import InputError
from ks_universal.plan.steps import Migrate
from ks_universal.targets.kubernetes.api.client import Client
from ks_universal.targets.kubernetes.api.kinds import CONFIG_MAP, JOB, NAMESPACE, POD, Kind
from ks_universal.targets.kubernetes.observed.pods import condition, is_finished
from support.cluster_release import Json, api, migrate, new_session, sh
from support.deploying import deploy, items, kubectl

WITHIN_S = 20
ROOT = "kube-root-ca.crt"
"""The ConfigMap that every namespace has."""
KINDS = {
    "ResourceQuota": Kind("v1", "ResourceQuota", "resourcequotas"),
    "LimitRange": Kind("v1", "LimitRange", "limitranges"),
    "Secret": Kind("v1", "Secret", "secrets"),
}


def fail(
    namespace: str, step: Migrate, *surroundings: Json, level: str = "privileged", within_s: float = WITHIN_S
) -> tuple[Problem, ...]:
    """Run a migration that cannot succeed; gives the causes, having seen that nothing of it runs on."""

    async def main() -> tuple[Problem, ...]:
        async with new_session(namespace) as (session, events), api(namespace) as client:
            await client.patch(
                NAMESPACE, namespace, {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": level}}}
            )
            for body in surroundings:
                await client.create(KINDS[body["kind"]], body)
            with pytest.raises(MigrationFailed) as caught:
                async with asyncio.timeout(within_s):
                    await session.migrate(step, events.append)
            pods = (await client.list(POD)).items
            assert all(is_finished(pod) for pod in pods)
            async with asyncio.timeout(WITHIN_S):  # it is its controller that ends a Job that has no pod
                while not await has_ended(client):
                    await asyncio.sleep(0.05)
            return caught.value.causes

    return asyncio.run(main())


async def has_ended(client: Client) -> bool:
    job = await client.get(JOB, "app-migrations")
    assert job is not None
    return bool(condition(job, "Failed") or condition(job, "FailureTarget"))


def env(kind: str, name: str, key: str) -> list[Json]:
    return [{"name": "X", "valueFrom": {f"{kind}KeyRef": {"name": name, "key": key}}}]


def test_early_truth_an_image_that_does_not_exist(namespace: str) -> None:
    causes = fail(namespace, migrate({"name": "main", "image": "shop:nope"}, retries=3))
    assert causes[0].code == "kubernetes/image"
    assert "shop:nope" in causes[0].message
    assert "not found" in causes[0].message


def test_early_truth_a_name_that_is_no_image(namespace: str) -> None:
    assert fail(namespace, migrate({"name": "main", "image": "Shop::1"}))[0].code == "kubernetes/image"


@pytest.mark.parametrize("kind", ["secret", "configMap"])
def test_early_truth_a_missing_secret_or_config(namespace: str, kind: str) -> None:
    causes = fail(namespace, migrate(sh("true", env=env(kind, "nope", "k"))), within_s=60)
    assert causes[0].code == "kubernetes/missing-reference"
    assert f'{kind.lower()} "nope" not found' in causes[0].message


def test_early_truth_a_missing_key(namespace: str) -> None:
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db"}, "stringData": {"USER": "x"}}
    causes = fail(namespace, migrate(sh("true", env=env("secret", "db", "PASSWORD"))), secret)
    assert causes[0].code == "kubernetes/missing-reference"
    assert "couldn't find key PASSWORD in Secret" in causes[0].message


def test_early_truth_a_volume_of_a_missing_secret(namespace: str) -> None:
    mounted = sh("true", volumeMounts=[{"name": "v", "mountPath": "/v"}])
    causes = fail(namespace, migrate(mounted, volumes=[{"name": "v", "secret": {"secretName": "nope"}}]), within_s=60)
    assert causes[0].code == "kubernetes/missing-reference"
    assert '"nope" not found' in causes[0].message


def test_early_truth_a_missing_claim(namespace: str) -> None:
    mounted = sh("true", volumeMounts=[{"name": "v", "mountPath": "/v"}])
    causes = fail(namespace, migrate(mounted, volumes=[{"name": "v", "persistentVolumeClaim": {"claimName": "nope"}}]))
    assert causes[0].code == "kubernetes/unschedulable"
    assert 'persistentvolumeclaim "nope" not found' in causes[0].message


def test_early_truth_a_missing_service_account(namespace: str) -> None:
    causes = fail(namespace, migrate(sh("true"), serviceAccountName="nope"))
    assert causes[0].code == "kubernetes/service-account"
    assert 'serviceaccount "nope" not found' in causes[0].message


def test_early_truth_a_quota(namespace: str) -> None:
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "q"}, "spec": {"hard": {"pods": "0"}}}
    causes = fail(namespace, migrate(sh("true")), quota)
    assert causes[0].code == "kubernetes/quota"
    assert "exceeded quota: q" in causes[0].message


def test_early_truth_a_limit_range(namespace: str) -> None:
    limits = {"limits": [{"type": "Container", "max": {"memory": "16Mi"}}]}
    limit_range = {"apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": "l"}, "spec": limits}
    memory = {"limits": {"memory": "64Mi"}}
    causes = fail(namespace, migrate(sh("true", resources=memory)), limit_range)
    assert causes[0].code == "kubernetes/admission"
    assert "maximum memory usage per Container is 16Mi" in causes[0].message


def test_early_truth_pod_security(namespace: str) -> None:
    causes = fail(namespace, migrate(sh("true")), level="restricted")
    assert causes[0].code == "kubernetes/pod-security"
    assert 'violates PodSecurity "restricted' in causes[0].message


def test_early_truth_a_pod_that_no_node_may_take(namespace: str) -> None:
    causes = fail(namespace, migrate(sh("true"), nodeSelector={"disk": "ssd"}))
    assert causes[0].code == "kubernetes/unschedulable"
    assert "didn't match Pod's node affinity/selector" in causes[0].message


def test_early_truth_a_pod_that_asks_for_more_than_any_node_has(namespace: str) -> None:
    causes = fail(namespace, migrate(sh("true", resources={"requests": {"cpu": "500"}})))
    assert causes[0].code == "kubernetes/unschedulable"
    assert "Insufficient cpu" in causes[0].message


def test_early_truth_a_program_that_is_not_in_the_image(namespace: str) -> None:
    causes = fail(namespace, migrate({"name": "main", "image": "busybox:local", "command": ["/app/my-app"]}))
    assert causes[0].code == "kubernetes/command"
    assert "/app/my-app" in causes[0].message


def test_early_truth_a_migration_that_takes_too_much_memory(namespace: str) -> None:
    eat = sh("tail /dev/zero", resources={"limits": {"memory": "16Mi"}})
    causes = fail(namespace, migrate(eat))
    assert causes[0].code == "kubernetes/oom-killed"
    assert "16Mi" in causes[0].message


def test_early_truth_an_init_container_that_fails_is_named(namespace: str) -> None:
    causes = fail(namespace, migrate(sh("echo no database; exit 7", "wait-for-db"), sh("true")))
    assert causes[0].message == "wait-for-db ended with exit code 7"


def test_early_truth_an_init_container_that_waits_in_vain_for_a_host_without_a_name(namespace: str) -> None:
    waiting = "until wget -q -O- postgresql:5432; do echo waiting for db; sleep 1; done"
    causes = fail(namespace, migrate(sh(waiting, "wait-for-db"), sh("true")), within_s=120)
    assert causes[0].code == "migrations/init-stuck"
    assert "init container wait-for-db does not finish" in causes[0].message
    assert "DB_HOST" in (causes[0].hint or "")


APP = """
deployments:
  my-app:
    replicas: 1
    migrations: {enabled: true, backoffLimit: 0, args: ["-c", "true"], resources: {limits: {memory: 8Mi}}}
    containers:
      main:
        image: busybox
        imageTag: local
        command: [sh]
        args: ["-c", "trap 'exit 0' TERM; httpd -f -p 8080 -h /tmp & wait"]
        resources: {limits: {memory: 64Mi}}
"""


@pytest.mark.parametrize("how", ["limit range", "pod security"])
def test_early_truth_refused_pods_are_found_before_anything_is_changed(
    namespace: str, tmp_path: Path, how: str
) -> None:
    """The API server takes the Deployment; without a look at its pods, the database would be migrated in vain."""
    if how == "limit range":
        limits = {"limits": [{"type": "Container", "max": {"memory": "16Mi"}}]}
        prepare(namespace, {"apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": "l"}, "spec": limits})
        expected = {"Deployment/my-app": "maximum memory usage per Container is 16Mi"}
    else:
        kubectl(namespace, "label", "namespace", namespace, "pod-security.kubernetes.io/enforce=restricted")
        violation = 'violates PodSecurity "restricted'
        expected = {"Job/my-app-migrations": violation, "Deployment/my-app": violation}
    with pytest.raises(InputError) as caught:
        deploy(namespace, APP, tmp_path)
    messages = sorted(problem.message for problem in caught.value.problems)
    assert len(messages) == len(expected)
    for message, (ref, because) in zip(messages, sorted(expected.items()), strict=True):
        assert message.startswith(f"{ref}: its pods would be refused: ")
        assert because in message
    assert items(namespace, JOB) == []
    assert items(namespace, CONFIG_MAP) == [it for it in items(namespace, CONFIG_MAP) if it["metadata"]["name"] == ROOT]


def prepare(namespace: str, body: Json) -> None:
    async def main() -> None:
        async with api(namespace) as client:
            await client.create(KINDS[body["kind"]], body)

    asyncio.run(main())
