"""Live copies of the objects of a kind: listed once, then kept up by one watch, whatever happens to its connection."""

import asyncio
import logging
from collections.abc import Callable

import httpx2
import msgspec

from ks_universal.json_types import Json
from ks_universal.targets.kubernetes.api.client import Client
from ks_universal.targets.kubernetes.api.errors import ApiError, api_error, describe_silence
from ks_universal.targets.kubernetes.api.kinds import Kind

_log = logging.getLogger(__name__)


_SILENCE_S = 100.0
"""The server sends a bookmark about once a minute; a connection that brings none is dead."""
_PAUSE_S = 0.3


class _Change(msgspec.Struct, frozen=True):
    """A line of a watch."""

    type: str
    object: Json


class Reflector:
    """The objects of a kind in a namespace, by name; `notify` is called with each that came, changed or went.

    With a client of all namespaces (an empty one) they are by `namespace/name`.
    """

    def __init__(
        self, client: Client, kind: Kind, notify: Callable[[Json], None], *, labels: str | None, fields: str | None
    ) -> None:
        self.objects: dict[str, Json] = {}
        self._client = client
        self._kind = kind
        self._notify = notify
        self._selectors = {"labelSelector": labels, "fieldSelector": fields}
        self._version = ""

    async def fill(self) -> None:
        """List the objects and tell of what differs from the copies so far."""
        labels, fields = self._selectors.values()
        listing = await self._client.list(self._kind, labels=labels, fields=fields)
        gone = self.objects
        self.objects = {}
        for item in listing.items:
            name = self._name(item)
            before = gone.pop(name, None)
            self.objects[name] = item
            if before is None or before["metadata"]["resourceVersion"] != item["metadata"]["resourceVersion"]:
                self._notify(item)
        for item in gone.values():
            self._notify(item)
        self._version = listing.resource_version
        _log.debug("listed %d %s at version %s", len(listing.items), self._kind.plural, self._version)

    async def run(self) -> None:
        """Follow the changes for good; to be cancelled. `fill` must have been called before."""
        while True:
            try:
                await self._follow()
            except ApiError as error:
                if error.code == 410:
                    self._log_end("its version is too old: listing again")
                    await self.fill()
                elif error.code in {401, 403}:
                    raise
                else:
                    self._log_end(f"HTTP {error.code}")
                    await asyncio.sleep(_PAUSE_S)
            except httpx2.TransportError as error:
                self._log_end(describe_silence(error))
                await asyncio.sleep(_PAUSE_S)
            except msgspec.DecodeError:  # a proxy has cut the stream in the middle of a line
                self._log_end("it was cut in the middle of a line: listing again")
                await asyncio.sleep(_PAUSE_S)
                await self.fill()  # where it cuts at the same line again and again, this brings what is in it

    async def _follow(self) -> None:
        parameters = {
            **self._selectors,
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": self._version,
        }
        path = self._kind.path(self._client.namespace)
        _log.debug("watching %s from version %s", self._kind.plural, self._version)
        async with self._client.stream(path, parameters, silence_s=_SILENCE_S) as lines:
            async for line in lines:
                self._take(msgspec.json.decode(line, type=_Change))
        _log.debug("the watch of %s ended", self._kind.plural)

    def _log_end(self, why: str) -> None:
        _log.info("the watch of %s is opened again: %s", self._kind.plural, why)

    def _take(self, change: _Change) -> None:
        item = change.object
        if change.type == "ERROR":
            raise _api_error(item)
        self._version = item["metadata"]["resourceVersion"]
        if change.type == "BOOKMARK":
            return
        if change.type == "DELETED":
            self.objects.pop(self._name(item), None)
        else:
            self.objects[self._name(item)] = item
        self._notify(item)

    def _name(self, item: Json) -> str:
        metadata = item["metadata"]
        return str(metadata["name"]) if self._client.namespace else f"{metadata.get('namespace')}/{metadata['name']}"


def _api_error(status: Json) -> ApiError:
    """The Refusal for an ERROR event, whose object is a Status (code 410: the version to resume at is too old)."""
    return api_error(int(status.get("code") or 500), msgspec.json.encode(status), "watch")
