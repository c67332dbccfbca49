"""The lock of a release: a Lease with a heartbeat, and the fence that every write has to pass.

A holder is taken over only when the API server's own clock says that it has not renewed for the lease's whole duration
(the server stamps each renewal in `managedFields`), so the clocks of two machines need not agree. A holder that was
suspended finds on its own clock that two thirds of the duration have passed and writes nothing until a renewal
has succeeded, which it cannot where another has taken over.
"""

import asyncio
import contextlib
import logging
import os
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx2
import msgspec

from ks_universal.diagnostics import Problem
from ks_universal.engine.events import Emit, LockAwaited
from ks_universal.errors import KsUniversalError, LockedError, LockLostError, TargetError
from ks_universal.json_types import Json
from ks_universal.metadata_keys import RELEASE
from ks_universal.targets.accounts import name_user
from ks_universal.targets.kubernetes.api.client import FIELD_MANAGER, Client
from ks_universal.targets.kubernetes.api.clock import now_s
from ks_universal.targets.kubernetes.api.errors import ApiError
from ks_universal.targets.kubernetes.api.kinds import LEASE
from ks_universal.targets.kubernetes.api.wire import read_object
from ks_universal.targets.kubernetes.objects.own_objects import describe_stranger, is_managed, read_if_allowed

_log = logging.getLogger(__name__)


_MARGIN_S = 2.0
"""The server's stamps are whole seconds, and two API servers' clocks differ a little."""

_PAUSE_S = 1.0
"""Between two looks where there is no watch."""


class Holder(msgspec.Struct, frozen=True):
    """Who holds a lock. `left_s`: seconds until it may be taken over, by the server's clock; 0: it has expired."""

    identity: str
    since: str
    left_s: float

    def __str__(self) -> str:
        return f"{self.identity} since {self.since}"


def lease_name(release: str) -> str:
    """The Lease's name for a release."""
    return f"ks-universal.{release}"


def own_identity() -> str:
    """Say who this process is: unique, and readable for whoever waits for it."""
    return f"{name_user()} (pid {os.getpid()}, {uuid.uuid4().hex[:6]})"


def read_holder(lease: Json, server_now: datetime) -> Holder | None:
    """Read who holds a Lease; None when nobody does."""
    spec = lease.get("spec", {})
    identity = spec.get("holderIdentity")
    if not identity:
        return None
    age_s = (server_now - _renewed(lease)).total_seconds()
    left_s = max(0.0, spec.get("leaseDurationSeconds", 0) + _MARGIN_S - age_s)
    return Holder(identity, str(spec.get("acquireTime", "")), left_s)


def _renewed(lease: Json) -> datetime:
    stamps = [entry["time"] for entry in lease["metadata"].get("managedFields", []) if "time" in entry]
    text = max(stamps, default=lease["metadata"].get("creationTimestamp"))
    return datetime.fromisoformat(str(text))


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """Who takes a lock: `identity`, unique, and readable for whoever waits for it.

    `heir_of`: how the names of those begin that are known to be dead, or to write nothing any more: what they hold is
    taken over at once. Empty: nobody is.
    """

    identity: str
    heir_of: str = ""

    def inherits(self, holder: Holder) -> bool:
        """Tell whether this may have at once what another holds."""
        return bool(self.heir_of) and holder.identity.startswith(self.heir_of)


