"""When: migrations of which a stopped run has done a part cannot be left out of the next one, unless forced."""

from collections.abc import Callable
from functools import partial

import pytest

from ks_universal.diagnostics import Problem
from ks_universal.engine.run import Planner
from ks_universal.errors import InputError
from ks_universal.plan.build import MigratePolicy, build_plan
from ks_universal.plan.records import Outcome
from ks_universal.resources.objects import Rendered
from ks_universal.targets.kubernetes.rollback import Rollback
from ks_universal.testing.world import Try, World
from support.releases import app, config, deploy, interrupt, kill, kill_during, list_stopped, release

Stop = Callable[[World, Rendered, int, Planner], bool]


def version(tag: str) -> Rendered:
    """A release with two migrations that come before the new version, and two that come after it."""
    after = [{"name": name, "args": [tag], "phase": "post"} for name in ("contract", "clean")]
    down = [{"name": name, "args": ["down"]} for name in ("views", "tables")]
    schema = {"name": "schema", "args": [tag], "rollback": {"steps": down}}
    web = app(schema, {"name": "data", "args": [tag]}, *after, tag=tag, configs=["settings"])
    return release({"settings": config(VERSION=tag)}, web=web)


FIRST, SECOND, THIRD = version("1.0"), version("2.0"), version("3.0")
SCHEMA, DATA, CONTRACT, CLEAN = (f"web/migrations/{step}" for step in ("schema", "data", "contract", "clean"))
PHASES = ({SCHEMA, DATA}, {CONTRACT, CLEAN})
BEGUN = "attempt-started"


def deployed(*versions: Rendered) -> World:
    world = World()
    for rendered in versions:
        deploy(rendered, world)
    world.history.clear()
    return world


def find_refusal(world: World, rendered: Rendered = THIRD) -> Problem | None:
    """Deploy without the migrations; gives what that is refused with, after which nothing has changed."""
    known = dict(world.revisions), len(world.history)
    try:
        assert deploy(rendered, world, migrate=MigratePolicy.NEVER)[0].outcome is Outcome.SUCCEEDED
    except InputError as error:
        assert (world.revisions, len(world.history)) == known
        (problem,) = error.problems
        assert problem.code == "plan/migrations-unfinished"
        return problem
    return None


def is_half(world: World) -> bool:
    """Tell whether migrations of a phase have begun, and not all that belong together are known to have succeeded."""
    steps = world.revisions[2].steps if 2 in world.revisions else ()
    begun = {*world.count(BEGUN), *(step.id for step in steps if step.has_begun)}
    ended = {step.id for step in steps if step.outcome is Outcome.SUCCEEDED}.intersection(world.count("attempt-ended"))
    return any(phase & begun and not phase <= ended for phase in PHASES)


@pytest.mark.parametrize("how", [kill, interrupt])
def test_when_a_run_was_stopped_between_migrations_they_cannot_be_left_out_without_force(how: Stop) -> None:
    def stop(world: World, at: int) -> bool:
        return how(world, SECOND, at, build_plan)

    found = []
    for at, world in list_stopped(stop, partial(deployed, FIRST)):
        half = is_half(world)
        error = find_refusal(world)
        assert (at, error is not None) == (at, half)
        found.append(half)
        if error is not None:
            assert (
                error.message == "the last migrations of web (revision 2) did not all run to their end: they must run"
            )
            assert deploy(SECOND, world)[0].outcome is Outcome.SUCCEEDED
            assert find_refusal(world) is None
    assert False in found
    assert found.count(True) >= 8


@pytest.mark.parametrize("how", [kill, interrupt])
def test_when_a_run_was_stopped_before_the_first_migration_they_can_be_left_out(how: Stop) -> None:
    settings = {"settings": config(VERSION="2.0")}
    rendered = release(settings, db=app(tag="2.0"), web=app("schema", "data", tag="2.0", depends_on=["db"]))

    def stop(world: World, at: int) -> bool:
        return how(world, rendered, at, build_plan)

    worlds = [world for _, world in list_stopped(stop, partial(deployed, FIRST))]
    before = [world for world in worlds if 2 in world.revisions and not is_half(world) and not world.count(BEGUN)]
    assert before
    assert [find_refusal(world, rendered) for world in before] == [None] * len(before)


def stopped_in_data() -> World:
    world = deployed(FIRST)
    kill_during(world, DATA, SECOND)
    return world


def test_when_the_run_that_goes_on_was_stopped_too_they_cannot_be_left_out() -> None:
    for how in (kill, interrupt):

        def stop(world: World, at: int, how: Stop = how) -> bool:
            return how(world, SECOND, at, build_plan)

        for at, world in list_stopped(stop, stopped_in_data):
            assert (at, find_refusal(world) is not None) == (at, is_half(world))


def test_when_they_were_left_out_by_force_they_still_cannot_be_without() -> None:
    world = stopped_in_data()
    revision, _ = deploy(SECOND, world, migrate=MigratePolicy.NEVER, force=True)
    assert (revision.number, revision.outcome) == (2, Outcome.SUCCEEDED)
    assert find_refusal(world) is not None


def test_when_a_migration_failed_that_is_what_is_said() -> None:
    world = deployed(FIRST)
    world.scripts[DATA] = (Try(exit_code=1),)
    deploy(SECOND, world)
    error = find_refusal(world)
    assert error is not None
    assert error.message == "the last migrations of web (revision 2) did not succeed: they must run"


def test_when_only_the_rollout_failed_they_can_be_left_out() -> None:
    world = deployed(FIRST)
    world.broken["web/rollout"] = Problem("test/broken", "it does not come up")
    assert deploy(SECOND, world)[0].outcome is Outcome.ROLLOUT_FAILED
    world.broken.clear()
    assert find_refusal(world) is None


def test_when_a_rollback_was_stopped_between_its_steps_migrations_cannot_be_left_out() -> None:
    world = deployed(FIRST, SECOND)
    planner = Rollback(1, FIRST, {2: SECOND}, True).plan
    kill_during(world, "web/undo/web-migrations-schema-undo-tables/2", FIRST, planner)
    assert find_refusal(world) is not None
    assert deploy(SECOND, world)[0].outcome is Outcome.SUCCEEDED
    assert find_refusal(world) is None
