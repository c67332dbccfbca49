"""A run whose lock another has taken over: what it sees of that one's doings is no failure of its own."""

import asyncio
from collections.abc import Mapping

import pytest

from ks_universal.diagnostics import Problem
from ks_universal.engine.events import Emit, RunEnded, StepFailed
from ks_universal.engine.run import run
from ks_universal.engine.target import NO_IDS, RolloutFailed
from ks_universal.errors import LockedError, LockLostError
from ks_universal.plan.records import Revision
from ks_universal.plan.steps import RollOut
from ks_universal.testing.memory import MemorySession, MemoryTarget
from ks_universal.testing.world import World
from support.releases import Events, app, release


@pytest.mark.parametrize(
    ("loss", "failures", "runs"),
    [
        (LockedError("demo", "bob"), [], {}),
        (LockLostError("demo", "it is free now", is_taken=True), [], {}),
        (LockLostError("demo", "its Lease was deleted", is_taken=False), ["web/rollout"], {"web": None}),
    ],
)
def test_what_another_run_does_is_not_reported_as_failures(
    loss: LockedError, failures: list[str], runs: dict[str, None]
) -> None:
    class TakenOver(MemorySession):
        """Fails in its rollout for what another run does, and may not write its record any more."""

        is_lost = False

        async def roll_out(
            self,
            step: RollOut,
            emit: Emit,  # noqa: ARG002 - as its base
            image_ids: Mapping[str, str] = NO_IDS,  # noqa: ARG002
        ) -> None:
            self.is_lost = True
            raise RolloutFailed(step.id, (Problem("kubernetes/deployment-deleted", "somebody deleted Deployment/web"),))

        async def save(self, revision: Revision) -> None:
            if self.is_lost:
                raise loss
            await super().save(revision)

    target, events = MemoryTarget(World(), session=TakenOver), Events()
    with pytest.raises(LockedError):
        asyncio.run(run(release(web=app()), target, events, by="tests"))
    assert events.steps(StepFailed) == failures
    assert [event.runs for event in events.of(RunEnded)] == [runs]
