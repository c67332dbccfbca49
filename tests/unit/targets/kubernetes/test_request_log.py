"""What is logged of requests: what was asked and answered, and why again; no credentials, no content."""

import asyncio
import json
import logging
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import pytest

from ks_universal.errors import KsUniversalError
from ks_universal.targets.kubernetes.api.client import Client
from ks_universal.targets.kubernetes.api.connection import Connection, connect
from ks_universal.targets.kubernetes.api.credentials import PluginAuth
from ks_universal.targets.kubernetes.api.kinds import SECRET
from ks_universal.targets.kubernetes.api.kubeconfig import Cluster, Exec
from ks_universal.targets.kubernetes.api.logs import LogReader
from support.fake_api_server import FakeApiServer, Fault, Program

TOKEN, PASSWORD = "a-bearer-token", "correct-horse"
BODY = {"kind": "Secret", "apiVersion": "v1", "metadata": {"name": "db"}, "stringData": {"PASSWORD": PASSWORD}}


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> Iterator[Callable[[], list[str]]]:
    with caplog.at_level(logging.DEBUG, "ks_universal"):
        yield lambda: [f"{r.levelname} {r.getMessage()}" for r in caplog.records if r.name.startswith("ks_universal")]


def apply(answer: Callable[[httpx2.Request], httpx2.Response], auth: httpx2.Auth | None = None) -> None:
    """Apply a Secret with a token at a server that answers so."""

    async def main() -> None:
        headers = {} if auth else {"Authorization": f"Bearer {TOKEN}"}
        transport = httpx2.MockTransport(answer)
        http = httpx2.AsyncClient(transport=transport, base_url="https://server", headers=headers, auth=auth)
        client = Client(Connection(http, "", "ns"), "ns")
        try:
            await client.apply(SECRET, BODY)
        finally:
            await client.close()

    asyncio.run(main())


def answer_in_turn(*answers: httpx2.Response | Exception) -> Callable[[httpx2.Request], httpx2.Response]:
    left = list(answers)

    def answer(_: httpx2.Request) -> httpx2.Response:
        following = left.pop(0)
        if isinstance(following, Exception):
            raise following
        return following

    return answer


def test_each_try_is_logged_and_why_another_follows(logged: Callable[[], list[str]]) -> None:
    error = {"kind": "Status", "message": f"the webhook refuses {PASSWORD}", "reason": "InternalError"}
    apply(
        answer_in_turn(
            httpx2.ConnectError("All connection attempts failed"),
            httpx2.Response(429, headers={"Retry-After": "1"}),
            httpx2.Response(500, json=error),
            httpx2.Response(200, json=BODY),
        )
    )
    path = "PATCH /api/v1/namespaces/ns/secrets/db"
    found = [re.sub(r"\d+ ms|0\.\d s", "_", line) for line in logged()]
    assert found == [
        f"DEBUG {path}?fieldManager=ks-universal: All connection attempts failed after _",
        f"INFO {path}: All connection attempts failed; attempt 2 follows in _",
        f"DEBUG {path}?fieldManager=ks-universal: 429 after _",
        f"INFO {path}: HTTP 429; attempt 3 follows in 1.0 s",
        f"DEBUG {path}?fieldManager=ks-universal: 500 after _",
        f"INFO {path}: HTTP 500; attempt 4 follows in _",
        f"DEBUG {path}?fieldManager=ks-universal: 200 after _",
    ]


def test_what_the_http_client_refuses_to_send_is_not_quoted(logged: Callable[[], list[str]]) -> None:
    error = httpx2.LocalProtocolError(f"Illegal header value b'Bearer {TOKEN}\\n'")
    apply(answer_in_turn(error, httpx2.Response(200, json=BODY)))
    assert len(logged()) == 3
    assert TOKEN not in "".join(logged())


def test_a_credential_plugin_is_logged_without_arguments_and_token(
    logged: Callable[[], list[str]], tmp_path: Path
) -> None:
    version = "client.authentication.k8s.io/v1"
    credential = {"apiVersion": version, "kind": "ExecCredential", "status": {"token": TOKEN}}
    (tmp_path / "credential").write_text(json.dumps(credential))
    plugin = Exec(apiVersion=version, command="cat", args=[str(tmp_path / "credential")], interactiveMode="Never")
    seen: list[str] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append(request.headers["Authorization"])
        return httpx2.Response(401 if len(seen) == 1 else 200, json=BODY)

    apply(answer, PluginAuth(plugin, Cluster(server="https://server")))
    assert seen == [f"Bearer {TOKEN}"] * 2
    told = [line for line in logged() if line.startswith("INFO")]
    run = ["INFO running the credential plugin cat", "INFO the credential plugin cat gave a token"]
    assert told == [*run, "INFO the token of the credential plugin was refused (HTTP 401)", *run]
    assert not any(secret in "".join(logged()) for secret in (TOKEN, str(tmp_path), PASSWORD))


def test_a_request_that_ends_in_an_error_is_logged_with_its_status(logged: Callable[[], list[str]]) -> None:
    error = {"kind": "Status", "message": f"{PASSWORD} is invalid", "reason": "Invalid"}
    with pytest.raises(KsUniversalError):
        apply(answer_in_turn(httpx2.Response(422, json=error)))
    (line,) = logged()
    assert re.fullmatch(r"DEBUG PATCH \S+/secrets/db\?fieldManager=ks-universal: 422 after \d+ ms", line)


def test_a_log_that_breaks_off_is_logged_with_the_reason_and_without_its_lines(
    logged: Callable[[], list[str]], api_server: FakeApiServer
) -> None:
    api_server.kubelet.run("pod", Program())
    spec = {"restartPolicy": "Never", "containers": [{"name": "main", "image": "app:1"}]}
    api_server.put({"kind": "Pod", "metadata": {"name": "pod"}, "spec": spec})
    api_server.await_that(lambda: len(api_server.kubelet.logs) > 0)
    pod = api_server.get("pods", "pod")
    assert pod is not None
    api_server.kubelet.write(pod, "main", PASSWORD, PASSWORD)
    api_server.fail(Fault("/log.*follow", cut=2))

    async def main() -> None:
        client = Client(connect(str(api_server.kubeconfig)), "ns")
        try:
            await LogReader(client, "pod", "main", lambda _: None).follow()
        finally:
            await client.close()

    with pytest.raises(httpx2.TransportError):
        asyncio.run(main())
    broken = [line for line in logged() if " broke off: " in line]
    assert [line.partition(" broke off")[0] for line in broken] == [
        "INFO the log at /api/v1/namespaces/ns/pods/pod/log, container main,"
    ]
    assert PASSWORD not in "".join(logged())
