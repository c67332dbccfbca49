import asyncio
import tracemalloc
from collections.abc import AsyncIterator

import httpx2
import pytest

from ks_universal.engine.log_lines import MAX_LINE_BYTES
from ks_universal.targets.kubernetes.api.client import Client
from ks_universal.targets.kubernetes.api.connection import Connection
from ks_universal.targets.kubernetes.api.logs import LogReader, read_log

TIME = "2026-11-28T10:00:00.{:09}Z "
CHUNK = b"x" * 10_000


class Log(httpx2.AsyncByteStream):
    """A container's log, with a line of 50 MB in it."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield f"{TIME.format(1)}begins\n{TIME.format(2)}".encode()
        for _ in range(5_000):
            yield CHUNK
        yield f"\n{TIME.format(3)}ends\r\n".encode()


def client() -> Client:
    transport = httpx2.MockTransport(lambda _: httpx2.Response(200, stream=Log()))
    return Client(
        Connection(httpx2.AsyncClient(transport=transport, base_url="http://server"), "test", "default"), "ns"
    )


@pytest.mark.timeout(30)  # where each chunk is put to those before, the time grows with the square
def test_of_a_line_without_an_end_only_the_beginning_is_kept_and_marked() -> None:
    lines: list[str] = []
    tracemalloc.start()
    asyncio.run(LogReader(client(), "pod", "main", lines.append).follow())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert lines == ["begins", "x" * MAX_LINE_BYTES + "…", "ends"]
    assert peak < 5_000_000


def test_the_last_lines_of_a_container_are_cut_too() -> None:
    found = asyncio.run(read_log(client(), "pod", "main", lines=3))
    assert [(len(line) > MAX_LINE_BYTES, line[-4:]) for line in found] == [
        (False, "gins"),
        (True, "xxx…"),
        (False, "ends"),
    ]
