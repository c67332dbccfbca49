"""Migrations, rollouts and removals on an API server in memory, with what others do to them meanwhile."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest

from ks_universal.engine.events import AttemptEnded, AttemptStarted, LogWritten, Waited
from ks_universal.engine.target import MigrationFailed, RolloutFailed, Session
from ks_universal.errors import TargetError
from ks_universal.metadata_keys import MAKES
from ks_universal.model.format.migrations import Retry
from ks_universal.plan.steps import Apply, Delete, Plan
from ks_universal.resources.objects import Rendered, Resource, object_ref
from ks_universal.targets.kubernetes.api.client import Client
from ks_universal.targets.kubernetes.api.connection import connect
from ks_universal.targets.kubernetes.migration import attempts, late_objects
from ks_universal.targets.kubernetes.objects import removal
from ks_universal.targets.kubernetes.observed import pod_setup
from ks_universal.targets.kubernetes.target import ClusterOptions, KubernetesTarget
from support.contract_targets import FakeCluster, metadata, migrate, roll_out
from support.fake_api_server import FakeApiServer, Fault, Program
from support.releases import Events

Json = dict[str, Any]
Work = Callable[[Session, Events], Awaitable[None]]
JOB = "web-migrations"
FORBIDDEN = b'{"reason": "Forbidden", "message": "User \\"x\\" cannot"}'


@pytest.fixture
def place(api_server: FakeApiServer) -> FakeCluster:
    return FakeCluster(api_server)


async def open_session(target: KubernetesTarget, *live: Json) -> Session:
    """A session for which these objects were read."""
    rendered = Rendered("demo", "ns", tuple(map(Resource, live)), ())
    plan = Plan(release="demo", namespace="ns", revision=1, steps=())
    return target.open_session(rendered, await target.read(rendered), plan)


def run(server: FakeApiServer, work: Work, *, live: tuple[Json, ...] = (), **options: Any) -> Events:
    """Let a session work for which these objects were read."""

    async def main() -> Events:
        client = Client(connect(str(server.kubeconfig)), "ns")
        target, events = KubernetesTarget(client, "demo", ClusterOptions(**options)), Events()
        try:
            session = await open_session(target, *live)
            async with asyncio.timeout(40):
                await work(session, events)
        finally:
            await target.close()
        return events

    return asyncio.run(main())


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.01)


def config(place: FakeCluster) -> Apply:
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata(place, "c"), "data": {"key": "a"}}
    return Apply(id="ConfigMap/c", body=body)


def hold(server: FakeApiServer, *finalizers: str) -> None:
    """Have finalizers, or none, on the ConfigMap."""

    def change(body: Json) -> Json:
        return {**body, "metadata": {**body["metadata"], "finalizers": list(finalizers)}}

    server.edit("configmaps", "c", change)


# migrations


def test_a_run_takes_up_the_migration_that_another_has_begun(api_server: FakeApiServer, place: FakeCluster) -> None:
    step = migrate(place, place.script(None))

    async def work(first: Session, told: Events) -> None:
        other, seen = place.open(), Events()
        second = await open_session(other)
        one = asyncio.create_task(first.migrate(step, told))
        await until(lambda: told.of(LogWritten))
        two = asyncio.create_task(second.migrate(step, seen))
        await until(lambda: seen.of(LogWritten))
        api_server.kubelet.end(api_server.pods_of(JOB)[0], "main", 0)
        assert [attempt.exit_code for (attempt,) in await asyncio.gather(one, two)] == [0, 0]
        assert [event.resumed for event in seen.of(AttemptStarted)] == [True]
        await other.close()

    run(api_server, work)
    assert len(api_server.pods_of(JOB)) == 1


def test_a_run_that_was_killed_before_its_job_began_is_gone_on_with(
    api_server: FakeApiServer, place: FakeCluster
) -> None:
    """The Job is made, suspended, and its staged copies are not."""
    copy = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata(place, "staged"), "data": {"A": "1"}}
    step = msgspec.structs.replace(migrate(place, place.script(0)), staged=(copy,))
    api_server.fail(Fault("/configmaps", "POST", status=403, body=FORBIDDEN))

    async def fail(session: Session, events: Events) -> None:
        with pytest.raises(TargetError):
            await session.migrate(step, events)

    run(api_server, fail)
    job = api_server.get("jobs", JOB)
    assert job is not None
    assert (job["spec"]["suspend"], api_server.pods_of(JOB)) == (True, [])

    async def go_on(session: Session, events: Events) -> None:
        (attempt,) = await session.migrate(step, events)
        assert attempt.exit_code == 0

    run(api_server, go_on)
    assert api_server.get("configmaps", "staged") is not None
    again = api_server.get("jobs", JOB)
    assert again is not None
    assert again["metadata"]["uid"] == job["metadata"]["uid"]
    api_server.delete("jobs", JOB)
    api_server.await_that(lambda: api_server.get("configmaps", "staged") is None)


def test_a_job_that_somebody_deletes_is_the_end_of_its_migration(api_server: FakeApiServer, place: FakeCluster) -> None:
    async def work(session: Session, events: Events) -> None:
        task = asyncio.create_task(session.migrate(migrate(place, place.script(None)), events))
        await until(lambda: events.of(LogWritten))
        api_server.delete("jobs", JOB)
        with pytest.raises(MigrationFailed) as failed:
            await task
        assert "kubernetes/job-deleted" in [cause.code for cause in failed.value.causes]

    run(api_server, work)


def test_a_pod_that_somebody_deletes_is_made_anew_and_counts_for_no_retry(
    api_server: FakeApiServer, place: FakeCluster
) -> None:
    """The Job's controller counts it, and says that the Job has failed: then it is replaced."""

    async def work(session: Session, events: Events) -> None:
        task = asyncio.create_task(session.migrate(migrate(place, place.script(None, 0)), events))
        await until(lambda: events.of(LogWritten))
        api_server.delete("pods", api_server.pods_of(JOB)[0]["metadata"]["name"])
        assert [attempt.reason for attempt in await task] == ["disrupted", None]

    events = run(api_server, work)
    assert [event.retry_in_s for event in events.of(AttemptEnded)] == [0.0, None]


