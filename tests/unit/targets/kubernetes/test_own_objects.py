"""The record and staged copies beside objects of others that have their names, on an API server in memory."""

import asyncio
from collections.abc import Awaitable
from datetime import UTC, datetime
from typing import Any, TypeVar

import pytest

from ks_universal.errors import TargetError
from ks_universal.plan.records import Outcome, Revision
from ks_universal.targets.kubernetes.api.client import Client
from ks_universal.targets.kubernetes.api.connection import connect
from ks_universal.targets.kubernetes.api.errors import ApiError
from ks_universal.targets.kubernetes.objects.own_objects import write_own
from ks_universal.targets.kubernetes.record.lease import Lease, break_lock, find_stranger_lock, read_lock, remove_lock
from ks_universal.targets.kubernetes.record.records import Records
from support.fake_api_server import FakeApiServer, Fault

Json = dict[str, Any]
T = TypeVar("T")
OURS = {"app.kubernetes.io/managed-by": "ks-universal", "app.kubernetes.io/instance": "shop"}
COPY = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "copy", "labels": OURS}, "data": {"A": "ours"}}
RECORD = "ks-universal.shop.v1"
THEIRS = {"data": {"A": "theirs"}}


@pytest.fixture
def client(api_server: FakeApiServer) -> Client:
    return Client(connect(str(api_server.kubeconfig)), "ns")


def run(client: Client, work: Awaitable[T]) -> T:
    """Do the work, and close the client."""

    async def main() -> T:
        try:
            return await work
        finally:
            await client.close()

    return asyncio.run(main())


def put(server: FakeApiServer, kind: str, name: str, **fields: Any) -> None:
    """Make an object by another's hand, in the place of one that has the name."""
    plural = f"{kind.lower()}s"
    if server.get(plural, name) is not None:
        server.delete(plural, name)
    server.put({"kind": kind, "metadata": {"name": name}, **fields})


def strip(server: FakeApiServer, plural: str, name: str) -> None:
    """Take the labels off an object."""
    server.edit(plural, name, lambda body: {**body, "metadata": {**body["metadata"], "labels": {}}})


def find(server: FakeApiServer, plural: str, name: str) -> Json:
    found = server.get(plural, name)
    assert found is not None
    return found


def revision(number: int = 1, outcome: Outcome = Outcome.SUCCEEDED) -> Revision:
    began = datetime(2026, 1, 1, tzinfo=UTC)
    return Revision(number=number, release="shop", namespace="ns", by="tests", started=began, outcome=outcome)


def records(client: Client) -> Records:
    return Records(client, "shop", history_max=2)


def test_nothing_orphaned_an_object_of_another_is_not_written(client: Client, api_server: FakeApiServer) -> None:
    put(api_server, "ConfigMap", "copy", **THEIRS)
    with pytest.raises(TargetError) as caught:
        run(client, write_own(client, COPY))
    problem = caught.value.problem
    assert (problem.code, problem.hint is None) == ("kubernetes/foreign-object", False)
    assert "ConfigMap/copy exists and was made by kubectl-create" in problem.message
    assert find(api_server, "configmaps", "copy")["data"] == THEIRS["data"]


def test_an_own_object_is_taken_up_and_made_anew_when_it_is_gone(client: Client, api_server: FakeApiServer) -> None:
    async def main() -> None:
        first = await write_own(client, COPY)
        assert await write_own(client, {**COPY, "data": {"A": "2"}}) == first  # as the next run does
        assert find(api_server, "configmaps", "copy")["data"] == {"A": "2"}
        api_server.delete("configmaps", "copy")
        assert await write_own(client, COPY, first) != first

    run(client, main())


def test_an_object_that_took_the_place_of_ours_is_not_written(client: Client, api_server: FakeApiServer) -> None:
    async def main() -> None:
        first = await write_own(client, COPY)
        put(api_server, "ConfigMap", "copy", **THEIRS)
        with pytest.raises(TargetError, match="was made by kubectl-create"):
            await write_own(client, COPY, first)

    run(client, main())
    assert find(api_server, "configmaps", "copy")["data"] == THEIRS["data"]


def test_labels_that_somebody_takes_away_come_back_in_the_same_run_and_stop_the_next(
    client: Client, api_server: FakeApiServer
) -> None:
    async def main() -> None:
        first = await write_own(client, COPY)
        strip(api_server, "configmaps", "copy")
        assert await write_own(client, COPY, first) == first
        assert find(api_server, "configmaps", "copy")["metadata"]["labels"] == OURS
        strip(api_server, "configmaps", "copy")
        with pytest.raises(TargetError, match="exists without the labels that it had"):
            await write_own(client, COPY)

    run(client, main())


