import asyncio

import pytest

from ks_universal.engine.events import LogWritten, ObjectChanged, Waited
from ks_universal.engine.target import RolloutFailed
from ks_universal.plan.steps import AwaitOldPods, RollOut
from ks_universal.resources.objects import object_ref
from ks_universal.targets.kubernetes.api.kinds import DEPLOYMENT, POD
from ks_universal.targets.kubernetes.observed.pods import is_finished
from support.cluster_release import Events, Json, api, new_session, roll_out, serve, sh
from support.deploying import kubectl


def run(namespace: str, *steps: RollOut) -> tuple[RolloutFailed | None, Events]:
    """Roll out one after the other, also after a failure; gives the last one's failure, and all events."""
    last: list[RolloutFailed | None] = [None]

    async def main() -> Events:
        async with new_session(namespace) as (session, events):
            for step in steps:
                try:
                    await session.roll_out(step, events.append)
                    last.append(None)
                except RolloutFailed as failure:
                    last.append(failure)
            return events

    events = asyncio.run(main())
    return last[-1], events


def running(namespace: str) -> list[Json]:
    async def look() -> list[Json]:
        async with api(namespace) as client:
            return [pod for pod in (await client.list(POD)).items if not is_finished(pod)]

    return asyncio.run(look())


@pytest.mark.parametrize("kept", [10, 0], ids=["its ReplicaSet stays", "its ReplicaSet goes"])
def test_a_rollout_ends_when_the_new_version_serves_and_the_last_old_pod_can_be_waited_for(
    namespace: str, kept: int
) -> None:
    slow_end = {"preStop": {"exec": {"command": ["sleep", "8"]}}}
    old = roll_out(serve("old", lifecycle=slow_end), terminationGracePeriodSeconds=30)
    new = roll_out(serve("new"))
    old.body["spec"]["revisionHistoryLimit"] = new.body["spec"]["revisionHistoryLimit"] = kept
    wait = AwaitOldPods(id="app/old-pods", application="app", identity=object_ref(new.body))

    async def main() -> tuple[Events, list[int]]:
        async with new_session(namespace) as (session, events):
            await session.roll_out(old, events.append)
            await session.roll_out(new, events.append)
            stopping = [session.count_old_pods(new)]
            await session.await_old_pods(wait, events.append)
            return events, [*stopping, session.count_old_pods(new)]

    events, stopping = asyncio.run(main())
    assert [event.change for event in events.of(ObjectChanged)] == ["created", "changed"]
    assert stopping == [1, 0]
    waits = [event.waits_for for event in events.of(Waited)]
    assert waits.index("1 old pod to end") == len(waits) - 1
    assert ["echo new" in pod["spec"]["containers"][0]["command"][2] for pod in running(namespace)] == [True]


def test_an_unchanged_deployment_is_not_touched(namespace: str) -> None:
    failure, events = run(namespace, roll_out(serve()), roll_out(serve()))
    assert failure is None
    assert [event.change for event in events.of(ObjectChanged)] == ["created", "unchanged"]


def test_early_truth_a_crashing_version_is_named_with_its_last_words_and_what_serves(namespace: str) -> None:
    probe = {"exec": {"command": ["true"]}, "initialDelaySeconds": 5}
    crash = sh("echo 'psycopg.OperationalError: could not translate host name \"pg\"'; exit 1", readinessProbe=probe)
    failure, events = run(namespace, roll_out(serve()), roll_out(crash))
    assert failure is not None
    assert "database/host-unknown" in [cause.code for cause in failure.causes]
    assert "kubernetes/crash-loop" in [cause.code for cause in failure.causes]
    assert failure.causes[-1].message == "1 pod of the version before still serves"
    waits = [event.waits_for for event in events.of(Waited)]
    assert any("(container main ended 2 times, the last time with exit code 1)" in said for said in waits)
    assert events.lines()


def test_a_corrected_version_is_not_judged_by_the_pods_of_the_one_that_crashed(namespace: str) -> None:
    failure, _ = run(namespace, roll_out(sh("exit 1", readinessProbe={"exec": {"command": ["true"]}})))
    assert failure is not None
    failure, _ = run(namespace, roll_out(serve("corrected"), replicas=2))  # scaled, too: the controller does that first
    assert failure is None


