"""Probes of a container: HTTP, gRPC, TCP and commands, with Kubernetes' defaults."""

import asyncio
import contextlib
import ssl

import msgspec

from ks_universal.json_types import Json
from ks_universal.targets.local.grpc_health import is_serving
from ks_universal.targets.local.hosting import ContainerRequest, Place, Room

_IMPATIENT_S = 0.25
_HOOK_S = 30.0


class Timing(msgspec.Struct, frozen=True, rename="camel"):
    """When and how often a probe is tried; the names and defaults of Kubernetes."""

    initial_delay_seconds: float = 0
    period_seconds: float = 10
    timeout_seconds: float = 1
    failure_threshold: int = 3
    success_threshold: int = 1


class Probe:
    """One probe of a container."""

    def __init__(self, spec: Json, container: ContainerRequest, place: Place) -> None:
        """Take the probe's spec, the container, whose ports have names, and where it runs."""
        self.timing = msgspec.convert(spec, Timing, strict=False)
        self._spec = spec
        self._container = container
        self._place = place

    async def check(self) -> bool:
        """Try once, within the probe's time-out."""
        try:
            async with asyncio.timeout(self.timing.timeout_seconds):
                return await self._try()
        except (OSError, TimeoutError, ValueError, EOFError):  # no connection, none in time, or no HTTP
            return False

    async def await_success(self) -> None:
        """Return when it has succeeded as often in a row as it must.

        It is tried several times a second, whatever its period: locally nobody wants to wait ten seconds for a server
        that is up after one.
        """
        await asyncio.sleep(self.timing.initial_delay_seconds)
        successes = 0
        while successes < self.timing.success_threshold:
            successes = successes + 1 if await self.check() else 0
            if successes < self.timing.success_threshold:
                await asyncio.sleep(min(self.timing.period_seconds, _IMPATIENT_S))

    async def await_failure(self) -> None:
        """Return when it has failed as often in a row as it may."""
        await asyncio.sleep(self.timing.initial_delay_seconds)
        failures = 0
        while failures < self.timing.failure_threshold:
            failures = 0 if await self.check() else failures + 1
            if failures < self.timing.failure_threshold:
                await asyncio.sleep(self.timing.period_seconds)

    @property
    def grace_s(self) -> float:
        """How long a startup probe may take to succeed."""
        return self.timing.initial_delay_seconds + self.timing.failure_threshold * self.timing.period_seconds

    async def _try(self) -> bool:
        if "httpGet" in self._spec:
            return await self._get(self._spec["httpGet"])
        if "exec" in self._spec:
            return await self._place.run(self._container, self._spec["exec"].get("command") or ())
        if "grpc" in self._spec:
            request = self._spec["grpc"]
            return await is_serving(*self._place.locate(self._port(request["port"])), request.get("service") or "")
        request = self._spec["tcpSocket"]
        return await self._place.accepts(request.get("host"), self._port(request["port"]))

    async def _get(self, request: Json) -> bool:
        """Ask by HTTP; success is a status of 200 to 399. Like the kubelet, take any certificate."""
        port = self._port(request["port"])
        host, port = (request["host"], port) if request.get("host") else self._place.locate(port)
        context = _trust_any() if request.get("scheme", "HTTP").upper() == "HTTPS" else None
        reader, writer = await asyncio.open_connection(host, port, ssl=context)
        try:
            writer.write(_format_request(request, f"{host}:{port}"))
            await writer.drain()
            version, status = (await reader.readline()).split(maxsplit=2)[:2]
            return version.startswith(b"HTTP/") and 200 <= int(status) < 400
        finally:
            await _close(writer)

    def _port(self, port: int | str) -> int:
        """Look a named port up in the container's ports."""
        ports = {entry.get("name"): entry["containerPort"] for entry in self._container.spec.get("ports") or ()}
        return int(ports.get(port, port))


def find_probe(container: ContainerRequest, kind: str, place: Place) -> Probe | None:
    """Return a container's `startupProbe`, `readinessProbe` or `livenessProbe`; None when it has none."""
    spec = container.spec.get(kind)
    return Probe(spec, container, place) if spec else None


async def run_post_start(place: Place, container: ContainerRequest) -> bool:
    """Run a container's `postStart` hook, if it has one; tells whether it succeeded."""
    return await _run_hook(place, container, "postStart", place)


async def run_pre_stop(room: Room, container: ContainerRequest, grace_s: float, place: Place | None = None) -> None:
    """Run a container's `preStop` hook, if it has one, to its end or for as long as the grace lasts.

    `place` is where its ports are reached; without, a hook by HTTP has no effect.
    """
    with contextlib.suppress(TimeoutError, OSError):  # what the hook cannot do keeps nothing from its end
        async with asyncio.timeout(grace_s):
            await _run_hook(room, container, "preStop", place)


async def _run_hook(room: Room, container: ContainerRequest, kind: str, place: Place | None) -> bool:
    hook = (container.spec.get("lifecycle") or {}).get(kind) or {}
    if "exec" in hook:
        return await room.run(container, hook["exec"].get("command") or ())
    if "sleep" in hook:
        await asyncio.sleep(float(hook["sleep"].get("seconds") or 0))
    if "httpGet" in hook and place is not None:
        return await Probe({**hook, "timeoutSeconds": _HOOK_S}, container, place).check()
    return True


async def connect(host: str, port: int) -> bool:
    """Tell, at once or with the refusal as OSError, that somebody listens at a port."""
    _, writer = await asyncio.open_connection(host, port)
    await _close(writer)
    return True


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


def _format_request(request: Json, host: str) -> bytes:
    given = [(header["name"], header["value"]) for header in request.get("httpHeaders") or ()]
    names = {name.lower() for name, _ in given}
    own = {"Host": host, "User-Agent": "ks-universal-probe", "Accept": "*/*", "Connection": "close"}
    headers = [*((name, value) for name, value in own.items() if name.lower() not in names), *given]
    lines = [f"GET {request.get('path') or '/'} HTTP/1.1", *(f"{name}: {value}" for name, value in headers)]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def _trust_any() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
