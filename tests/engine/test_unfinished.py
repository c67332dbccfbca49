"""Resume: with other values, or another command, the migration that a killed run left at work is stopped first."""

import asyncio
from typing import Any

import pytest

from ks_universal.diagnostics import Problem
from ks_universal.engine.run import run_planned
from ks_universal.plan.build import MigratePolicy
from ks_universal.plan.records import Outcome, Revision, State
from ks_universal.resources.objects import Rendered
from ks_universal.targets.kubernetes.way_back import WayBack
from ks_universal.targets.memory import MemoryTarget, World
from releases import Events, app, deploy, kill_before_anything_changes, kill_during, release


def version(tag: str, *steps: Any) -> Rendered:
    return release(web=app(*(steps or ("schema", "data")), tag=tag))


def undoable(tag: str) -> dict[str, Any]:
    return {"name": "schema", "args": [tag], "rollback": {"args": ["down"]}}


FIRST, SECOND = version("1.0", undoable("1.0")), version("2.0", undoable("2.0"), "data")


def way(*, down: bool) -> WayBack:
    return WayBack(1, FIRST, {2: SECOND}, down)


def rollback(world: World, *, down: bool = False) -> Revision:
    planner = way(down=down).plan
    return asyncio.run(run_planned(FIRST, MemoryTarget(world), Events(), planner, by="tests"))


def changes(world: World) -> list[tuple[str, str]]:
    """What happened, without the records."""
    return [(change.what, change.subject) for change in world.history if change.what != "saved"]


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
    assert "Job/web-migrations-data" in {str(subject) for subject in revision.objects}
