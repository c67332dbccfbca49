"""A session on a cluster: what it needs, it has from what it was made of."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from ks_universal.engine.events import AttemptStarted
from ks_universal.engine.target import Session
from ks_universal.metadata_keys import REVISION
from ks_universal.plan.one_off_jobs import record_job
from ks_universal.plan.records import Outcome
from ks_universal.plan.steps import Plan, Step
from ks_universal.resources.objects import Rendered, Resource
from ks_universal.targets.kubernetes.api.client import Client
from ks_universal.targets.kubernetes.api.connection import connect
from ks_universal.targets.kubernetes.api.kinds import JOB
from support.contract_targets import FakeCluster, migrate, run_job
from support.fake_api_server import FakeApiServer
from support.releases import Events


@asynccontextmanager
async def new_session(place: FakeCluster, *steps: Step, revision: int) -> AsyncIterator[Session]:
    """A session of another process, for a plan of these steps."""
    target = place.open()
    rendered = Rendered("demo", "ns", tuple(Resource(step.body) for step in steps if hasattr(step, "body")), ())
    try:
        plan = Plan(release="demo", namespace="ns", revision=revision, steps=steps)
        yield target.open_session(rendered, await target.read(rendered), plan)
    finally:
        await target.close()


def test_a_job_tells_the_revision_of_its_plan_also_before_anything_was_saved(api_server: FakeApiServer) -> None:
    place = FakeCluster(api_server)

    async def main() -> str:
        step = migrate(place, place.script(0))
        async with new_session(place, step, revision=7) as session:
            await session.migrate(step, Events())
        client = Client(connect(str(api_server.kubeconfig)), "ns")
        try:
            job = await client.get(JOB, "web-migrations")
        finally:
            await client.close()
        assert job is not None
        return str(job["metadata"]["annotations"][REVISION])

    assert asyncio.run(main()) == "7"


@pytest.mark.parametrize("sessions", [1, 2])
def test_a_job_of_the_values_is_taken_up_where_it_was_there_when_the_state_was_read(
    api_server: FakeApiServer, sessions: int
) -> None:
    place, events = FakeCluster(api_server), Events()
    step = run_job(place, place.script(0))

    async def main() -> None:
        for _ in range(sessions):
            async with new_session(place, step, revision=1) as session:
                events.clear()
                await session.apply(step, events)
                await session.apply(step, events)  # a second time changes nothing of that
                await session.await_job(step, record_job(step.body, 1, Outcome.RUNNING), events)

    asyncio.run(main())
    assert [event.resumed for event in events.of(AttemptStarted)] == [sessions == 2]
