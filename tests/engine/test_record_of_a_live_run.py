"""What the record says to those who look on while a run is at work, or after it was killed."""

from ks_universal.plan.records import Outcome, Revision, mark_abandoned
from ks_universal.testing.world import World
from support.releases import app, deploy, kill_during, release

FIRST = release(web=app("schema", "data", {"name": "contract", "args": ["x"], "phase": "post"}))
CHANGED = release(web=app("schema", "data", tag="2.0"))


def outcomes(revision: Revision) -> list[Outcome]:
    return [step.outcome for step in revision.steps]


def test_steps_that_are_done_that_run_and_that_have_not_begun_are_told_apart() -> None:
    revision = kill_during(World(), "web/migrations/data", FIRST)
    assert outcomes(revision) == [Outcome.SUCCEEDED, Outcome.RUNNING, Outcome.PENDING]


def test_what_a_killed_run_calls_running_may_be_at_work_until_the_next_run_has_seen_to_it() -> None:
    world = World()
    killed = kill_during(world, "web/migrations/data", FIRST)
    (live,) = mark_abandoned([killed], is_dead=False)
    assert live == killed
    (dead,) = mark_abandoned([killed], is_dead=True)
    assert dead.outcome is Outcome.ABANDONED
    assert outcomes(dead) == [Outcome.SUCCEEDED, Outcome.RUNNING, Outcome.PENDING]
    deploy(CHANGED, world)
    earlier, latest = mark_abandoned([world.revisions[1], world.revisions[2]], is_dead=True)
    assert earlier.outcome is Outcome.ABANDONED
    assert outcomes(earlier) == [Outcome.SUCCEEDED, Outcome.ABANDONED, Outcome.SKIPPED]
    assert latest == world.revisions[2]