@pytest.mark.parametrize("code", [409, 422])
def test_a_server_that_refuses_for_ever_is_not_asked_for_ever(
    client: Client, api_server: FakeApiServer, code: int
) -> None:
    api_server.put(COPY)
    api_server.fail(*(Fault("/configmaps", method, times=99, status=code, body=b"{}") for method in ("POST", "PATCH")))
    with pytest.raises(ApiError):
        run(client, write_own(client, COPY))


@pytest.mark.parametrize(
    ("kind", "name"), [("Secret", RECORD), ("Secret", f"{RECORD}.manifests"), ("ConfigMap", RECORD)]
)
def test_others_objects_of_a_records_names_are_found(
    client: Client, api_server: FakeApiServer, kind: str, name: str
) -> None:
    put(api_server, kind, name)

    async def main() -> list[str]:
        assert await records(client).find_strangers(2) == []
        return [problem.message for problem in await records(client).find_strangers(1)]

    (message,) = run(client, main())
    assert message.startswith(f"{kind}/{name} exists")


def test_nothing_orphaned_what_only_looks_like_a_record_is_neither_read_nor_removed(
    client: Client, api_server: FakeApiServer
) -> None:
    async def main() -> None:
        await records(client).save(revision(), None)
        for plural in ("secrets", "configmaps"):
            ours = find(api_server, plural, RECORD)
            api_server.put({**ours, "metadata": {"name": f"{RECORD}-backup", "labels": ours["metadata"]["labels"]}})
        assert (await records(client).read()).revisions == (revision(),)
        put(api_server, "ConfigMap", f"{RECORD}0")  # revision 10 is not there yet
        await records(client).remove_all()

    run(client, main())
    assert sorted(api_server.names("configmaps")) == [f"{RECORD}-backup", f"{RECORD}0"]
    assert api_server.names("secrets") == [f"{RECORD}-backup"]


def test_a_damaged_record_is_not_read_from_anothers_configmap(client: Client, api_server: FakeApiServer) -> None:
    async def main() -> tuple[Revision, ...]:
        await records(client).save(revision(), None)
        strip(api_server, "configmaps", RECORD)
        api_server.edit("secrets", RECORD, lambda body: {**body, "data": {"part0": "anVuaw=="}})
        return (await records(client).read()).revisions

    assert run(client, main()) == ()


async def hold(client: Client) -> None:
    async with Lease(client, "shop", duration_s=600).hold(print, wait=False):
        pass


@pytest.mark.parametrize("spec", [{}, {"holderIdentity": "theirs", "leaseDurationSeconds": 15}])
def test_nothing_orphaned_a_lease_of_another_is_no_lock(client: Client, api_server: FakeApiServer, spec: Json) -> None:
    put(api_server, "Lease", "ks-universal.shop", spec=spec)

    async def main() -> None:
        assert await find_stranger_lock(client, "shop") is not None
        assert await read_lock(client, "shop") is None
        for change in (hold(client), break_lock(client, "shop", force=True), remove_lock(client, "shop")):
            with pytest.raises(TargetError, match=r"Lease/ks-universal\.shop exists and was made by kubectl-create"):
                await change

    run(client, main())
    assert find(api_server, "leases", "ks-universal.shop")["spec"] == spec


def test_a_lease_without_a_holder_is_ours_where_we_have_written_it(client: Client, api_server: FakeApiServer) -> None:
    async def main() -> None:
        await hold(client)
        assert "holderIdentity" not in find(api_server, "leases", "ks-universal.shop")["spec"]
        await hold(client)
        assert await find_stranger_lock(client, "shop") is None
        await remove_lock(client, "shop")

    run(client, main())
    assert api_server.names("leases") == []


def test_a_lock_in_whose_place_another_lease_has_come_is_lost_and_that_one_stays(
    client: Client, api_server: FakeApiServer
) -> None:
    async def main() -> None:
        async with Lease(client, "shop", duration_s=600).hold(print, wait=False):
            put(api_server, "Lease", "ks-universal.shop", spec={})

    run(client, main())
    assert find(api_server, "leases", "ks-universal.shop")["spec"] == {}
