"""The REST calls that the target makes: plain JSON objects in and out, retried, bounded, fenced by the lock.

Built on the HTTP client that lightkube opens. lightkube's own calls cannot delete with a precondition, read a previous
container's log, or tell when the server answered, and this target needs all three.
"""

import asyncio
import copy
import logging
import random
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Protocol

import httpx2
import msgspec

from ks_universal.json_types import Json
from ks_universal.targets.kubernetes.api.clock import now_s
from ks_universal.targets.kubernetes.api.connection import Connection
from ks_universal.targets.kubernetes.api.errors import (
    ApiError,
    api_error,
    describe_silence,
    is_schema_error,
    is_untrusted,
    not_an_api_server,
    unreachable,
)
from ks_universal.targets.kubernetes.api.kinds import Kind, Kinds, read_discovery
from ks_universal.targets.kubernetes.api.wire import (
    encode,
    log_answer,
    read_json,
    read_object,
    split_lines,
    tell_proxy_errors,
)

_log = logging.getLogger(__name__)

Parameters = Mapping[str, str | int | None]

FIELD_MANAGER = "ks-universal"

_CONCURRENCY = 24
_PATIENCE_S = 60.0
"""How long an API server may be away (a restart, a rolling upgrade) before that is an error."""
_FIRST_PATIENCE_S = 5.0
"""The same before its first answer: then it is the address that is wrong, or the network."""
_PAUSES_S = (0.1, 0.2, 0.5, 1.0, 2.0, 4.0)
_TRIES_AFTER_500 = 4
"""A 500 is mostly a webhook that is down, or a request that the server cannot digest: patience would hide it."""
_LONGEST_ANSWER_BYTES = 256 << 20
_TRANSFER = frozenset(("content-encoding", "content-length", "transfer-encoding"))
"""Headers of how an answer was sent; what has been read is none of it any more."""
_DISCOVERY = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"


class Fence(Protocol):
    """What a write has to pass."""

    async def remaining_s(self) -> float:
        """Say how long a write may take from now on. Raises LockedError when the lock is lost."""


class Listing(msgspec.Struct, frozen=True):
    """The objects of a list, and the version at which they were read."""

    items: list[Json]
    resource_version: str


class _Transport:
    """What all namespaces of a cluster have in common: the connections, the fences, the kinds known so far.

    `guard` is the fence of whoever lends the connections to others, and stays; `fence` that of the lock.
    """

    def __init__(self, connection: Connection) -> None:
        self.http = connection.http
        self.proxy = connection.proxy
        self.user = ""
        self.guard: Fence | None = None
        self.fence: Fence | None = None
        self.requests = 0
        self.has_answered = False
        self.slots = asyncio.Semaphore(_CONCURRENCY)
        self.kinds = Kinds()


