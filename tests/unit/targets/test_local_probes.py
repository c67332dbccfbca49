"""Probes on this machine ask what the kubelet would."""

import asyncio
from typing import Any, cast

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, RequestReceived, StreamEnded

from ks_universal.targets.local.hosting import ContainerRequest, Place
from ks_universal.targets.local.probes import Probe


class _Here:
    """A place whose ports are this machine's."""

    def locate(self, port: int) -> tuple[str, int]:
        return "127.0.0.1", port


def test_headers_of_a_probe_replace_ours_however_they_are_written_and_may_stand_twice() -> None:
    given = [("host", "shop.example.com"), ("ACCEPT", "text/plain"), ("X-Part", "one"), ("X-Part", "two")]

    async def ask() -> tuple[bool, list[str]]:
        heard: list[str] = []

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            heard.extend((await reader.readuntil(b"\r\n\r\n")).decode().splitlines())
            writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
            await writer.drain()
            writer.close()

        async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            headers = [{"name": name, "value": value} for name, value in given]
            spec: dict[str, Any] = {"timeoutSeconds": 60, "httpGet": {"port": port, "httpHeaders": headers}}
            probe = Probe(spec, ContainerRequest("main", {}), cast("Place", _Here()))
            return await probe.check(), heard

    succeeded, heard = asyncio.run(ask())
    assert succeeded
    assert [line for line in heard if line.lower().startswith(("host:", "accept:"))] == [
        "host: shop.example.com",
        "ACCEPT: text/plain",
    ]
    assert [line for line in heard if line.startswith("X-Part:")] == ["X-Part: one", "X-Part: two"]


class _GrpcServer(asyncio.Protocol):
    """Answers as servers of gRPC do: the message and trailers, or a status alone in the headers."""

    def __init__(self, statuses: dict[bytes, bytes]) -> None:
        self._statuses = statuses
        self._http = H2Connection(H2Configuration(client_side=False))
        self._message = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._http.initiate_connection()
        self._transport.write(self._http.data_to_send())

    def data_received(self, data: bytes) -> None:
        for event in self._http.receive_data(data):
            if isinstance(event, RequestReceived):
                assert dict(event.headers)[b":path"] == b"/grpc.health.v1.Health/Check"
            elif isinstance(event, DataReceived):
                self._message += event.data
            elif isinstance(event, StreamEnded):
                self._answer(event.stream_id)
        self._transport.write(self._http.data_to_send())

    def _answer(self, stream: int) -> None:
        headers = [(":status", "200"), ("content-type", "application/grpc")]
        status = self._statuses.get(self._message)
        if status is None:
            self._http.send_headers(stream, [*headers, ("grpc-status", "5")], end_stream=True)
            return
        self._http.send_headers(stream, headers)
        self._http.send_data(stream, status)
        self._http.send_headers(stream, [("grpc-status", "0")], end_stream=True)


LONG = "s" * 200
SERVING, NOT_SERVING = b"\0\0\0\0\x02\x08\x01", b"\0\0\0\0\x02\x08\x02"
STATUSES = {
    b"\0\0\0\0\0": SERVING,
    b"\0\0\0\0\x06\x0a\x04shop": NOT_SERVING,
    b"\0\0\0\0\xcb\x0a\xc8\x01" + LONG.encode(): SERVING,
}


@pytest.mark.parametrize(
    ("service", "healthy"), [(None, True), ("", True), ("shop", False), (LONG, True), ("unknown", False)]
)
def test_a_grpc_probe_asks_for_the_health_of_a_service(service: str | None, healthy: bool) -> None:
    async def ask() -> bool:
        server = await asyncio.get_running_loop().create_server(lambda: _GrpcServer(STATUSES), "127.0.0.1", 0)
        async with server:
            grpc = {"port": server.sockets[0].getsockname()[1], "service": service}
            probe = Probe({"timeoutSeconds": 60, "grpc": grpc}, ContainerRequest("main", {}), cast("Place", _Here()))
            return await probe.check()

    assert asyncio.run(ask()) is healthy


@pytest.mark.parametrize("answers", [b"", b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"], ids=["closes", "HTTP/1"])
def test_what_listens_and_speaks_no_grpc_is_not_healthy(answers: bytes) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(answers)
        writer.close()

    async def ask() -> bool:
        async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
            grpc = {"port": server.sockets[0].getsockname()[1]}
            probe = Probe({"timeoutSeconds": 60, "grpc": grpc}, ContainerRequest("main", {}), cast("Place", _Here()))
            return await probe.check()

    assert asyncio.run(ask()) is False