def test_what_no_retry_can_mend_is_not_tried_again(api_server: FakeApiServer, place: FakeCluster) -> None:
    step = migrate(place, place.script(127), retries=3)
    step = msgspec.structs.replace(step, migration=msgspec.structs.replace(step.migration, retry=Retry.PASSING))

    async def work(session: Session, events: Events) -> None:
        with pytest.raises(MigrationFailed):
            await session.migrate(step, events)

    ended = run(api_server, work).of(AttemptEnded)
    assert all("no retry, as 'retry: passing' says" in (event.attempt.reason or "") for event in ended)
    job = api_server.get("jobs", JOB)
    assert job is not None
    assert "Failed" in [each["type"] for each in job["status"]["conditions"]]


@pytest.mark.parametrize("code", [0, 3])
def test_what_the_cluster_has_put_into_its_pod_does_not_keep_a_migration_from_its_end(
    api_server: FakeApiServer, place: FakeCluster, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    monkeypatch.setattr(attempts, "_HELD_S", 0.3)
    api_server.controllers.injected = [{"name": "proxy", "image": "mesh:1"}]
    api_server.kubelet.run(f"{JOB}/proxy", Program())
    step = migrate(place, place.script(code))

    async def work(session: Session, events: Events) -> None:
        if code == 0:
            (attempt,) = await session.migrate(step, events)
        else:
            with pytest.raises(MigrationFailed):
                await session.migrate(step, events)
            attempt = events.of(AttemptEnded)[0].attempt
        assert attempt.exit_code == code
        assert "kubernetes/injected-container" in [cause.code for cause in attempt.causes]

    run(api_server, work)
    api_server.await_that(lambda: not any(pod["status"]["phase"] == "Running" for pod in api_server.pods_of(JOB)))

    async def again(session: Session, events: Events) -> None:
        (attempt,) = await session.migrate(step, events)
        assert (attempt.exit_code, events.of(AttemptStarted)[0].resumed) == (0, True)

    if code == 0:  # its run was killed before it could record it
        run(api_server, again)


def test_a_secret_that_is_missing_may_come_yet(
    api_server: FakeApiServer, place: FakeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(late_objects, "_LOOK_AGAIN_S", 0.1)
    step = migrate(place, place.script(0))
    missing = {"reason": "CreateContainerConfigError", "message": 'secret "made-late" not found'}
    api_server.kubelet.run(JOB, Program(("went on",), 0, waiting=missing))

    async def work(session: Session, events: Events) -> None:
        task = asyncio.create_task(session.migrate(step, events))
        await until(lambda: events.of(Waited) and "made-late" in events.of(Waited)[-1].waits_for)
        api_server.put({"kind": "Secret", "metadata": {"name": "made-late"}})
        api_server.kubelet.change(api_server.pods_of(JOB)[0], "main", waiting=None)
        (attempt,) = await task
        assert attempt.log_tail == ("went on",)

    run(api_server, work)


@pytest.mark.parametrize("is_followed", [True, False])
def test_a_missing_secret_is_waited_for_as_long_as_an_extra_object_gets_ready(
    api_server: FakeApiServer, place: FakeCluster, monkeypatch: pytest.MonkeyPatch, is_followed: bool
) -> None:
    monkeypatch.setattr(late_objects, "_LOOK_AGAIN_S", 0.1)
    monkeypatch.setattr(pod_setup, "MISSING_S", 0.3)
    step = migrate(place, place.script(0))
    missing = {"reason": "CreateContainerConfigError", "message": 'secret "made-late" not found'}
    api_server.kubelet.run(JOB, Program(("went on",), 0, waiting=missing))
    name = {"name": "db", "namespace": "ns", "annotations": {MAKES: "Secret/other"}}
    body = {"apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret", "metadata": name}
    operator = Apply(id="ExternalSecret/db", body=body, awaits_ready=is_followed)

    async def work(session: Session, events: Events) -> None:
        task = asyncio.create_task(session.migrate(step, events))
        extra = asyncio.create_task(session.apply(operator, events))
        await until(lambda: events.of(Waited) and "made-late" in events.of(Waited)[-1].waits_for)
        if not is_followed:
            with pytest.raises(MigrationFailed):
                await task
            return
        await asyncio.wait((task,), timeout=1.0)
        assert not task.done()
        for secret in ("other", "made-late"):
            api_server.put({"kind": "Secret", "metadata": {"name": secret}})
        api_server.kubelet.change(api_server.pods_of(JOB)[0], "main", waiting=None)
        await asyncio.gather(task, extra)

    run(api_server, work)


def test_pods_that_may_not_be_made_fail_their_migration(api_server: FakeApiServer, place: FakeCluster) -> None:
    api_server.controllers.refusal = 'pods "x" is forbidden: exceeded quota: q, requested: pods=1, used: pods=9'

    async def work(session: Session, events: Events) -> None:
        with pytest.raises(MigrationFailed) as failed:
            await session.migrate(migrate(place, place.script(0)), events)
        assert [cause.code for cause in failed.value.causes] == ["kubernetes/quota"]

    run(api_server, work)


def test_one_that_is_taken_for_foreign_is_not_replaced(api_server: FakeApiServer, place: FakeCluster) -> None:
    step = migrate(place, place.script(0))
    body = step.migration.body
    api_server.put({**body, "metadata": {**body["metadata"], "labels": {}}})

    async def work(session: Session, events: Events) -> None:
        with pytest.raises(TargetError, match="exists and was made by kubectl-create"):
            await session.migrate(step, events)

    run(api_server, work)


# rollouts


@pytest.mark.parametrize("id_now", ["sha256:app:latest", "sha256:moved"])
def test_pods_restart_where_their_image_has_moved_under_its_tag(
    api_server: FakeApiServer, place: FakeCluster, id_now: str
) -> None:
    """A Job looks which one it is now, of which nothing runs."""
    pod = place.serve()
    pod["containers"][0]["image"] = "app:latest"
    step = roll_out(place, pod)

    async def first(session: Session, events: Events) -> None:
        await session.roll_out(step, events)

    run(api_server, first)
    (before,) = api_server.pods_of("web")
    api_server.kubelet.images["app:latest"] = id_now
    api_server.kubelet.default = Program(exit_code=128, reason="StartError")

    async def second(session: Session, events: Events) -> None:
        await session.roll_out(step, events, {"app:latest": ""})

    run(api_server, second, live=(step.body,))
    api_server.await_that(lambda: len(api_server.pods_of("web")) == 1)
    (after,) = api_server.pods_of("web")
    assert (after["metadata"]["uid"] != before["metadata"]["uid"]) == (id_now == "sha256:moved")
    assert api_server.names("jobs") == []


def test_a_deployment_that_somebody_deletes_is_the_end_of_its_rollout(
    api_server: FakeApiServer, place: FakeCluster
) -> None:
    step = roll_out(place, place.serve())
    api_server.kubelet.run("web", Program(ready=False))

    async def work(session: Session, events: Events) -> None:
        task = asyncio.create_task(session.roll_out(step, events))
        await until(lambda: events.of(Waited) and "0 of 1 ready" in events.of(Waited)[-1].waits_for)
        api_server.delete("deployments", "web")
        with pytest.raises(RolloutFailed) as failed:
            await task
        assert failed.value.causes[0].code == "kubernetes/deployment-deleted"

    run(api_server, work)


# removals


def test_what_a_finalizer_holds_is_waited_for_and_told(
    api_server: FakeApiServer, place: FakeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(removal, "_LOOK_AGAIN_S", 0.1)
    api_server.put(config(place).body)
    hold(api_server, "example.org/hold")

    async def work(session: Session, events: Events) -> None:
        step = Delete(id="delete ConfigMap/c", identity=object_ref(config(place).body))
        task = asyncio.create_task(session.delete(step, events))
        await until(lambda: events.of(Waited))
        assert events.of(Waited)[0].waits_for.startswith("ConfigMap/c to be gone (finalizers: ")
        assert "example.org/hold" in events.of(Waited)[0].waits_for
        hold(api_server)
        await task

    run(api_server, work)
    assert api_server.names("configmaps") == []


@pytest.mark.parametrize("fault", [None, Fault("/configmaps.*watch", times=99, status=403, body=FORBIDDEN)])
def test_what_is_never_let_go_is_given_up(
    api_server: FakeApiServer, place: FakeCluster, monkeypatch: pytest.MonkeyPatch, fault: Fault | None
) -> None:
    """Also by a role that may not watch it."""
    monkeypatch.setattr(removal, "_PAUSE_S", 0.1)
    api_server.put(config(place).body)
    hold(api_server, "example.org/hold")
    if fault is not None:
        api_server.fail(fault)

    async def work(session: Session, events: Events) -> None:
        with pytest.raises(TargetError, match=r"its finalizers hold it: .*example\.org/hold"):
            await session.delete(Delete(id="x", identity=object_ref(config(place).body)), events)

    run(api_server, work, removal_s=1)


def test_what_is_being_deleted_is_made_anew_when_it_is_gone(api_server: FakeApiServer, place: FakeCluster) -> None:
    step = config(place)
    before = api_server.put(step.body)
    hold(api_server, "example.org/hold")
    api_server.delete("configmaps", "c")

    async def work(session: Session, events: Events) -> None:
        task = asyncio.create_task(session.apply(step, events))
        await until(lambda: any("watch" in each.parameters for each in api_server.requests))
        assert not task.done()
        hold(api_server)
        await task

    run(api_server, work, live=(step.body,))
    after = api_server.get("configmaps", "c")
    assert after is not None
    assert after["metadata"]["uid"] != before["metadata"]["uid"]
