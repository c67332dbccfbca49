"""The record and staged copies beside objects of others that have their names, on an API server in memory."""

import asyncio
import itertools
import json
from datetime import UTC, datetime
from typing import Any

import httpx2
import pytest

from ks_universal.errors import TargetError
from ks_universal.plan.records import Outcome, Revision
from ks_universal.targets.kubernetes.api.client import Client
from ks_universal.targets.kubernetes.api.connection import Connection
from ks_universal.targets.kubernetes.api.errors import ApiError
from ks_universal.targets.kubernetes.objects.own_objects import write_own
from ks_universal.targets.kubernetes.record.lease import Lease, break_lock, find_stranger_lock, read_lock, remove_lock
from ks_universal.targets.kubernetes.record.records import Records

Json = dict[str, Any]
OURS = {"app.kubernetes.io/managed-by": "ks-universal", "app.kubernetes.io/instance": "shop"}
COPY = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "copy", "labels": OURS}, "data": {"A": "ours"}}
RECORD = "ks-universal.shop.v1"
THEIRS = {"data": {"A": "theirs"}}


class Server(httpx2.AsyncBaseTransport):
    """Keeps ConfigMaps, Secrets and Leases as an API server does, by the last part of their path."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str], Json] = {}
        self._uids = itertools.count(1)

    def put(self, kind: str, name: str, **fields: Any) -> None:
        """Make an object by another's hand."""
        self._store(kind.lower() + "s", {"kind": kind, "metadata": {"name": name}, **fields}, "kubectl-create")

    def strip(self, plural: str, name: str) -> None:
        del self.objects[plural, name]["metadata"]["labels"]

    def __getitem__(self, key: tuple[str, str]) -> Json:
        return self.objects[key]

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        plural, _, name = request.url.path.rpartition("/namespaces/default/")[2].partition("/")
        body = json.loads(request.content) if request.content else {}
        match request.method:
            case "GET" if not name:
                return httpx2.Response(200, json={"metadata": {}, "items": self._list(plural, request.url.params)})
            case "GET":
                return self._answer(plural, name)
            case "POST" if (plural, body["metadata"]["name"]) in self.objects:
                return _refuse(409)
            case "DELETE":
                return self._change("DELETE", plural, name, None, body.get("preconditions", {}).get("uid"))
            case "PATCH" | "PUT" if "uid" in body["metadata"]:
                return self._change(request.method, plural, name, body, body["metadata"]["uid"])
            case _:
                self._store(plural, body, request.url.params["fieldManager"])
                return self._answer(plural, body["metadata"]["name"])

    def _store(self, plural: str, body: Json, manager: str) -> None:
        managers = [{"manager": manager, "time": "2026-01-01T00:00:00Z"}]
        metadata = {"uid": str(next(self._uids)), "managedFields": managers, **body["metadata"]}
        self.objects[plural, metadata["name"]] = {**body, "metadata": metadata}

    def _change(self, method: str, plural: str, name: str, body: Json | None, uid: str | None) -> httpx2.Response:
        live = self.objects.get((plural, name))
        if live is None or live["metadata"]["uid"] != uid:
            return _refuse(422 if live is not None and method == "PATCH" else 409)
        if body is None:
            return httpx2.Response(200, json=self.objects.pop((plural, name)))
        self._store(plural, body, "ks-universal")
        return self._answer(plural, name)

    def _answer(self, plural: str, name: str) -> httpx2.Response:
        live = self.objects.get((plural, name))
        return _refuse(404) if live is None else httpx2.Response(200, json=live)

    def _list(self, plural: str, parameters: httpx2.QueryParams) -> list[Json]:
        wanted = dict(part.split("=") for part in parameters["labelSelector"].split(",") if "=" in part)
        there = (body for (kind, _), body in self.objects.items() if kind == plural)
        return [body for body in there if wanted.items() <= body["metadata"].get("labels", {}).items()]


def _refuse(code: int) -> httpx2.Response:
    return httpx2.Response(code, json={"kind": "Status", "code": code, "message": "no"})


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def client(server: Server) -> Client:
    http = httpx2.AsyncClient(transport=server, base_url="http://server")
    return Client(Connection(http, "test", "default"), "default")


def revision(number: int = 1, outcome: Outcome = Outcome.SUCCEEDED) -> Revision:
    began = datetime(2026, 1, 1, tzinfo=UTC)
    return Revision(number=number, release="shop", namespace="ns", by="tests", started=began, outcome=outcome)


def records(client: Client) -> Records:
    return Records(client, "shop", history_max=2)


def test_nothing_orphaned_an_object_of_another_is_not_written(client: Client, server: Server) -> None:
    server.put("ConfigMap", "copy", **THEIRS)
    with pytest.raises(TargetError) as caught:
        asyncio.run(write_own(client, COPY))
    problem = caught.value.problem
    assert (problem.code, problem.hint is None) == ("kubernetes/foreign-object", False)
    assert "ConfigMap/copy exists and was made by kubectl-create" in problem.message
    assert server["configmaps", "copy"]["data"] == THEIRS["data"]


