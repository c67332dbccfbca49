"""What the engine relies on, whatever the target."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest

from ks_universal.engine.events import AttemptEnded, AttemptStarted, LockAwaited, LogWritten, ObjectChanged
from ks_universal.engine.target import MigrationFailed, RolloutFailed, Session, Target
from ks_universal.errors import LockedError
from ks_universal.model.format.migrations import Phase
from ks_universal.plan.changes import Change
from ks_universal.plan.one_off_jobs import read_job_end, record_job
from ks_universal.plan.records import FORMAT, JobState, Outcome, Revision, StepRecord
from ks_universal.plan.steps import Apply, Delete, Migrate, Plan, RunJob, Step
from ks_universal.resources.objects import Rendered, Resource, object_ref
from ks_universal.targets.kubernetes.objects.ownership import contains
from support.contract_targets import JOB, STEP, Place, await_old_pods, metadata, migrate, roll_out, run_job
from support.releases import Events

Work = Callable[[Target, Session, Events], Awaitable[None]]


@asynccontextmanager
async def held(place: Place, *, wait: bool = False) -> AsyncIterator[tuple[Target, Session, Events]]:
    """A target that holds the release, a session on it, and what it says; closed at the end."""
    target, events = place.open(), Events()
    try:
        async with target.lock(events, wait=wait):
            yield target, await open_session(target, rendered(place)), events
    finally:
        await target.close()


async def open_session(target: Target, wanted: Rendered, *steps: Step) -> Session:
    """A session on what is there now, for a plan of these steps."""
    plan = Plan(release="demo", namespace=wanted.namespace, revision=1, steps=steps)
    return target.open_session(wanted, await target.read(wanted), plan)


def run(place: Place, work: Work) -> Events:
    """Let a target work."""

    async def main() -> Events:
        async with held(place) as (target, session, events):
            await work(target, session, events)
            return events

    return asyncio.run(asyncio.wait_for(main(), 120))


def config(place: Place, value: str) -> Apply:
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata(place, "c"), "data": {"key": value}}
    return Apply(id="ConfigMap/c", body=body)


def rendered(place: Place) -> Rendered:
    """What the release may consist of."""
    bodies = (config(place, "a").body, roll_out(place, place.serve()).body)
    return Rendered("demo", place.namespace, tuple(map(Resource, bodies)), ())


def revision(number: int, step: Migrate | None = None, outcome: Outcome = Outcome.SUCCEEDED) -> Revision:
    records = [
        StepRecord(
            id=step.id,
            application="web",
            step=None,
            phase=Phase.PRE,
            digest=step.digest,
            image="app:1",
            command=(),
            outcome=outcome,
        )
        for step in [step]
        if step is not None
    ]
    started = datetime(2026, 1, 1, tzinfo=UTC)
    return Revision(
        number=number,
        format=FORMAT,
        release="demo",
        namespace="ns",
        by="x",
        started=started,
        steps=tuple(records),
    )


async def until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0.001)


# the lock


def test_one_at_a_time_a_held_release_is_refused_and_its_holder_named(place: Place) -> None:
    async def main() -> None:
        async with held(place):
            with pytest.raises(LockedError) as refused:
                async with held(place):
                    raise AssertionError("two hold it")
            assert refused.value.holder
        async with held(place):  # it is free again
            pass

    asyncio.run(main())


def test_one_at_a_time_who_waits_is_told_for_whom_and_goes_on_when_it_is_free(place: Place) -> None:
    async def main() -> None:
        target, events = place.open(), Events()

        async def wait() -> None:
            async with target.lock(events, wait=True):
                pass
            await target.close()

        async with asyncio.timeout(30):
            async with held(place):
                waiting = asyncio.create_task(wait())
                await until(lambda: bool(events.of(LockAwaited)))
                assert not waiting.done()
            await waiting
        assert len(events.of(LockAwaited)) == 1

    asyncio.run(main())


def test_the_lock_is_free_after_its_block_also_while_the_target_is_open(place: Place) -> None:
    async def main() -> None:
        target = place.open()
        async with target.lock(Events(), wait=False):
            pass
        async with held(place):
            pass
        await target.close()

    asyncio.run(main())


# what is read and what is checked


def test_what_was_read_stays_as_it_was_whatever_a_session_does(place: Place) -> None:
    async def work(target: Target, _: Session, events: Events) -> None:
        state = await target.read(rendered(place))
        plan = Plan(release="demo", namespace=place.namespace, revision=1, steps=())
        await target.open_session(rendered(place), state, plan).apply(config(place, "a"), events)
        assert state.objects == {}
        assert object_ref(config(place, "a").body) in (await target.read(rendered(place))).objects

    run(place, work)


def test_a_check_gives_what_its_own_plan_changes_and_changes_nothing(place: Place) -> None:
    async def work(target: Target, _: Session, __: Events) -> None:
        plans: list[tuple[Step, ...]] = [(config(place, "a"),), (), (roll_out(place, place.serve()),)]
        sessions = [await open_session(target, rendered(place), *steps) for steps in plans]
        found = await asyncio.gather(*(session.check() for session in sessions))
        changes = [[(str(change.identity), change.change) for change in each.changes] for each in found]
        assert changes == [[("ConfigMap/c", "created")], [], [("Deployment/web", "created")]]
        assert (await target.read(rendered(place))).objects == {}

    run(place, work)


# objects


def test_an_applied_object_is_read_back_also_by_another_target(place: Place) -> None:
    async def work(_: Target, session: Session, events: Events) -> None:
        for value in ("a", "a", "b"):
            await session.apply(config(place, value), events)

    events = run(place, work)
    assert [event.change for event in events.of(ObjectChanged)] == ["created", "unchanged", "changed"]

    async def look(target: Target, _: Session, __: Events) -> None:
        state = await target.read(rendered(place))
        assert state.objects[object_ref(config(place, "a").body)]["data"] == {"key": "b"}

    run(place, look)


def test_a_deleted_object_is_gone_and_deleting_can_be_repeated(place: Place) -> None:
    async def work(target: Target, session: Session, events: Events) -> None:
        await session.apply(config(place, "a"), events)
        step = Delete(id="delete ConfigMap/c", identity=object_ref(config(place, "a").body))
        assert [await session.delete(step, events) for _ in range(2)] == [Change.DELETED, None]
        assert object_ref(config(place, "a").body) not in (await target.read(rendered(place))).objects

    assert [event.change for event in run(place, work).of(ObjectChanged)] == ["created", "deleted"]


def test_an_object_that_asks_to_be_kept_stays_with_what_it_holds(place: Place) -> None:
    body = config(place, "a").body
    asks = {"ks-universal.io/resource-policy": "keep"}
    kept = Apply(id="ConfigMap/c", body={**body, "metadata": {**body["metadata"], "annotations": asks}})

    async def work(target: Target, session: Session, events: Events) -> None:
        await session.apply(kept, events)
        step = Delete(id="delete ConfigMap/c", identity=object_ref(body))
        assert await session.delete(step, events) is Change.KEPT
        assert (await target.read(rendered(place))).objects[object_ref(body)]["data"] == {"key": "a"}

    assert [event.change for event in run(place, work).of(ObjectChanged)] == ["created", "kept"]


# the record


def test_revisions_are_read_back_oldest_first_also_by_another_target(place: Place) -> None:
    async def work(_: Target, session: Session, __: Events) -> None:
        for number in (2, 10, 1):
            await session.save(revision(number))
        await session.save(revision(2, migrate(place, place.script(0))))

    async def look(target: Target, _: Session, __: Events) -> None:
        expected = (revision(1), revision(2, migrate(place, place.script(0))), revision(10))
        assert (await target.read(rendered(place))).revisions == expected

    run(place, work)
    run(place, look)


# migrations


def test_a_migration_tells_what_it_does_and_gives_its_attempt(place: Place) -> None:
    async def work(_: Target, session: Session, events: Events) -> None:
        (attempt,) = await session.migrate(migrate(place, place.script(0)), events)
        assert (attempt.number, attempt.exit_code, attempt.log_tail) == (1, 0, ("try 1",))

    events = run(place, work)
    told = [event for event in events if isinstance(event, AttemptStarted | LogWritten | AttemptEnded)]
    assert [type(event) for event in told] == [AttemptStarted, LogWritten, AttemptEnded]
    assert events.of(LogWritten) == [LogWritten(source=STEP, line="try 1")]


def test_exact_retries_until_one_attempt_succeeds(place: Place) -> None:
    async def work(_: Target, session: Session, events: Events) -> None:
        attempts = await session.migrate(migrate(place, place.script(1, 2, 0), retries=5), events)
        assert [(a.number, a.exit_code) for a in attempts] == [(1, 1), (2, 2), (3, 0)]

    ended = run(place, work).of(AttemptEnded)
    assert [event.retry_in_s is None for event in ended] == [False, False, True]


@pytest.mark.parametrize(("retries", "fatal", "codes"), [(0, (), [7]), (2, (), [7, 7, 7]), (5, (7,), [7])])
def test_exact_retries_none_beyond_the_limit_or_after_a_fatal_exit_code(
    place: Place, retries: int, fatal: tuple[int, ...], codes: list[int]
) -> None:
    async def work(_: Target, session: Session, events: Events) -> None:
        with pytest.raises(MigrationFailed) as failed:
            await session.migrate(migrate(place, place.script(7), retries=retries, fatal=fatal), events)
        assert failed.value.step == STEP
        assert "7" in failed.value.causes[0].message

    ended = run(place, work).of(AttemptEnded)
    assert [event.attempt.exit_code for event in ended] == codes
    assert ended[0].attempt.causes


def test_resume_what_ended_but_is_not_in_the_record_does_not_run_again(place: Place) -> None:
    pod = place.script(0)

    async def work(_: Target, session: Session, events: Events) -> None:
        (attempt,) = await session.migrate(migrate(place, pod), events)
        assert attempt.log_tail == ("try 1",)

    run(place, work)
    assert [event.resumed for event in run(place, work).of(AttemptStarted)] == [True]


def test_what_is_in_the_record_runs_anew(place: Place) -> None:
    pod = place.script(0)

    async def work(_: Target, session: Session, events: Events) -> None:
        await session.migrate(migrate(place, pod), events)
        await session.save(revision(1, migrate(place, pod)))

    run(place, work)
    assert [event.resumed for event in run(place, work).of(AttemptStarted)] == [False]


def test_another_digest_runs_anew(place: Place) -> None:
    pod = place.script(0)

    async def work(_: Target, session: Session, events: Events) -> None:
        await session.migrate(migrate(place, pod, digest="d1"), events)
        await session.migrate(migrate(place, pod, digest="d2"), events)

    assert [event.resumed for event in run(place, work).of(AttemptStarted)] == [False, False]


def test_real_stop_a_cancelled_migration_is_over_and_the_next_one_begins_anew(place: Place) -> None:
    async def work(_: Target, session: Session, events: Events) -> None:
        task = asyncio.ensure_future(session.migrate(migrate(place, place.script(None)), events))
        await until(lambda: bool(events.of(LogWritten)))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        attempts = await session.migrate(migrate(place, place.script(0)), events)
        assert [attempt.number for attempt in attempts] == [1]

    assert [event.resumed for event in run(place, work).of(AttemptStarted)] == [False, False]


# the Jobs of the values


async def run_to_end(session: Session, step: RunJob, events: Events) -> JobState:
    """Apply a Job and wait for its end, as the engine does."""
    await session.apply(step, events)
    return await session.await_job(step, record_job(step.body, 1, Outcome.RUNNING), events)


async def look_at(session: Session, step: RunJob) -> JobState:
    (state,) = await session.read_jobs({object_ref(step.body): record_job(step.body, 1, Outcome.RUNNING)})
    return state


def with_job(place: Place, step: RunJob) -> Rendered:
    return Rendered("demo", place.namespace, (Resource(step.body),), ())


def test_jobs_one_runs_to_its_end_within_its_retries_and_tells_what_it_does(place: Place) -> None:
    step = run_job(place, place.script(1, 0), retries=1)

    async def work(_: Target, session: Session, events: Events) -> None:
        state = await run_to_end(session, step, events)
        assert (state.record.outcome, state.problems) == (Outcome.SUCCEEDED, ())
        assert [attempt.exit_code for attempt in state.record.attempts] == [1, 0]

    events = run(place, work)
    assert events.of(LogWritten) == [LogWritten(source=JOB, line=f"try {number}") for number in (1, 2)]

    async def look(target: Target, _: Session, __: Events) -> None:
        live = (await target.read(with_job(place, step))).objects[object_ref(step.body)]
        while read_job_end(live)[0] is Outcome.RUNNING:  # a cluster's Job says so a second after its pods
            live = (await target.read(with_job(place, step))).objects[object_ref(step.body)]
        assert read_job_end(live)[0] is Outcome.SUCCEEDED

    run(place, look)


def test_jobs_one_that_fails_has_its_cause_and_runs_again_when_that_is_asked_for(place: Place) -> None:
    async def work(target: Target, session: Session, events: Events) -> None:
        failed = await run_to_end(session, run_job(place, place.script(7)), events)
        assert failed.record.outcome is Outcome.FAILED
        assert "7" in failed.problems[-1].message
        again = run_job(place, place.script(7), again=True)
        session = await open_session(target, with_job(place, again))
        state = await run_to_end(session, again, events)
        assert [attempt.exit_code for attempt in state.record.attempts] == [7]
        assert (await look_at(session, again)).record.outcome is Outcome.FAILED

    assert len(run(place, work).of(AttemptEnded)) == 2


def test_jobs_whoever_waits_no_more_leaves_it_at_work(place: Place) -> None:
    async def work(_: Target, session: Session, events: Events) -> None:
        step = run_job(place, place.script(None))
        await session.apply(step, events)
        task = asyncio.ensure_future(session.await_job(step, record_job(step.body, 1, Outcome.RUNNING), events))
        await until(lambda: bool(events.of(LogWritten)))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (await look_at(session, step)).record.outcome is Outcome.RUNNING
        await session.delete(Delete(id="delete Job/seed", identity=object_ref(step.body)), events)
        assert not (await look_at(session, step)).is_there

    run(place, work)


# rollouts


def test_a_rollout_makes_the_deployment_live_and_an_equal_one_changes_nothing(place: Place) -> None:
    async def work(target: Target, session: Session, events: Events) -> None:
        step = roll_out(place, place.serve())
        await session.roll_out(step, events)
        live = (await target.read(rendered(place))).objects[object_ref(step.body)]
        assert contains(live, step.body)
        await session.roll_out(step, events)

    changes = [event.change for event in run(place, work).of(ObjectChanged)]
    assert changes == ["created", "unchanged"]


def test_when_the_old_pods_were_awaited_none_is_left(place: Place) -> None:
    async def work(_: Target, session: Session, events: Events) -> None:
        await session.roll_out(roll_out(place, place.serve()), events)
        step = roll_out(place, place.serve(version="2"))
        await session.roll_out(step, events)
        for __ in range(2):
            await session.await_old_pods(await_old_pods(step), events)
            assert session.count_old_pods(step) == 0

    run(place, work)


def test_a_rollout_that_does_not_come_up_fails_with_its_causes(place: Place) -> None:
    async def work(_: Target, session: Session, events: Events) -> None:
        with pytest.raises(RolloutFailed) as failed:
            await session.roll_out(roll_out(place, place.serve(broken=True)), events)
        assert failed.value.causes

    run(place, work)
