"""One at a time: a pod drained, deleted or lost with its node is no failure, and is gone before its successor comes."""

import asyncio
import subprocess
from collections.abc import Awaitable, Callable

import pytest

from ks_universal.engine.events import AttemptEnded
from ks_universal.engine.target import MigrationFailed
from ks_universal.targets.kubernetes.api.client import Client
from ks_universal.targets.kubernetes.api.kinds import JOB, POD
from support.cluster_database import NODE
from support.cluster_release import Events, api, migrate, new_session, sh

# The first pod works until it is ended from outside; the second finds the node's directory marked, and succeeds.
SCRIPT = """
[ -e /mark/$1 ] && echo second && exit 0
touch /mark/$1
trap 'exit ${2:-143}' TERM
echo first
while :; do sleep 0.1; done
"""

Disrupt = Callable[[Client, str], Awaitable[None]]


async def evict(client: Client, pod: str) -> None:
    body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod}}
    await client.request("POST", POD.path(client.namespace, pod, "eviction"), body=body)


async def delete(client: Client, pod: str) -> None:
    await client.delete(POD, pod)


async def lose_node(client: Client, pod: str) -> None:
    """Take the pod's node away until the cluster has given the pod up, then give it back.

    The pod works on meanwhile, as on a node that only the network has lost: nothing may take its place. The taint, by
    which the cluster gives pods up, is set here: of its last node a cluster believes that the fault is its own.
    """
    subprocess.run([str(NODE), "stop", "kubelet"], check=True)
    subprocess.run(["kubectl", "taint", "node", "--all", "lost=true:NoExecute"], check=True)
    try:
        while not (await client.list(JOB)).items[0]["status"].get("terminating"):  # the Job's controller has seen it
            await asyncio.sleep(0.5)
        assert [item["metadata"]["name"] for item in (await client.list(POD)).items] == [pod]
    finally:
        subprocess.run(["kubectl", "taint", "node", "--all", "lost-"], check=True)
        subprocess.run([str(NODE), "start", "kubelet"], check=True)


@pytest.mark.parametrize("disrupt", [evict, delete, pytest.param(lose_node, marks=pytest.mark.alone)])
@pytest.mark.usefixtures("make_image")  # it is the project's own node that is lost
def test_a_pod_ended_from_outside_is_replaced_when_it_is_gone_without_a_retry(namespace: str, disrupt: Disrupt) -> None:
    main = sh(SCRIPT, args=["sh", namespace], volumeMounts=[{"name": "mark", "mountPath": "/mark"}])
    step = migrate(main, volumes=[{"name": "mark", "hostPath": {"path": "/tmp", "type": "Directory"}}], retries=0)

    async def body() -> Events:
        async with new_session(namespace) as (session, events), api(namespace) as client:
            task = asyncio.create_task(session.migrate(step, events.append))
            while "first" not in events.lines():
                await asyncio.sleep(0.05)
            (pod,) = (await client.list(POD)).items
            await disrupt(client, pod["metadata"]["name"])
            await task
            return events

    events = asyncio.run(body())
    assert events.lines() == ["first", "second"]
    assert [event.attempt.exit_code for event in events.of(AttemptEnded)] == [143, 0]
    assert events.of(AttemptEnded)[0].attempt.reason == "disrupted"


def test_gate_a_deleted_pod_that_ends_with_0_when_it_is_told_to_stop_has_not_migrated(namespace: str) -> None:
    main = sh(SCRIPT, args=["sh", namespace, "0"], volumeMounts=[{"name": "mark", "mountPath": "/mark"}])
    step = migrate(main, volumes=[{"name": "mark", "hostPath": {"path": "/tmp", "type": "Directory"}}], retries=0)

    async def body() -> Events:
        async with new_session(namespace) as (session, events), api(namespace) as client:
            task = asyncio.create_task(session.migrate(step, events.append))
            while "first" not in events.lines():
                await asyncio.sleep(0.05)
            await delete(client, (await client.list(POD)).items[0]["metadata"]["name"])
            await task
            return events

    events = asyncio.run(body())
    assert events.lines() == ["first", "second"]
    assert [event.attempt.reason for event in events.of(AttemptEnded)] == ["disrupted", None]


def test_a_job_that_somebody_deletes_is_not_waited_for(namespace: str) -> None:
    async def body() -> MigrationFailed:
        async with new_session(namespace) as (session, events), api(namespace) as client:
            task = asyncio.create_task(session.migrate(migrate(sh("echo at work; sleep 30")), events.append))
            while "at work" not in events.lines():
                await asyncio.sleep(0.05)
            await client.delete(JOB, "app-migrations")
            with pytest.raises(MigrationFailed) as caught:
                await task
            return caught.value

    assert asyncio.run(body()).causes[-1].code == "kubernetes/job-deleted"