class Lease:
    """The lock of one release, and while it is held the Fence of its Client; or any lock of that kind, of a `name`."""

    def __init__(
        self, client: Client, release: str, *, duration_s: int, name: str = "", claim: Claim | None = None
    ) -> None:
        self._client = client
        self._release = release
        self._name = name or lease_name(release)
        self._duration_s = duration_s
        self._claim = claim or Claim(identity=own_identity())
        self._identity = self._claim.identity
        self._lease: Json = {}
        self._seen_version = ""
        self._renewed_at = 0.0
        self._renewed = asyncio.Event()
        self._lost: KsUniversalError | None = None

    @asynccontextmanager
    async def hold(self, emit: Emit, *, wait: bool) -> AsyncIterator[None]:
        """Hold the lock. When it is lost on the way, the body is cancelled and the loss raised in its place.

        Raises:
            LockedError: another holds it and `wait` is false, or another has taken it over.
            TargetError: the API server was away for too long to keep it.
        """
        await self._acquire(emit, wait=wait)
        self._client.fence(self)
        body = asyncio.current_task()
        heartbeat = asyncio.create_task(self._beat(body))
        try:
            yield
        except (asyncio.CancelledError, KsUniversalError, BaseExceptionGroup):
            if self._lost is None:
                raise
            if body is not None and body.cancelling():
                body.uncancel()
            raise self._lost from None
        finally:
            heartbeat.cancel()
            await asyncio.wait([heartbeat])
            self._client.fence(None)
            if self._lost is None:
                await self._release_lease()

    async def remaining_s(self) -> float:
        """Wait until the lease is fresh; then say what is left of it. The Fence's question."""
        while True:
            if self._lost is not None:
                raise self._lost
            age_s = now_s() - self._renewed_at
            if age_s < self._duration_s * 2 / 3:
                return self._duration_s - age_s
            _log.info("writes wait: the lock was last renewed %.1f s ago", age_s)
            self._renewed.clear()
            await self._renewed.wait()

    async def _acquire(self, emit: Emit, *, wait: bool) -> None:
        shown = ""
        while (holder := await self._try_acquire()) is not None:
            if not wait:
                raise LockedError(self._release, str(holder))
            if shown != holder.identity:
                shown = holder.identity
                emit(LockAwaited(release=self._release, holder=str(holder)))
            _log.info("waiting for the lock: held by %s; it may be taken over in %.1f s", holder, holder.left_s)
            await self._await_change(holder.left_s)

    async def _try_acquire(self) -> Holder | None:
        """Take the lease where it is free or has expired; else say who holds it."""
        lease, server_now = await _read_to_write(self._client, self._name, self._release)
        holder = None if lease is None else read_holder(lease, server_now)
        if lease is not None and holder is not None and holder.left_s > 0 and not self._claim.inherits(holder):
            self._seen_version = lease["metadata"]["resourceVersion"]
            return holder
        now = _write_time()
        spec = {"acquireTime": now, "renewTime": now, "leaseDurationSeconds": self._duration_s}
        try:
            await self._write(lease, {**spec, "holderIdentity": self._identity})
        except ApiError as error:
            if error.code != 409:
                raise
            _log.info("somebody else was faster to take the lock")
            return await self._try_acquire()
        before = f", which {holder} had" if holder is not None else ""
        _log.info("took the lock %s as %s%s", self._name, self._identity, before)
        return None

    async def _write(self, lease: Json | None, spec: Json) -> None:
        """Create or replace the Lease; an ApiError with code 409 where somebody else was faster."""
        sent_at = now_s()
        metadata = _label({"name": self._name} if lease is None else lease["metadata"], self._release)
        path = LEASE.path(self._client.namespace, "" if lease is None else self._name)
        body = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata, "spec": spec}
        answer = await self._client.request(
            "POST" if lease is None else "PUT",
            path,
            body=body,
            parameters={"fieldManager": FIELD_MANAGER},
            what="the release's lock",
            fenced=False,
        )
        self._lease = read_object(answer, "the release's lock")
        self._renewed_at = sent_at
        self._renewed.set()

    async def _await_change(self, at_most_s: float) -> None:
        """Wait until the Lease changes, or until its holder may be taken over."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(at_most_s):
                if not await self._see_change():
                    await asyncio.sleep(_PAUSE_S)

    async def _see_change(self) -> bool:
        """Watch the Lease from when it was read until it changes; False where it cannot be watched."""
        selector = f"metadata.name={self._name}"
        parameters = {"watch": "true", "fieldSelector": selector, "resourceVersion": self._seen_version}
        try:
            async with self._client.stream(LEASE.path(self._client.namespace), parameters) as lines:
                return await anext(lines, None) is not None
        except (httpx2.TransportError, ApiError):
            return False

    async def _beat(self, body: asyncio.Task[object] | None) -> None:
        try:
            while True:
                await asyncio.sleep(self._duration_s / 5)
                await self._renew()
        except KsUniversalError as loss:
            _log.info("lost the lock: %s", loss)
            self._lost = loss
            self._renewed.set()
            if body is not None:
                body.cancel()

    async def _renew(self) -> None:
        try:
            await self._write(self._lease, {**self._lease["spec"], "renewTime": _write_time()})
            _log.debug("renewed the lock for %d s", self._duration_s)
        except ApiError as error:
            if error.code not in {404, 409}:
                raise
            await self._renew_changed()

    async def _renew_changed(self) -> None:
        """Renew where the Lease is not as this holder left it: still its own, or another's by now."""
        loss = await self._read_own()
        if loss is not None:
            raise loss
        await self._renew()

    async def _read_own(self) -> LockedError | None:
        """Read the Lease again, where it is still this holder's; else give what became of it."""
        lease, server_now = await _read(self._client, self._name)
        if lease is None:
            return LockLostError(self._release, "its Lease was deleted, or its namespace", is_taken=False)
        if not _is_own(lease, self._release):
            return LockLostError(self._release, "its Lease was deleted, and another's has its name", is_taken=False)
        holder = read_holder(lease, server_now)
        if holder is None:
            free = "another run took it over and has ended, or somebody broke it with 'unlock --force'; it is free now"
            return LockLostError(self._release, free, is_taken=True)
        if holder.identity != self._identity:
            return LockedError(self._release, str(holder))
        self._lease = lease
        return None

    async def _release_lease(self) -> None:
        spec = {"leaseDurationSeconds": self._duration_s, "renewTime": _write_time()}
        try:
            await self._write(self._lease, spec)
            _log.info("gave the lock back")
        except ApiError as error:
            if error.code not in {404, 409}:
                raise
            # A renewal that was cancelled on its way may have arrived: the Lease is newer then, and still held.
            if await self._read_own() is None:
                await self._release_lease()