def test_what_crashed_for_want_of_something_outside_is_not_judged_by_that_when_it_is_deployed_again(
    namespace: str,
) -> None:
    step = roll_out(serve())
    [container] = step.body["spec"]["template"]["spec"]["containers"]
    container["command"][-1] = f'test -n "$WANTED" || exit 1; {container["command"][-1]}'
    container["envFrom"] = [{"configMapRef": {"name": "wanted", "optional": True}}]
    step.body["spec"]["progressDeadlineSeconds"] = 30
    failure, _ = run(namespace, step)
    assert failure is not None
    kubectl(namespace, "wait", "deployment/app", "--for=condition=Progressing=false", "--timeout=60s")
    kubectl(namespace, "create", "configmap", "wanted", "--from-literal=WANTED=it")
    failure, _ = run(namespace, step)
    assert failure is None


def test_early_truth_a_version_without_a_probe_that_crashes_soon_is_not_taken_for_ready(namespace: str) -> None:
    failure, events = run(namespace, roll_out(serve()), roll_out(sh("sleep 1; echo boom; exit 3")))
    assert failure is not None
    assert [cause.code for cause in failure.causes] == ["kubernetes/crash-loop", "kubernetes/serving"]
    assert "boom" in events.lines()


def test_early_truth_a_version_without_a_probe_that_its_liveness_probe_kills_is_not_taken_for_ready(
    namespace: str,
) -> None:
    probe = {"exec": {"command": ["sh", "-c", "echo dead; exit 1"]}, "periodSeconds": 1, "failureThreshold": 1}
    step = roll_out(sh("trap 'exit 0' TERM; while :; do sleep 0.1; done", livenessProbe=probe))
    failure, _ = run(namespace, roll_out(serve()), step)
    assert failure is not None
    assert "kubernetes/crash-loop" in [cause.code for cause in failure.causes]


def test_early_truth_a_version_that_is_never_ready_says_what_its_probe_said(namespace: str) -> None:
    probe = {"exec": {"command": ["sh", "-c", "echo no database; exit 1"]}, "periodSeconds": 1}
    step = roll_out(sh("trap 'exit 0' TERM; echo serving; sleep 300 & wait", readinessProbe=probe))
    step.body["spec"]["progressDeadlineSeconds"] = 30  # enough for the probe to have spoken, also on a busy node
    failure, events = run(namespace, step)
    assert failure is not None
    assert [cause.code for cause in failure.causes][:2] == ["kubernetes/not-ready", "kubernetes/progress-deadline"]
    assert "no database" in failure.causes[0].message
    assert events.lines() == ["serving"]


@pytest.mark.parametrize("text", ["old", "corrected"])
def test_what_follows_a_version_whose_time_was_over_has_a_time_of_its_own(namespace: str, text: str) -> None:
    probe = {"exec": {"command": ["false"]}, "periodSeconds": 1}
    late = roll_out(sh("trap 'exit 0' TERM; sleep 300 & wait", readinessProbe=probe))
    after = roll_out(serve(text))
    for step in (late, after):
        step.body["spec"]["progressDeadlineSeconds"] = 10
    failure, _ = run(namespace, roll_out(serve("old")), late, late)  # the second one has another ten seconds
    assert failure is not None
    assert "kubernetes/progress-deadline" in [cause.code for cause in failure.causes]
    failure, events = run(namespace, late, after)
    assert failure is None
    assert "" not in [event.waits_for.partition(" (")[0] for event in events.of(Waited)]


def test_early_truth_a_version_whose_image_does_not_exist_fails_at_once(namespace: str) -> None:
    failure, _ = run(namespace, roll_out({"name": "main", "image": "shop:nope"}))
    assert failure is not None
    assert [cause.code for cause in failure.causes] == ["kubernetes/image", "kubernetes/serving"]