def test_an_own_object_is_taken_up_and_made_anew_when_it_is_gone(client: Client, server: Server) -> None:
    async def main() -> None:
        first = await write_own(client, COPY)
        assert await write_own(client, {**COPY, "data": {"A": "2"}}) == first  # as the next run does
        assert server["configmaps", "copy"]["data"] == {"A": "2"}
        del server.objects["configmaps", "copy"]
        assert await write_own(client, COPY, first) != first

    asyncio.run(main())


def test_an_object_that_took_the_place_of_ours_is_not_written(client: Client, server: Server) -> None:
    async def main() -> None:
        first = await write_own(client, COPY)
        server.put("ConfigMap", "copy", **THEIRS)
        with pytest.raises(TargetError, match="was made by kubectl-create"):
            await write_own(client, COPY, first)

    asyncio.run(main())
    assert server["configmaps", "copy"]["data"] == THEIRS["data"]


def test_labels_that_somebody_takes_away_come_back_in_the_same_run_and_stop_the_next(
    client: Client, server: Server
) -> None:
    async def main() -> None:
        first = await write_own(client, COPY)
        server.strip("configmaps", "copy")
        assert await write_own(client, COPY, first) == first
        assert server["configmaps", "copy"]["metadata"]["labels"] == OURS
        server.strip("configmaps", "copy")
        with pytest.raises(TargetError, match="exists without the labels that it had"):
            await write_own(client, COPY)

    asyncio.run(main())


@pytest.mark.parametrize("code", [409, 422])
def test_a_server_that_refuses_for_ever_is_not_asked_for_ever(client: Client, server: Server, code: int) -> None:
    server.put("ConfigMap", "copy")
    server.objects["configmaps", "copy"]["metadata"] |= {"labels": OURS, "uid": "u"}
    server._change = lambda *_: _refuse(code)  # type: ignore[method-assign]
    with pytest.raises(ApiError):
        asyncio.run(write_own(client, COPY))


@pytest.mark.parametrize(
    ("kind", "name"), [("Secret", RECORD), ("Secret", f"{RECORD}.manifests"), ("ConfigMap", RECORD)]
)
def test_others_objects_of_a_records_names_are_found(client: Client, server: Server, kind: str, name: str) -> None:
    server.put(kind, name)

    async def main() -> list[str]:
        assert await records(client).find_strangers(2) == []
        return [problem.message for problem in await records(client).find_strangers(1)]

    (message,) = asyncio.run(main())
    assert message.startswith(f"{kind}/{name} exists")


def test_nothing_orphaned_what_only_looks_like_a_record_is_neither_read_nor_removed(
    client: Client, server: Server
) -> None:
    async def main() -> None:
        await records(client).save(revision(), None)
        for plural, name in list(server.objects):
            ours = server[plural, name]
            backup = {**ours["metadata"], "name": f"{name}-backup", "uid": "other"}
            server.objects[plural, f"{name}-backup"] = {**ours, "metadata": backup}
        assert await records(client).read() == (revision(),)
        server.put("ConfigMap", f"{RECORD}0")  # revision 10 is not there yet
        await records(client).remove_all()

    asyncio.run(main())
    left = sorted(server.objects)
    assert left == [("configmaps", f"{RECORD}-backup"), ("configmaps", f"{RECORD}0"), ("secrets", f"{RECORD}-backup")]


def test_a_damaged_record_is_not_read_from_anothers_configmap(client: Client, server: Server) -> None:
    async def main() -> tuple[Revision, ...]:
        await records(client).save(revision(), None)
        server.strip("configmaps", RECORD)
        server["secrets", RECORD]["data"] = {"part0": "anVuaw=="}
        return await records(client).read()

    assert asyncio.run(main()) == ()


async def hold(client: Client) -> None:
    async with Lease(client, "shop", duration_s=600).hold(print, wait=False):
        pass


@pytest.mark.parametrize("spec", [{}, {"holderIdentity": "theirs", "leaseDurationSeconds": 15}])
def test_nothing_orphaned_a_lease_of_another_is_no_lock(client: Client, server: Server, spec: Json) -> None:
    server.put("Lease", "ks-universal.shop", spec=spec)

    async def main() -> None:
        assert await find_stranger_lock(client, "shop") is not None
        assert await read_lock(client, "shop") is None
        for change in (hold(client), break_lock(client, "shop", force=True), remove_lock(client, "shop")):
            with pytest.raises(TargetError, match=r"Lease/ks-universal\.shop exists and was made by kubectl-create"):
                await change

    asyncio.run(main())
    assert server["leases", "ks-universal.shop"]["spec"] == spec


def test_a_lease_without_a_holder_is_ours_where_we_have_written_it(client: Client, server: Server) -> None:
    async def main() -> None:
        await hold(client)
        assert "holderIdentity" not in server["leases", "ks-universal.shop"]["spec"]
        await hold(client)
        assert await find_stranger_lock(client, "shop") is None
        await remove_lock(client, "shop")

    asyncio.run(main())
    assert server.objects == {}


def test_a_lock_in_whose_place_another_lease_has_come_is_lost_and_that_one_stays(
    client: Client, server: Server
) -> None:
    async def main() -> None:
        async with Lease(client, "shop", duration_s=600).hold(print, wait=False):
            server.put("Lease", "ks-universal.shop", spec={})

    asyncio.run(main())
    assert server["leases", "ks-universal.shop"]["spec"] == {}
