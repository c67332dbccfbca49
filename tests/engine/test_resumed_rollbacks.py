"""Resume of `rollback --migrate-down`: what a stopped or killed one has undone is not undone a second time."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from ks_universal.engine.events import StepStarted
from ks_universal.engine.run import Planner, run_planned
from ks_universal.plan.records import Outcome, Revision, State
from ks_universal.plan.steps import Migrate
from ks_universal.plan.undo import list_applied_since
from ks_universal.resources.objects import Rendered
from ks_universal.targets.kubernetes.rollback import Rollback
from ks_universal.testing.memory import MemoryTarget
from ks_universal.testing.world import Try, World
from support.releases import Events, app, deploy, interrupt, kill, list_stopped, release

Json = dict[str, Any]
Stop = Callable[[World, Rendered, int, Planner], bool]


def undoable(name: str, tag: str, *undo: str) -> Json:
    """A migration that several steps undo, or a single one that has no name."""
    steps = [{"name": step, "args": [step, tag]} for step in undo]
    return {"name": name, "args": [name, tag], "rollback": {"steps": steps} if undo else {"args": ["down", tag]}}


def version(tag: str) -> Rendered:
    return release(web=app(undoable("schema", tag, "views", "tables"), undoable("data", tag), tag=tag))


FIRST, SECOND, THIRD = version("1.0"), version("2.0"), version("3.0")
UNDONE = [
    f"web/undo/web-migrations-{job}/{number}"
    for number in (3, 2)
    for job in ("data-undo", "schema-undo-views", "schema-undo-tables")
]
"""The steps that undo the second and the third version, in their order."""


def upgraded() -> World:
    world = World()
    for rendered in (FIRST, SECOND, THIRD):
        deploy(rendered, world)
    world.history.clear()
    world.jobs.clear()
    return world


def way(*, down: bool = True) -> Rollback:
    return Rollback(1, FIRST, {2: SECOND, 3: THIRD}, down)


def rollback(world: World, *, down: bool = True) -> Revision:
    planner = way(down=down).plan
    return asyncio.run(run_planned(FIRST, MemoryTarget(world), Events(), planner, by="tests"))


def stop_rollback(how: Stop, world: World, at: int) -> bool:
    return how(world, FIRST, at, way().plan)


kill_rollback = partial(stop_rollback, kill)


def latest(world: World) -> Revision:
    return world.revisions[max(world.revisions)]


def resume(world: World) -> Revision:
    """Roll back again, unless the run that was stopped had come to its end but for saying so."""
    return latest(world) if latest(world).outcome is Outcome.SUCCEEDED and latest(world).back_to else rollback(world)


def effects(world: World) -> list[str]:
    """The steps that ran to their end, in order."""
    return [change.ref for change in world.history if change.what == "attempt-ended"]


def is_all_undone(world: World) -> bool:
    return list_applied_since(tuple(world.revisions.values()), 1) == ()


def test_a_rollback_undoes_each_step_of_each_migration() -> None:
    world = upgraded()
    revision = rollback(world)
    assert revision.outcome is Outcome.SUCCEEDED
    assert effects(world) == UNDONE
    assert is_all_undone(world)


def test_migrations_of_an_application_that_leaves_are_undone_before_it_does() -> None:
    world = World()
    with_more = release(web=app(undoable("schema", "1.0")), more=app(undoable("tables", "1.0")))
    before = release(web=app(undoable("schema", "1.0")))
    for rendered in (before, with_more):
        deploy(rendered, world)
    world.history.clear()
    planner = Rollback(1, before, {2: with_more}, True).plan
    events = Events()
    revision = asyncio.run(run_planned(before, MemoryTarget(world), events, planner, by="tests"))
    assert revision.outcome is Outcome.SUCCEEDED
    assert effects(world) == ["more/undo/more-migrations-tables-undo/2"]
    order = events.steps(StepStarted)
    assert order.index("more/undo/more-migrations-tables-undo/2") < order.index("delete Deployment/more")
    assert is_all_undone(world)


def test_an_application_whose_migrations_cannot_be_undone_stays() -> None:
    world = World()
    before, with_more = release(web=app()), release(web=app(), more=app(undoable("tables", "1.0")))
    for rendered in (before, with_more):
        deploy(rendered, world)
    world.scripts["more/undo/more-migrations-tables-undo/2"] = (Try(exit_code=1),)
    planner = Rollback(1, before, {2: with_more}, True).plan
    revision = asyncio.run(run_planned(before, MemoryTarget(world), Events(), planner, by="tests"))
    assert revision.outcome is Outcome.MIGRATION_FAILED
    assert "Deployment/more" in [str(ref) for ref in world.objects]


def test_what_undoes_two_revisions_in_the_same_way_is_not_taken_for_one() -> None:
    """A target takes a Job of this run up by its name and digest, also one that has ended."""
    down = {"name": "schema", "rollback": {"args": ["downgrade", "-1"]}}
    first, second, third = (release(web=app({**down, "args": ["upgrade", to]})) for to in ("a", "b", "c"))
    world = World()
    for rendered in (first, second, third):
        deploy(rendered, world)
    known = State(revisions=tuple(world.revisions.values()))
    plan = Rollback(1, first, {2: second, 3: third}, True).plan(first, known)
    undo = [step for step in plan.steps if isinstance(step, Migrate)]
    assert [step.id for step in undo] == [f"web/undo/web-migrations-schema-undo/{number}" for number in (3, 2)]
    assert len({step.digest for step in undo}) == 2


@pytest.mark.parametrize("how", [kill, interrupt])
def test_resume_a_rollback_stopped_at_any_moment_undoes_each_step_once(how: Stop) -> None:
    worlds = list_stopped(partial(stop_rollback, how), upgraded)
    assert len(worlds) > 25
    undisturbed = upgraded()
    jobs, objects = undisturbed.jobs.keys(), set(rollback(undisturbed).objects)
    assert {s.name for s in objects} >= jobs
    for at, world in worlds:
        revision = resume(world)
        assert (at, revision.number, revision.outcome) == (at, 4, Outcome.SUCCEEDED)
        assert (at, effects(world)) == (at, UNDONE)
        assert (at, [(s.id, s.outcome) for s in revision.steps]) == (at, [(s, Outcome.SUCCEEDED) for s in UNDONE])
        assert max(world.most_at_once.values(), default=1) == 1
        assert is_all_undone(world)
        assert (at, world.jobs.keys(), set(revision.objects)) == (at, jobs, objects)


def test_resume_a_rollback_survives_a_second_kill() -> None:
    for first, _ in list_stopped(kill_rollback, upgraded)[::12]:

        def make(first: int = first) -> World:
            world = upgraded()
            kill_rollback(world, first)
            return world

        for second, world in list_stopped(kill_rollback, make):
            resume(world)
            assert (first, second, effects(world)) == (first, second, UNDONE)


def test_an_undo_step_that_failed_is_begun_again_and_not_those_before_it() -> None:
    world = upgraded()
    world.scripts[UNDONE[2]] = (Try(exit_code=1),)
    assert rollback(world).outcome is Outcome.MIGRATION_FAILED
    world.scripts.clear()
    assert rollback(world).outcome is Outcome.SUCCEEDED
    assert effects(world) == [*UNDONE[:3], *UNDONE[2:]]
    assert is_all_undone(world)


def test_a_migration_that_was_half_undone_and_applied_again_is_undone_as_a_whole() -> None:
    world = upgraded()
    world.scripts[UNDONE[2]] = (Try(exit_code=1),)
    rollback(world)
    world.scripts.clear()
    deploy(THIRD, world)
    world.history.clear()
    planner = Rollback(1, FIRST, {2: SECOND, 3: THIRD, 5: THIRD}, True).plan
    asyncio.run(run_planned(FIRST, MemoryTarget(world), Events(), planner, by="tests"))
    assert {step.rpartition("/")[0] for step in effects(world)} == {step.rpartition("/")[0] for step in UNDONE}
    assert len(effects(world)) == len(UNDONE)
    assert is_all_undone(world)


def test_resume_without_undoing_more_does_not_call_undone_what_is_half_undone() -> None:
    for at, world in list_stopped(kill_rollback, upgraded):
        if latest(world).outcome is Outcome.SUCCEEDED or not latest(world).back_to:
            continue
        rollback(world, down=False)
        known = [step.id for step in latest(world).steps if step.outcome is Outcome.SUCCEEDED]
        assert (at, is_all_undone(world)) == (at, known == UNDONE)
        world.history.clear()
        rollback(world)
        assert (at, effects(world)) == (at, UNDONE[len(known) :])