def test_early_truth_an_init_container_that_waits_in_vain_is_heard_and_named(namespace: str) -> None:
    wait = sh("until false; do echo waiting for db; sleep 0.2; done", "wait")
    step = roll_out(serve(), initContainers=[wait])
    step.body["spec"]["progressDeadlineSeconds"] = 10
    failure, events = run(namespace, step)
    assert failure is not None
    codes = [cause.code for cause in failure.causes]
    assert codes == ["rollout/init-stuck", "kubernetes/progress-deadline", "kubernetes/serving"]
    assert "waiting for db" in failure.causes[0].message
    waits = [event.waits_for for event in events.of(Waited)]
    assert waits[-2:] == [
        "its new pods: 0 of 1 ready (init container wait)",
        "its new pods: 0 of 1 ready (init container wait, which says the same again and again)",
    ]
    assert {(event.source, event.line) for event in events.of(LogWritten)} == {("app/wait", "waiting for db")}


def test_what_an_init_container_said_before_its_end_is_shown(namespace: str) -> None:
    wait = sh("for i in 1 2 3; do echo step $i; sleep 0.3; done; echo last", "prepare")
    failure, events = run(namespace, roll_out(serve(), initContainers=[wait]))
    assert failure is None
    assert events.lines() == ["step 1", "step 2", "step 3", "last"]


def with_quota(namespace: str, replicas: int, rolling: Json, *, again: bool = False) -> tuple[list[str], list[str]]:
    """Roll a version out, `again` or for the first time, where no pods more may be made; gives causes, and waits."""
    slow_end = {"preStop": {"exec": {"command": ["sleep", "8"]}}}
    old = roll_out(serve("old", lifecycle=slow_end), replicas=replicas, terminationGracePeriodSeconds=20)
    new = roll_out(serve("new"), replicas=replicas)
    new.body["spec"]["strategy"] = {"rollingUpdate": rolling}
    failure, _ = run(namespace, *([new] if again else []), old)
    assert failure is None
    kubectl(namespace, "create", "quota", "q", f"--hard=pods={replicas}")
    kubectl(namespace, "wait", "quota/q", f"--for=jsonpath={{.status.used.pods}}={replicas}", "--timeout=20s")
    failure, events = run(namespace, new)
    causes = [] if failure is None else [cause.code for cause in failure.causes]
    return causes, [event.waits_for for event in events.of(Waited)]


@pytest.mark.parametrize("again", [False, True], ids=["a new version", "a version that was there before"])
def test_early_truth_a_quota_that_lets_no_new_pod_beside_the_old_one_is_named_at_once(
    namespace: str, *, again: bool
) -> None:
    causes, waits = with_quota(namespace, 1, {"maxUnavailable": 0, "maxSurge": 1}, again=again)
    assert causes == ["kubernetes/quota", "kubernetes/serving"], waits


def test_a_quota_that_makes_a_rollout_slow_is_no_failure(namespace: str) -> None:
    causes, waits = with_quota(namespace, 2, {"maxUnavailable": 1, "maxSurge": 1})
    assert causes == []
    assert any("exceeded quota" in said for said in waits), waits


def unready() -> RollOut:
    return roll_out(sh("trap 'exit 0' TERM; sleep 300 & wait", readinessProbe={"exec": {"command": ["false"]}}))


@pytest.mark.parametrize("how", ["deleted", "being deleted", "made anew"])
def test_a_deployment_that_somebody_deletes_is_not_waited_for(namespace: str, how: str) -> None:
    async def main() -> RolloutFailed:
        async with new_session(namespace) as (session, events), api(namespace) as client:
            task = asyncio.create_task(session.roll_out(unready(), events.append))
            while not any("0 of 1 ready" in event.waits_for for event in events.of(Waited)):
                await asyncio.sleep(0.05)
            if how == "being deleted":
                await client.patch(DEPLOYMENT, "app", {"metadata": {"finalizers": ["example.com/hold"]}})
            await client.delete(DEPLOYMENT, "app")
            if how == "made anew":
                await client.create(DEPLOYMENT, unready().body)
            with pytest.raises(RolloutFailed) as caught:
                async with asyncio.timeout(60):
                    await task
            if how == "being deleted":
                await client.patch(DEPLOYMENT, "app", {"metadata": {"finalizers": None}})
            return caught.value

    failure = asyncio.run(main())
    causes = failure.causes
    assert [cause.code for cause in causes] == ["kubernetes/deployment-deleted", "kubernetes/serving"]
    assert failure.is_gone
    assert causes[1].message.startswith("its Deployment is ")