class Client:
    """The API of one cluster, in one of its namespaces."""

    def __init__(self, connection: Connection, namespace: str) -> None:
        self.namespace = namespace
        self._line = _Transport(connection)

    def within(self, namespace: str) -> "Client":
        """Give the same line to another namespace."""
        other = copy.copy(self)
        other.namespace = namespace
        return other

    def of(self, body: Json) -> "Client":
        """Give the same line to the namespace that an object says that it is in, if it does."""
        return self.within(body["metadata"].get("namespace") or self.namespace)

    def impersonating(self, user: str) -> "Client":
        """Give a client that the server takes for another user's: over the same connections, with a fence of its own.

        The guard holds for it, too; closing it leaves the connections to this one.
        """
        other, line = copy.copy(self), copy.copy(self._line)
        line.user, line.fence, line.requests, line.kinds = user, None, 0, Kinds()
        line.slots = asyncio.Semaphore(_CONCURRENCY)
        other._line = line
        return other

    def guard(self, fence: Fence) -> None:
        """Have every write pass this fence, too, also those of clients that impersonate others from now on."""
        self._line.guard = fence

    def fence(self, fence: Fence | None) -> None:
        """Have every write pass the fence first; None takes it away."""
        self._line.fence = fence

    @property
    def requests(self) -> int:
        """How many requests have been sent, in all namespaces."""
        return self._line.requests

    async def close(self) -> None:
        """Close all connections, of all namespaces; those that are another client's stay."""
        if not self._line.user:
            await self._line.http.aclose()

    async def find_kind(self, kind: str, api_version: str | None = None) -> Kind | None:
        """Find where a kind is served; asks the server's discovery at the first kind that is not a usual one."""
        found = self._line.kinds.get(kind, api_version)
        if found is None:
            for root in ("/api", "/apis"):
                answer = await self.request("GET", root, headers={"Accept": _DISCOVERY})
                self._line.kinds.add(read_discovery(read_json(answer, "the server's kinds")))
            found = self._line.kinds.get(kind, api_version)
        return found

    async def get(self, kind: Kind, name: str) -> Json | None:
        """Read an object; None where there is none."""
        try:
            return await self._json("GET", kind.path(self.namespace, name), what=f"{kind.kind}/{name}")
        except ApiError as error:
            if error.code == 404:
                return None
            raise

    async def list(self, kind: Kind, *, labels: str | None = None, fields: str | None = None) -> Listing:
        """Read all objects of a kind that match the selectors. The items say their kind, which the API leaves out."""
        parameters = {"labelSelector": labels, "fieldSelector": fields}
        answer = await self._json(
            "GET", kind.path(self.namespace), parameters=parameters, what=f"list of {kind.plural}"
        )
        items = [{"apiVersion": kind.api_version, "kind": kind.kind, **item} for item in answer.get("items") or ()]
        return Listing(items, answer["metadata"].get("resourceVersion", ""))

    async def apply(self, kind: Kind, body: Json, *, force: bool = False, dry_run: bool = False) -> Json:
        """Apply on the server's side; with `force`, take over the fields that others manage. Returns the object."""
        name = body["metadata"]["name"]
        return await self._json(
            "PATCH",
            kind.path(self.namespace, name),
            body=body,
            parameters={
                "fieldManager": FIELD_MANAGER,
                "force": "true" if force else None,
                "dryRun": "All" if dry_run else None,
            },
            content_type="application/apply-patch+yaml",
            what=f"{kind.kind}/{name}",
        )

    async def create(self, kind: Kind, body: Json) -> Json:
        """Create an object; an ApiError with code 409 where it exists (also from a try whose answer was lost)."""
        parameters = {"fieldManager": FIELD_MANAGER}
        what = f"{kind.kind}/{body['metadata'].get('name', '')}"
        return await self._json("POST", kind.path(self.namespace), body=body, parameters=parameters, what=what)

    async def replace(self, kind: Kind, body: Json) -> Json:
        """Replace an object; an ApiError with code 409 where its resourceVersion has moved on."""
        name = body["metadata"]["name"]
        parameters = {"fieldManager": FIELD_MANAGER}
        return await self._json(
            "PUT", kind.path(self.namespace, name), body=body, parameters=parameters, what=f"{kind.kind}/{name}"
        )

    async def patch(self, kind: Kind, name: str, patch: Json, *, subresource: str = "") -> Json:
        """Merge a patch into an object, or into a subresource of it (`status`)."""
        return await self._json(
            "PATCH",
            kind.path(self.namespace, name, subresource),
            body=patch,
            parameters={"fieldManager": FIELD_MANAGER},
            content_type="application/merge-patch+json",
            what=f"{kind.kind}/{name}",
        )

    async def delete(self, kind: Kind, name: str, *, uid: str | None = None, propagation: str = "Background") -> bool:
        """Ask for an object's removal; with `uid` only of that very object. False where it was gone already."""
        options: Json = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": propagation}
        if uid is not None:
            options["preconditions"] = {"uid": uid}
        try:
            await self._json("DELETE", kind.path(self.namespace, name), body=options, what=f"{kind.kind}/{name}")
        except ApiError as error:
            if error.code == 404 or (error.code == 409 and uid is not None):
                return False
            raise
        return True

    @asynccontextmanager
    async def stream(
        self,
        path: str,
        parameters: Parameters,
        *,
        silence_s: float | None = None,
        longest: int = _LONGEST_ANSWER_BYTES,
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """Open a stream of lines (a watch, a log); an error after `silence_s` seconds without any byte.

        Of a line only the first `longest` bytes are kept, and its newline.

        Raises:
            ApiError: the server refused.
            httpx2.TransportError: the connection broke; not retried here, because the caller knows where to resume.
        """
        timeout = httpx2.Timeout(30, connect=5, pool=None, read=silence_s)
        self._line.requests += 1
        http, headers = self._line.http, self._impersonate()
        request = http.build_request("GET", path, params=_given(parameters), headers=headers, timeout=timeout)
        with tell_proxy_errors():
            response = await log_answer(request, self._line.http.send(request, stream=True))
        async with aclosing(response):
            if response.status_code >= 400:
                raise api_error(response.status_code, await response.aread(), path)
            yield split_lines(response.aiter_bytes(), longest)

    async def request(  # noqa: PLR0913 - an HTTP request has that many parts
        self,
        method: str,
        path: str,
        *,
        body: Json | None = None,
        parameters: Parameters | None = None,
        headers: Mapping[str, str] | None = None,
        what: str = "",
        fenced: bool = True,
    ) -> httpx2.Response:
        """Send a request until it is answered with neither 429 nor 5xx; a write passes the fence before each try.

        Raises:
            ApiError: the server refused, or did not stop answering 429 or 5xx.
            TargetError: it did not answer within a minute, or what answers is not an API server.
            LockedError: the lock is lost.
        """
        request = self._line.http.build_request(
            method,
            path,
            content=None if body is None else encode(body),
            params=_given(parameters or {}),
            headers={"Content-Type": "application/json", **(headers or {}), **self._impersonate()},
        )
        given = (self._line.guard, self._line.fence) if fenced and method != "GET" else ()
        fences = [fence for fence in given if fence is not None]
        started, tries, errors = now_s(), 0, 0
        while True:
            tries += 1
            try:
                response = await self._try(request, fences)
            except (httpx2.TransportError, TimeoutError) as error:
                grace_s = _PATIENCE_S if self._line.has_answered else _FIRST_PATIENCE_S
                if is_untrusted(error) or now_s() - started > grace_s:
                    raise unreachable(error, what or path, self._line.proxy) from error
                pause_s, reason = _pause_s(tries), describe_silence(error)
            else:
                if _is_page(response):
                    raise not_an_api_server(response.status_code, what or path)
                self._line.has_answered = True
                if response.status_code < 400:
                    return response
                errors += response.status_code == 500
                if not _is_retryable(response, errors) or now_s() - started > _PATIENCE_S:
                    raise api_error(response.status_code, response.content, what or path)
                pause_s, reason = max(_pause_s(tries), _retry_after_s(response)), f"HTTP {response.status_code}"
            _log.info("%s %s: %s; attempt %d follows in %.1f s", method, path, reason, tries + 1, pause_s)
            await asyncio.sleep(pause_s)

    def _impersonate(self) -> dict[str, str]:
        return {"Impersonate-User": self._line.user} if self._line.user else {}

    async def _try(self, request: httpx2.Request, fences: Sequence[Fence]) -> httpx2.Response:
        async with self._line.slots:
            remaining_s = await _pass(fences) if fences else None
            self._line.requests += 1
            async with asyncio.timeout(remaining_s):
                return await log_answer(request, self._send(request))

    async def _send(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request, and read an answer that ends."""
        with tell_proxy_errors():
            response = await self._line.http.send(request, stream=True)
        content = bytearray()
        try:
            async for chunk in response.aiter_bytes():
                content += chunk
                if len(content) > _LONGEST_ANSWER_BYTES:
                    raise not_an_api_server(response.status_code, request.url.path, "an answer without an end")
        finally:
            await response.aclose()
        headers = [header for header in response.headers.multi_items() if header[0] not in _TRANSFER]
        return httpx2.Response(response.status_code, headers=headers, content=bytes(content), request=request)

    async def _json(
        self,
        method: str,
        path: str,
        *,
        what: str,
        body: Json | None = None,
        parameters: Parameters | None = None,
        content_type: str = "application/json",
    ) -> Json:
        headers = {"Content-Type": content_type}
        response = await self.request(method, path, body=body, parameters=parameters, headers=headers, what=what)
        return read_object(response, what)


async def _pass(fences: Sequence[Fence]) -> float:
    """Pass fences, one after the other, and say how long a write may take; again where one of them took long."""
    while True:
        asked = now_s()
        left_s = min([await fence.remaining_s() for fence in fences])
        took_s = now_s() - asked
        if took_s < 1:
            return left_s - took_s


def _given(parameters: Parameters) -> dict[str, str | int]:
    return {name: value for name, value in parameters.items() if value is not None}


def _is_page(response: httpx2.Response) -> bool:
    """Tell whether something else than an API server answers; the pages of a proxy that is busy (429, 5xx) pass."""
    html: bool = response.headers.get("Content-Type", "").startswith("text/html")
    return response.status_code < 500 and response.status_code != 429 and (response.has_redirect_location or html)


def _is_retryable(response: httpx2.Response, errors: int) -> bool:
    if response.status_code == 500:
        return errors < _TRIES_AFTER_500 and not is_schema_error(response.content)
    return response.status_code in {429, 502, 503, 504}


def _pause_s(tries: int) -> float:
    pause_s = _PAUSES_S[min(tries, len(_PAUSES_S)) - 1]
    return pause_s * random.uniform(0.5, 1.0)  # noqa: S311 - spreads clients, guards no secret


def _retry_after_s(response: httpx2.Response) -> float:
    text = response.headers.get("Retry-After", "")
    return min(float(text), _PATIENCE_S) if text.isdigit() else 0.0
