"""HTTP probes on this machine send what the kubelet would."""

import asyncio
from typing import Any, cast

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
