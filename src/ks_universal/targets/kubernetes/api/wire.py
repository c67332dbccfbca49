"""What goes over the wire: bodies as they are written, answers and streams as they are read, and their log."""

import logging
import re
from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import contextmanager

import httpx2
import msgspec
from socksio import SOCKSError

from ks_universal.json_types import Json
from ks_universal.targets.kubernetes.api.clock import now_s
from ks_universal.targets.kubernetes.api.errors import describe_silence, not_an_api_server

_log = logging.getLogger(__name__)

_MISREAD = re.compile(rb"\x7f|\xc2[\x80-\x9f]|\xe2\x80[\xa8\xa9]|\xef\xbb\xbf|\xef\xbf[\xbe\xbf]")
"""In UTF-8, what JSON may hold as it is and YAML 1.1 refuses (DEL, C1, U+FFFE) or takes for a line end (U+0085, U+2028)
or a mark (U+FEFF)."""


def encode(body: Json) -> bytes:
    """Write a body as JSON that a YAML reader, such as that of server-side apply, reads as the same."""
    return _MISREAD.sub(lambda found: f"\\u{ord(found[0].decode()):04x}".encode(), msgspec.json.encode(body))


def read_json(response: httpx2.Response, what: str) -> Json:
    """Read a JSON object. Raises TargetError for anything else."""
    try:
        decoded = msgspec.json.decode(response.content)
    except msgspec.DecodeError:
        decoded = None
    if not isinstance(decoded, dict):
        raise not_an_api_server(response.status_code, what, "no JSON object")
    return decoded


def read_object(response: httpx2.Response, what: str) -> Json:
    """Read an object or a list of Kubernetes. Raises TargetError for anything else."""
    decoded = read_json(response, what)
    if not isinstance(decoded.get("metadata"), dict):
        raise not_an_api_server(response.status_code, what, "no object of Kubernetes")
    return decoded


async def split_lines(chunks: AsyncIterator[bytes], longest: int) -> AsyncIterator[bytes]:
    """Split at newlines only: text lines would also end at characters that JSON and logs may contain (U+0085).

    Only the first `longest` bytes of a line are kept, and its newline: one may have no end. Without a newline is only
    the last one, of which it is not known whether that is all.
    """
    line = bytearray()
    async for chunk in chunks:
        *ends, rest = chunk.split(b"\n")
        for end in ends:
            line += end[: longest - len(line)]
            yield bytes(line) + b"\n"
            line.clear()
        line += rest[: longest - len(line)]
    if line:
        yield bytes(line)


async def log_answer(request: httpx2.Request, answer: Awaitable[httpx2.Response]) -> httpx2.Response:
    """Log what becomes of a request: not its headers, which hold credentials, nor its body, which may hold Secrets."""
    sent, outcome = now_s(), ""
    try:
        response = await answer
        outcome = str(response.status_code)
    except BaseException as error:
        outcome = describe_silence(error) if isinstance(error, httpx2.TransportError) else type(error).__name__
        raise
    finally:
        where = request.url.raw_path.decode()
        _log.debug("%s %s: %s after %.0f ms", request.method, where, outcome, (now_s() - sent) * 1000)
    return response


@contextmanager
def tell_proxy_errors() -> Iterator[None]:
    """Have what a SOCKS proxy answers wrongly be an error of the connection, as it is with other proxies."""
    try:
        yield
    except SOCKSError as error:
        raise httpx2.ProxyError(f"the proxy does not speak SOCKS 5: {error}") from error
