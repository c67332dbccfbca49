"""An application of which nothing is left when its rollout fails: no revision of it is said to run."""

import asyncio
from collections.abc import Mapping

import pytest

from ks_universal.diagnostics import Problem
from ks_universal.engine.events import Emit, RunEnded
from ks_universal.engine.run import run
from ks_universal.engine.target import NO_IDS, RolloutFailed
from ks_universal.plan.records import Outcome
from ks_universal.plan.steps import RollOut
from ks_universal.testing.memory import MemorySession, MemoryTarget
from ks_universal.testing.world import World
from support.releases import Events, app, release


@pytest.mark.parametrize(("is_gone", "runs"), [(True, None), (False, 1)])
def test_what_is_gone_does_not_run_and_what_failed_beside_the_version_before_does(
    *, is_gone: bool, runs: int | None
) -> None:
    class Losing(MemorySession):
        """Fails in the rollout of `web`."""

        async def roll_out(self, step: RollOut, emit: Emit, image_ids: Mapping[str, str] = NO_IDS) -> None:
            if step.application == "web":
                raise RolloutFailed(step.id, (Problem("x/y", "it failed"),), is_gone=is_gone)
            await super().roll_out(step, emit, image_ids)

    async def main() -> list[RunEnded]:
        world, events = World(), Events()
        await run(release(web=app(), api=app()), MemoryTarget(world), events, by="tests")
        target = MemoryTarget(world, session=Losing)
        failed = await run(release(web=app(tag="2"), api=app(tag="2")), target, events, by="tests")
        assert failed.outcome is Outcome.ROLLOUT_FAILED
        assert failed.runs == {"web": 1, "api": 2}  # what was rolled out last: `status` says that it is not there
        return events.of(RunEnded)

    _, ended = asyncio.run(main())
    assert ended.runs == {"web": runs, "api": 2}
