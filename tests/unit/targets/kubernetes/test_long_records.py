"""The record on an API server in memory: in parts where it is long, beside others' writes, and where it is damaged."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

import pytest

from ks_universal.errors import TargetError
from ks_universal.model.format.migrations import Phase
from ks_universal.plan.records import FORMAT, Attempt, Outcome, Revision, StepRecord
from ks_universal.resources.objects import Rendered, Resource
from ks_universal.targets.kubernetes.api.client import Client
from ks_universal.targets.kubernetes.api.connection import connect
from ks_universal.targets.kubernetes.api.errors import ApiError
from ks_universal.targets.kubernetes.record.records import Records
from support.fake_api_server import FakeApiServer, Fault

Json = dict[str, Any]
T = TypeVar("T")
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
HEAD = "ks-universal.shop.v1"
FORBIDDEN = b'{"reason": "Forbidden", "message": "User \\"x\\" cannot"}'


def revision(number: int = 1, *, megabytes: float = 0, outcome: Outcome = Outcome.SUCCEEDED, seed: int = 0) -> Revision:
    """A revision whose log has so many megabytes that cannot be packed."""
    noise = random.Random(seed)
    lines = tuple(noise.randbytes(100_000).hex() for _ in range(int(megabytes * 10)))
    attempt = Attempt(number=1, started=BEGAN, duration_s=1, exit_code=0, log_tail=lines)
    step = StepRecord(
        id="app/migrations",
        application="app",
        step=None,
        phase=Phase.PRE,
        digest="d",
        image="app:1",
        command=(),
        outcome=outcome,
        attempts=(attempt,),
    )
    return Revision(
        format=FORMAT,
        number=number,
        release="shop",
        namespace="ns",
        by="tests",
        started=BEGAN,
        outcome=outcome,
        steps=(step,),
    )


def on(server: FakeApiServer, work: Callable[[Records], Awaitable[T]], *, history_max: int = 10) -> T:
    async def main() -> T:
        client = Client(connect(str(server.kubeconfig)), "ns")
        try:
            return await work(Records(client, "shop", history_max=history_max))
        finally:
            await client.close()

    return asyncio.run(main())


def read(server: FakeApiServer) -> tuple[tuple[Revision, ...], list[str]]:
    """Read the record, as another run does; and what could not be read of it."""

    async def work(records: Records) -> tuple[tuple[Revision, ...], list[str]]:
        history = await records.read()
        return history.revisions, [problem.message for problem in history.problems]

    return on(server, work)


def save(server: FakeApiServer, *revisions: Revision, rendered: Rendered | None = None, history_max: int = 10) -> None:
    async def work(records: Records) -> None:
        for each in revisions:
            await records.save(each, rendered)

    on(server, work, history_max=history_max)


def test_what_one_secret_cannot_hold_is_kept_in_several_and_read_back(api_server: FakeApiServer) -> None:
    long = revision(megabytes=1.9)
    save(api_server, long)
    assert len(api_server.names("secrets")) > 2
    assert read(api_server) == ((long,), [])


def test_a_run_that_is_killed_between_the_parts_leaves_what_was_there(api_server: FakeApiServer) -> None:
    before, after = (
        revision(megabytes=2, outcome=Outcome.RUNNING),
        revision(megabytes=1, seed=1, outcome=Outcome.RUNNING),
    )
    save(api_server, before)
    api_server.fail(Fault(f"/secrets/{HEAD}\\?", times=99, status=403, body=FORBIDDEN))
    api_server.fail(Fault(r"/secrets\?fieldManager", "POST", times=1, cut="answer"))
    with pytest.raises(TargetError):
        save(api_server, after)
    assert read(api_server)[0] == (before,)


def test_a_part_that_is_missing_is_told_and_the_copy_for_people_stands_in(api_server: FakeApiServer) -> None:
    save(api_server, revision(megabytes=1.9))
    part = next(name for name in api_server.names("secrets") if name[-1] == "1" and name != HEAD)
    api_server.delete("secrets", part)
    (found,), problems = read(api_server)
    assert (found.number, found.outcome, found.steps[0].attempts[0].log_tail) == (1, Outcome.SUCCEEDED, ())
    assert len(problems) == 1
    assert f"Secret/{HEAD}" in problems[0]
    assert f"what ConfigMap/{HEAD} says is taken instead" in problems[0]


def test_all_parts_of_a_revision_go_with_it(api_server: FakeApiServer) -> None:
    revisions = [revision(number, megabytes=1) for number in (1, 2, 3)]
    rendered = Rendered("shop", "ns", (Resource({"kind": "ConfigMap", "metadata": {"name": "c"}}),), ())
    save(api_server, *revisions, rendered=rendered, history_max=2)
    assert {name.split(".")[2] for name in api_server.names("secrets")} == {"v2", "v3"}
    assert read(api_server)[0] == tuple(revisions[1:])
    assert on(api_server, lambda records: records.read_manifests(3)) == rendered
    assert on(api_server, lambda records: records.read_manifests(1)) is None
    on(api_server, lambda records: records.remove_all())
    assert api_server.names("secrets") == api_server.names("configmaps") == []


def test_of_several_that_wait_to_be_written_the_last_is(api_server: FakeApiServer) -> None:
    outcomes = (Outcome.RUNNING, Outcome.RUNNING, Outcome.SUCCEEDED)

    async def work(records: Records) -> None:
        await asyncio.gather(*(records.save(revision(outcome=outcome), None) for outcome in outcomes))

    on(api_server, work)
    assert read(api_server)[0] == (revision(),)
    assert api_server.count("POST", "/secrets") == 1


@pytest.mark.parametrize("status", [409, 422])
def test_a_record_that_changes_while_it_is_written_is_written_again(api_server: FakeApiServer, status: int) -> None:
    save(api_server, revision(outcome=Outcome.RUNNING))
    refused = b'{"reason": "Conflict", "message": "the object has been modified"}'
    api_server.fail(Fault(f"/secrets/{HEAD}", "PATCH", times=2, status=status, body=refused))

    async def work(records: Records) -> None:
        await records.save(revision(outcome=Outcome.RUNNING), None)
        api_server.delete("secrets", HEAD)
        await records.save(revision(), None)

    if status == 422:  # it says of the very object that it may not be so: no further try would help
        with pytest.raises(ApiError):
            on(api_server, work)
        return
    on(api_server, work)
    assert read(api_server)[0] == (revision(),)


def test_whoever_may_not_read_secrets_reads_the_copies(api_server: FakeApiServer) -> None:
    save(api_server, revision(1), revision(2))
    api_server.fail(Fault("/secrets", "GET", times=99, status=403, body=FORBIDDEN))
    found, problems = read(api_server)
    assert [each.number for each in found] == [1, 2]
    assert problems == []
