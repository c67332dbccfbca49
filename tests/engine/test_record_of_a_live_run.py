"""What the record says to those who look on while a run is at work, or after it was killed."""

import asyncio

from ks_universal.engine.events import AttemptStarted
from ks_universal.engine.run import run
from ks_universal.plan.records import Outcome, Revision, tell_killed
from ks_universal.targets.memory import KillSwitch, MemoryTarget, Try, World
from releases import Events, app, deploy, release

FIRST = release(web=app("schema", "data", {"name": "contract", "args": ["x"], "phase": "post"}))
CHANGED = release(web=app("schema", "data", tag="2.0"))


def kill_during(world: World, step: str, number: int = 1) -> Revision:
    """Kill a run when a migration has begun; gives the record that it leaves."""
    world.scripts[step] = (Try(pause=asyncio.Event().wait),)
    switch = KillSwitch()

    async def main() -> None:
        events = Events()
        task = asyncio.create_task(run(FIRST, MemoryTarget(world, switch=switch), events, by="tests"))
        while step not in events.steps(AttemptStarted):
            await asyncio.sleep(0)
        switch.kill()
        task.cancel()
        await asyncio.wait([task])

    asyncio.run(main())
    del world.scripts[step]
    return world.revisions[number]


def outcomes(revision: Revision) -> list[Outcome]:
    return [step.outcome for step in revision.steps]


def test_steps_that_are_done_that_run_and_that_have_not_begun_are_told_apart() -> None:
    revision = kill_during(World(), "web/migrations/data")
    assert outcomes(revision) == [Outcome.SUCCEEDED, Outcome.RUNNING, Outcome.PENDING]


def test_what_a_killed_run_calls_running_may_be_at_work_until_the_next_run_has_seen_to_it() -> None:
    world = World()
    killed = kill_during(world, "web/migrations/data")
    (live,) = tell_killed([killed], is_dead=False)
    assert live == killed
    (dead,) = tell_killed([killed], is_dead=True)
    assert dead.outcome is Outcome.DID_NOT_END
    assert outcomes(dead) == [Outcome.SUCCEEDED, Outcome.RUNNING, Outcome.PENDING]
    deploy(CHANGED, world)
    earlier, latest = tell_killed([world.revisions[1], world.revisions[2]], is_dead=True)
    assert earlier.outcome is Outcome.DID_NOT_END
    assert outcomes(earlier) == [Outcome.SUCCEEDED, Outcome.DID_NOT_END, Outcome.SKIPPED]
    assert latest == world.revisions[2]