async def read_lock(client: Client, release: str) -> Holder | None:
    """Read who holds a release; None when nobody does."""
    lease, server_now = await _read(client, lease_name(release))
    return None if lease is None or not _is_own(lease, release) else read_holder(lease, server_now)


async def find_stranger_lock(client: Client, release: str) -> Problem | None:
    """Find the Lease of another that has the name of the release's; None also where the role may not read Leases."""
    lease = await read_if_allowed(client, LEASE, lease_name(release))
    return None if lease is None or _is_own(lease, release) else describe_stranger(lease)


async def break_lock(client: Client, release: str, *, force: bool = False) -> Holder | None:
    """Free a release of a holder whose lease has expired; gives that holder, None where there was none.

    Raises LockedError while the lease is valid, for its holder may be active, unless `force`: then a holder that does
    live finds its lock lost, and writes nothing more.
    """
    lease, server_now = await _read_to_write(client, lease_name(release), release)
    holder = None if lease is None else read_holder(lease, server_now)
    if lease is None or holder is None:
        return None
    if holder.left_s > 0 and not force:
        raise LockedError(release, str(holder))
    spec = {"leaseDurationSeconds": lease["spec"]["leaseDurationSeconds"]}
    await client.replace(LEASE, {**lease, "metadata": _label(lease["metadata"], release), "spec": spec})
    return holder


async def remove_lock(client: Client, release: str) -> None:
    """Delete the Lease of a release."""
    lease, _ = await _read_to_write(client, lease_name(release), release)
    if lease is not None:
        await client.delete(LEASE, lease_name(release), uid=lease["metadata"]["uid"])


def _is_own(lease: Json, release: str) -> bool:
    """Tell whether a Lease is the release's: by its label, or (older versions gave it none) by who manages its fields.

    The fields alone do not tell: whoever patches all of them manages them, and the Lease is still the release's.
    """
    return (lease["metadata"].get("labels") or {}).get(RELEASE) == release or is_managed(lease)


def _label(metadata: Json, release: str) -> Json:
    return {**metadata, "labels": {**(metadata.get("labels") or {}), RELEASE: release}}


async def _read_to_write(client: Client, name: str, release: str) -> tuple[Json | None, datetime]:
    """Read the Lease as `_read` does. Raises TargetError where it is another's: no command changes it."""
    lease, server_now = await _read(client, name)
    if lease is not None and not _is_own(lease, release):
        raise TargetError(describe_stranger(lease))
    return lease, server_now


async def _read(client: Client, name: str) -> tuple[Json | None, datetime]:
    """Read the Lease, and what time the API server has."""
    path = LEASE.path(client.namespace, name)
    try:
        answer = await client.request("GET", path, what="the release's lock")
    except ApiError as error:
        if error.code != 404:
            raise
        return None, datetime.now(UTC)
    return read_object(answer, "the release's lock"), _read_date(answer.headers)


def _read_date(headers: Mapping[str, str]) -> datetime:
    """Read the server's time; that of this machine where something in between has taken it away."""
    try:
        return parsedate_to_datetime(headers["Date"])
    except (KeyError, ValueError):
        return datetime.now(UTC)


def _write_time() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
