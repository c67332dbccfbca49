"""Resume: with other values, or another command, the migration that a killed run left at work is stopped first."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from ks_universal.diagnostics import Problem
from ks_universal.engine.events import Emit, StepStarted
from ks_universal.engine.run import Planner, run_planned
from ks_universal.plan.build import MigratePolicy, build_plan
from ks_universal.plan.changes import Change
from ks_universal.plan.records import Outcome, Revision, State, mark_abandoned
from ks_universal.plan.steps import Delete
from ks_universal.resources.objects import Rendered
from ks_universal.targets.kubernetes.rollback import Rollback
from ks_universal.testing.memory import MemorySession, MemoryTarget
from ks_universal.testing.world import World
from support.releases import (
    Events,
    app,
    deploy,
    interrupt,
    kill,
    kill_before_anything_changes,
    kill_during,
    list_stopped,
    release,
)

Stop = Callable[[World, Rendered, int, Planner], bool]


def version(tag: str, *steps: Any) -> Rendered:
    return release(web=app(*(steps or ("schema", "data")), tag=tag))


def undoable(tag: str) -> dict[str, Any]:
    return {"name": "schema", "args": [tag], "rollback": {"args": ["down"]}}


FIRST, SECOND = version("1.0", undoable("1.0")), version("2.0", undoable("2.0"), "data")


def way(*, down: bool) -> Rollback:
    return Rollback(1, FIRST, {2: SECOND}, down)


def rollback(world: World, *, down: bool = False) -> Revision:
    planner = way(down=down).plan
    return asyncio.run(run_planned(FIRST, MemoryTarget(world), Events(), planner, by="tests"))


def changes(world: World) -> list[tuple[str, str]]:
    """What happened, without the records."""
    return [(change.what, change.ref) for change in world.history if change.what != "saved"]


def leave_at_work(step: str, rendered: Rendered = SECOND) -> World:
    """A world in which the first version runs, and a migration that the killed deploy of another one has left."""
    world = World()
    deploy(FIRST, world)
    kill_during(world, step, rendered)
    world.history.clear()
    return world


@pytest.mark.parametrize("down", [False, True])
def test_a_rollback_stops_first_what_a_killed_deploy_has_left(down: bool) -> None:
    world = leave_at_work("web/migrations/schema")
    assert rollback(world, down=down).outcome is Outcome.SUCCEEDED
    assert changes(world)[0] == ("attempt-stopped", "web/migrations/schema")


def test_what_a_killed_deploy_has_left_is_deleted_as_a_stop_which_nothing_keeps() -> None:
    world = leave_at_work("web/migrations/schema")
    state = asyncio.run(MemoryTarget(world).read(FIRST))
    deletes = [step for step in way(down=False).plan(FIRST, state).steps if isinstance(step, Delete)]
    assert [step.identity.name for step in deletes if step.is_stop] == ["web-migrations-schema"]


def test_a_rollback_that_undoes_no_more_stops_first_what_a_killed_one_has_left() -> None:
    world = World()
    deploy(FIRST, world)
    deploy(SECOND, world)
    known = State(revisions=tuple(world.revisions.values()))
    (undo,) = [step.id for step in way(down=True).plan(FIRST, known).steps if "/undo/" in step.id]
    kill_during(world, undo, FIRST, way(down=True).plan)
    world.history.clear()
    assert rollback(world).outcome is Outcome.SUCCEEDED
    assert changes(world)[0] == ("attempt-stopped", undo)


def test_a_rollback_stops_first_an_undoing_whose_job_had_undone_a_later_revision() -> None:
    third = version("3.0", undoable("3.0"))
    world = World()
    for rendered in (FIRST, SECOND, third):
        deploy(rendered, world)
    planner = Rollback(1, FIRST, {2: SECOND, 3: third}, True).plan
    kill_during(world, "web/undo/web-migrations-schema-undo/2", FIRST, planner)
    world.history.clear()
    assert rollback(world).outcome is Outcome.SUCCEEDED
    assert changes(world)[0] == ("attempt-stopped", "web/undo/web-migrations-schema-undo/2")


@pytest.mark.parametrize(
    "rendered",
    [version("3.0", "other"), version("3.0", "schema", "data"), release(web=app(tag="3.0"))],
    ids=["other steps", "an earlier step anew", "no migrations"],
)
def test_other_values_stop_first_what_a_killed_deploy_has_left(rendered: Rendered) -> None:
    world = leave_at_work("web/migrations/data")
    assert deploy(rendered, world)[0].outcome is Outcome.SUCCEEDED
    assert changes(world)[0] == ("attempt-stopped", "web/migrations/data")


def test_an_old_contract_is_stopped_before_another_version_is_rolled_out() -> None:
    contract = {"name": "contract", "args": ["x"], "phase": "post"}
    world = leave_at_work("web/migrations/contract", version("2.0", contract))
    assert deploy(version("3.0", contract), world)[0].outcome is Outcome.SUCCEEDED
    assert changes(world)[0] == ("attempt-stopped", "web/migrations/contract")


def test_a_deploy_without_migrations_stops_first_what_a_killed_one_has_left() -> None:
    world = leave_at_work("web/migrations/schema")
    deploy(SECOND, world, migrate=MigratePolicy.NEVER, force=True)
    assert changes(world)[0] == ("attempt-stopped", "web/migrations/schema")


def test_what_was_left_is_stopped_also_when_the_next_run_was_killed_before_it_did() -> None:
    world = leave_at_work("web/migrations/data")
    kill_before_anything_changes(world, version("3.0", "other"))
    world.history.clear()
    deploy(version("4.0", "other"), world)
    assert changes(world)[0] == ("attempt-stopped", "web/migrations/data")


def test_a_job_that_was_stopped_and_made_anew_stays_in_the_inventory() -> None:
    world = leave_at_work("web/migrations/data")
    world.broken["web/rollout"] = Problem("test/broken", "it does not come up")
    revision, _ = deploy(version("3.0", "schema", "data"), world)
    assert revision.outcome is Outcome.ROLLOUT_FAILED
    assert "Job/web-migrations-data" in {str(ref) for ref in revision.objects}


COMMANDS: dict[str, tuple[Rendered, Planner]] = {
    "the same": (SECOND, build_plan),
    "the same without migrations": (SECOND, partial(build_plan, migrate=MigratePolicy.NEVER, force=True)),
    "a rollback": (FIRST, way(down=False).plan),
    "other values": (version("3.0", "other"), build_plan),
}


@pytest.mark.parametrize("how", [kill, interrupt])
@pytest.mark.parametrize("between", COMMANDS)
def test_what_was_left_is_stopped_whatever_was_stopped_in_between(how: Stop, between: str) -> None:
    rendered, planner = COMMANDS[between]

    def stop(world: World, at: int) -> bool:
        return how(world, rendered, at, planner)

    worlds = list_stopped(stop, partial(leave_at_work, "web/migrations/data"))
    for at, world in worlds:
        running = [job.step for job in world.jobs.values() if job.running]
        world.history.clear()
        deploy(release(web=app(tag="4.0")), world)
        assert (at, changes(world)[: len(running)]) == (at, [("attempt-stopped", step) for step in running])


def test_what_a_killed_rollback_has_left_is_stopped_also_when_the_next_one_that_undoes_no_more_was_killed() -> None:
    def make() -> World:
        world = World()
        deploy(FIRST, world)
        deploy(SECOND, world)
        kill_during(world, "web/undo/web-migrations-schema-undo/2", FIRST, way(down=True).plan)
        return world

    def stop(world: World, at: int) -> bool:
        return kill(world, FIRST, at, way(down=False).plan)

    for at, world in list_stopped(stop, make):
        running = [job.step for job in world.jobs.values() if job.running]
        world.history.clear()
        deploy(release(web=app(tag="4.0")), world)
        assert (at, changes(world)[: len(running)]) == (at, [("attempt-stopped", step) for step in running])


class Slow(MemorySession):
    """Does not come to an end with deleting."""

    async def delete(self, step: Delete, emit: Emit) -> Change | None:
        await asyncio.Event().wait()
        return await super().delete(step, emit)


def test_what_was_left_is_stopped_also_when_the_next_run_was_interrupted_before_it_could() -> None:
    world = leave_at_work("web/migrations/data")
    planner = partial(build_plan, migrate=MigratePolicy.NEVER, force=True)

    async def main() -> None:
        events = Events()
        task = asyncio.create_task(
            run_planned(SECOND, MemoryTarget(world, session=Slow), events, planner, by="interrupted")
        )
        while not events.of(StepStarted):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])

    asyncio.run(main())
    interrupted = world.revisions[2]
    assert (interrupted.outcome, interrupted.steps[1].outcome) == (Outcome.INTERRUPTED, Outcome.RUNNING)
    deploy(release(web=app(tag="4.0")), world)
    assert changes(world)[0] == ("attempt-stopped", "web/migrations/data")
    (earlier, _) = mark_abandoned([interrupted, world.revisions[3]], is_dead=True)
    assert (earlier.outcome, earlier.steps[1].outcome) == (Outcome.INTERRUPTED, Outcome.ABANDONED)


def test_a_run_that_leaves_the_migrations_out_says_what_became_of_those_that_it_stopped() -> None:
    rendered = version("2.0", "schema", "data", "more")
    world = leave_at_work("web/migrations/data", rendered)
    revision, _ = deploy(rendered, world, migrate=MigratePolicy.NEVER, force=True)
    assert (revision.number, revision.outcome) == (2, Outcome.SUCCEEDED)
    assert [s.outcome for s in revision.steps] == [Outcome.SUCCEEDED, Outcome.INTERRUPTED, Outcome.SKIPPED]
