"""What pods need and nobody has made, as the API server tells it; of that there is only what answers to GET."""

import asyncio
from collections.abc import Iterable
from typing import Any

import httpx2
import pytest

from ks_universal.plan.build import build_plan
from ks_universal.plan.records import State
from ks_universal.plan.steps import Apply, Migrate, RollOut
from ks_universal.resources.objects import ObjectRef, Rendered
from ks_universal.targets.kubernetes.api.client import Client
from ks_universal.targets.kubernetes.api.connection import Connection
from ks_universal.targets.kubernetes.preflight.missing_references import find_missing
from support.releases import app, config, release, render_values

Json = dict[str, Any]
NEEDED = "; the pods of Job/web-migrations-one, Deployment/web need it"


class Server:
    """Has some objects by plural and name, forbids to read others, and notes what it was asked for."""

    def __init__(self, objects: dict[str, Json] | None = None, forbidden: Iterable[str] = ()) -> None:
        self._objects = objects or {}
        self._forbidden = set(forbidden)
        self.asked: list[str] = []

    def answer(self, request: httpx2.Request) -> httpx2.Response:
        assert request.method == "GET"
        path = request.url.path.removeprefix("/api/v1/namespaces/ns/")
        self.asked.append(path)
        if path.partition("/")[0] in self._forbidden:
            return httpx2.Response(403, json={"reason": "Forbidden", "message": 'User "ci" cannot get it'})
        body = self._objects.get(path)
        return (
            httpx2.Response(404, json={"reason": "NotFound"})
            if body is None
            else httpx2.Response(200, json={"metadata": {}, **body})
        )

    def find(self, rendered: Rendered, known: dict[ObjectRef, Json] | None = None) -> list[tuple[str, str]]:
        """Find what misses for the first deploy of a release: codes and messages, all of them warnings."""
        plan = build_plan(rendered, State())
        jobs = [step.migration.body for step in plan.steps if isinstance(step, Migrate)]
        begin = [step.body for step in plan.steps if isinstance(step, Apply | RollOut)]
        workloads = [*jobs, *(body for body in begin if body["kind"] == "Deployment")]

        async def main() -> list[tuple[str, str]]:
            http = httpx2.AsyncClient(transport=httpx2.MockTransport(self.answer), base_url="http://server")
            client = Client(Connection(http, "", "ns"), "ns")
            try:
                found = await find_missing(client, plan, workloads, known or {}, ())
            finally:
                await client.close()
            assert {problem.severity for problem in found} <= {"warning"}
            return [(problem.code, problem.message) for problem in found]

        return asyncio.run(main())


def web(*variables: Json, **more: Any) -> Json:
    wanted = app("one", **more)
    wanted["containers"]["main"]["env"] = [{"name": f"V{n}", **source} for n, source in enumerate(variables)]
    return wanted


def key(kind: str, name: str, key: str, **more: Any) -> Json:
    return {"valueFrom": {f"{kind}KeyRef": {"name": name, "key": key, **more}}}


def test_what_is_not_there_is_named_once_with_all_whose_pods_need_it() -> None:
    rendered = release(web=web(key("secret", "db", "USER"), configs=["settings"], serviceAccountName="robot"))
    assert Server().find(rendered) == [
        ("kubernetes/missing-reference", "Secret ns/db does not exist" + NEEDED),
        ("kubernetes/missing-reference", "ConfigMap ns/settings does not exist" + NEEDED),
        ("kubernetes/service-account", "ServiceAccount ns/robot does not exist" + NEEDED),
    ]


def test_each_key_is_named_that_is_not_there() -> None:
    server = Server({"secrets/db": {"data": {"USER": "eA=="}}, "configmaps/c": {"binaryData": {"B": "eA=="}}})
    read = (key("secret", "db", "USER"), key("secret", "db", "PASSWORD"), key("configMap", "c", "B"))
    assert server.find(release(web=web(*read))) == [
        ("kubernetes/missing-reference", "Secret ns/db has no key PASSWORD" + NEEDED)
    ]


def test_what_is_optional_what_always_is_and_what_nodes_do_without_is_not_asked_for() -> None:
    server = Server()
    read = (key("secret", "db", "X", optional=True), key("configMap", "kube-root-ca.crt", "ca.crt"))
    rendered = release(web=web(*read, serviceAccountName="default", imagePullSecrets=[{"name": "pull"}]))
    assert (server.find(rendered), server.asked) == ([], [])


def test_what_the_release_makes_or_has_made_by_others_is_not_asked_for() -> None:
    server = Server()
    certificate = {"domains": ["a.example.org"], "clusterIssuer": "i", "secretName": "issued"}
    values: Json = {
        "configs": {"ours": config(A="b")},
        "deployments": {
            "web": web(
                configs=["ours"],
                secrets=["issued", "shim"],
                autoCreateServiceAccount=True,
                autoCreateService=True,
                autoCreateCertificate=True,
                certificate=certificate,
            ),
            "other": app(
                autoCreateService=True,
                autoCreateIngress=True,
                ingress={"hosts": [{"host": "b.example.org"}], "tls": [{"secretName": "shim"}]},
            ),
        },
    }
    rendered = render_values(values)
    assert {r.body["kind"] for r in rendered.objects} >= {"Certificate", "Ingress", "ServiceAccount"}
    assert (server.find(rendered), server.asked) == ([], [])


@pytest.mark.parametrize("plural", ["secrets", "configmaps", "serviceaccounts"])
def test_what_may_not_be_read_is_not_taken_for_missing(plural: str) -> None:
    needs = release(web=web(key("secret", "s", "K"), configs=["c"], serviceAccountName="robot"))
    kinds = [message.partition(" ")[0] for _, message in Server(forbidden=[plural]).find(needs)]
    assert len(kinds) == 2
    assert plural not in [f"{kind.lower()}s" for kind in kinds]


def test_what_was_read_already_is_not_read_again() -> None:
    server = Server()
    known: dict[ObjectRef, Json] = {ObjectRef("Secret", "ns", "db"): {"data": {"USER": "eA=="}}}
    found = server.find(release(web=web(key("secret", "db", "USER"), key("secret", "db", "PASSWORD"))), known)
    assert [message for _, message in found] == ["Secret ns/db has no key PASSWORD" + NEEDED]
    assert server.asked == []
