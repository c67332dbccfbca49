"""The attempts of a migration, taken in from the pods of its Job on an API server in memory."""

import asyncio
from typing import Any

import pytest

from ks_universal.engine.events import AttemptEnded, AttemptStarted, LogWritten
from ks_universal.plan.one_off_jobs import as_migration
from ks_universal.targets.kubernetes.api.client import Client
from ks_universal.targets.kubernetes.api.connection import connect
from ks_universal.targets.kubernetes.migration.attempts import Attempts
from support.contract_targets import JOB, FakeCluster, run_job
from support.fake_api_server import FakeApiServer
from support.releases import Events

Json = dict[str, Any]


def await_job(server: FakeApiServer, codes: tuple[int, ...], retries: int, *, rule: Json | None = None) -> list[Json]:
    """Have a Job of its own run to its end, and give its pods, oldest first."""
    place = FakeCluster(server)
    step = run_job(place, place.script(*codes), retries=retries)
    rules = {} if rule is None else {"podFailurePolicy": {"rules": [rule]}}
    server.put({**step.body, "spec": {**step.body["spec"], **rules}})
    server.await_that(lambda: bool((server.get("jobs", "seed") or {}).get("status", {}).get("completionTime")))
    return [body for name in sorted(server.names("pods")) if (body := server.get("pods", name))]


def take_in(server: FakeApiServer, looks: list[list[Json]], *, retries: int, stopped: str | None = None) -> Events:
    """Take in the pods of a Job as they were seen in each look."""

    async def main() -> Events:
        events = Events()
        client = Client(connect(str(server.kubeconfig)), "ns")
        place = FakeCluster(server)
        step = as_migration(JOB, run_job(place, place.script(0), retries=retries).body)
        attempts = Attempts(client, step, events)
        try:
            for pods in looks:
                await attempts.update(pods, resumed=False, stopped=stopped)
        finally:
            await attempts.abandon()
            await client.close()
        return events

    return asyncio.run(main())


def test_attempts_that_are_seen_at_once_are_told_of_one_after_the_other(api_server: FakeApiServer) -> None:
    """As a run does that takes up a Job which has gone on: not the lines of the second before those of the first."""
    pods = await_job(api_server, (1, 2, 0), retries=2)
    told = [event for event in take_in(api_server, [pods], retries=2) if not isinstance(event, LogWritten)]
    assert [type(event) for event in told] == [AttemptStarted, AttemptEnded] * 3
    lines = take_in(api_server, [pods], retries=2).of(LogWritten)
    assert [event.line for event in lines] == ["try 1", "try 2", "try 3"]


def test_the_pause_before_the_next_attempt_is_that_of_the_controller(api_server: FakeApiServer) -> None:
    """10 s, doubled each time, at most six minutes (kubernetes.io, Jobs: "Pod backoff failure policy")."""
    pods = await_job(api_server, (1,), retries=7)
    ended = take_in(api_server, [pods[:count] for count in range(1, 9)], retries=7).of(AttemptEnded)
    assert [event.retry_in_s for event in ended] == [10, 20, 40, 80, 160, 320, 360, None]


def test_a_pod_that_was_ended_from_outside_counts_for_no_retry(api_server: FakeApiServer) -> None:
    gone, *others = await_job(api_server, (1,), retries=1)
    disrupted = {"type": "DisruptionTarget", "status": "True"}
    evicted = {**gone, "status": {**gone["status"], "conditions": [disrupted]}}
    ended = take_in(api_server, [[evicted], [evicted, *others]], retries=1).of(AttemptEnded)
    assert [event.retry_in_s for event in ended] == [0.0, 10]
    assert [event.attempt.reason for event in ended] == ["disrupted", None]


@pytest.mark.parametrize("stopped", [None, "timeout"])
def test_a_pod_that_vanishes_ends_its_attempt_before_the_next_begins(
    api_server: FakeApiServer, stopped: str | None
) -> None:
    first, second = await_job(api_server, (1, 0), retries=1)
    running = {**first, "status": {**first["status"], "phase": "Running", "containerStatuses": []}}
    events = take_in(api_server, [[running], [second]], retries=1, stopped=stopped)
    told = [event for event in events if not isinstance(event, LogWritten)]
    assert [type(event) for event in told] == [AttemptStarted, AttemptEnded] * 2
    assert [event.attempt.reason for event in events.of(AttemptEnded)] == [stopped or "disrupted", None]
