"""`/healthz` and `/readyz`, for the kubelet's probes: 200, or 503 while the API server has not answered yet."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

_LONGEST_S = 5.0


@asynccontextmanager
async def answering(port: int | None, is_ready: Callable[[], bool]) -> AsyncIterator[None]:
    """Answer probes on a port of all addresses (None: on none)."""
    if port is None:
        yield
        return

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, TimeoutError, ValueError):
            async with asyncio.timeout(_LONGEST_S):
                words = (await reader.readline()).decode("latin-1").split()
                writer.write(_respond(words[1] if len(words) > 1 else "", is_ready=is_ready()))
                await writer.drain()
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    server = await asyncio.start_server(answer, port=port)
    async with server:
        yield


def _respond(path: str, *, is_ready: bool) -> bytes:
    is_fine = {"/healthz": True, "/readyz": is_ready}.get(path)
    status = "404 Not Found" if is_fine is None else "200 OK" if is_fine else "503 Service Unavailable"
    return f"HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode()
