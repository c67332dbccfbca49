"""Credential plugins: the `exec` of a kubeconfig, a program that prints a token (cloud providers, single sign-on).

What it writes to standard error is passed on as it comes, and a plugin that may ask gets the terminal, as with kubectl:
a login may want a code to be typed, or a page to be opened.
"""

import asyncio
import base64
import contextlib
import logging
import os
import sys
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import httpx2
import msgspec

from ks_universal.diagnostics import Problem
from ks_universal.errors import TargetError
from ks_universal.json_types import Json
from ks_universal.targets.kubernetes.api.kubeconfig import Cluster, Exec

_log = logging.getLogger(__name__)


_VERSIONS = tuple(f"client.authentication.k8s.io/{version}" for version in ("v1", "v1beta1", "v1alpha1"))
_MODES = ("Never", "IfAvailable", "Always")
_SILENCE_S = 3.0
"""After which it is said what is waited for."""
_GRACE_S = 2.0
_LONGEST_ANSWER = 1 << 20
_LONGEST_WORDS = 400


class PluginAuth(httpx2.Auth):
    """Sends the token that the plugin gives: asked for with the first request, and again when the server refuses it."""

    def __init__(self, plugin: Exec, cluster: Cluster) -> None:
        """Take the plugin, which runs with the first request, and the cluster that it is for."""
        self._plugin = plugin
        self._cluster = cluster
        self._token = ""
        self._asking = asyncio.Lock()

    async def async_auth_flow(self, request: httpx2.Request) -> AsyncGenerator[httpx2.Request, httpx2.Response]:
        """Implement the HTTP client's flow. Raises TargetError where the plugin gives no token."""
        token = await self._find_token(refused="")
        request.headers["Authorization"] = f"Bearer {token}"
        response = yield request
        if response.status_code == 401:
            _log.info("the token of the credential plugin was refused (HTTP 401)")
            token = await self._find_token(refused=token)
            request.headers["Authorization"] = f"Bearer {token}"
            yield request

    async def _find_token(self, *, refused: str) -> str:
        """Give the token; of many requests whose token was refused, the first asks for a new one."""
        async with self._asking:
            if self._token == refused:
                self._token = await _run(self._plugin, self._cluster)
            return self._token


async def _run(plugin: Exec, cluster: Cluster) -> str:
    interactive = _is_interactive(plugin)
    _log.info("running the credential plugin %s", plugin.command)
    environment = {**os.environ, **{variable.name: variable.value for variable in plugin.env or ()}}
    environment["KUBERNETES_EXEC_INFO"] = msgspec.json.encode(_ask(plugin, cluster, interactive=interactive)).decode()
    try:
        process = await asyncio.create_subprocess_exec(
            plugin.command,
            *(plugin.args or ()),
            env=environment,
            stdin=None if interactive else asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
    except OSError as error:
        raise _unusable(plugin, f"cannot be run: {error.strerror}", hint=plugin.installHint) from None
    answer, said = await _listen(plugin, process)
    if process.returncode:
        raise _unusable(plugin, f"ended with exit code {process.returncode}: {said}")
    token = _read_token(plugin, answer)
    _log.info("the credential plugin %s gave a token", plugin.command)
    return token


def _is_interactive(plugin: Exec) -> bool:
    """Tell whether the plugin gets the terminal. Raises TargetError for what it wants and cannot have."""
    if plugin.apiVersion not in _VERSIONS:
        raise _unusable(plugin, f"speaks {plugin.apiVersion}, which is not known here")
    mode = plugin.interactiveMode or "IfAvailable"
    if mode not in _MODES:
        raise _unusable(plugin, f"has the interactiveMode {mode}; there are {', '.join(_MODES)}")
    is_terminal = sys.stdin is not None and sys.stdin.isatty()
    if mode == "Always" and not is_terminal:
        raise _unusable(plugin, "wants to ask (interactiveMode: Always), and standard input is no terminal")
    return mode != "Never" and is_terminal


def _ask(plugin: Exec, cluster: Cluster, *, interactive: bool) -> Json:
    spec: Json = {"interactive": interactive}
    if plugin.provideClusterInfo:
        given = {
            "server": cluster.server,
            "tls-server-name": cluster.tls_server_name,
            "insecure-skip-tls-verify": cluster.insecure or None,
            "certificate-authority-data": _read_authority(cluster),
            "proxy-url": cluster.proxy_url,
            "config": cluster.plugin_config,
        }
        spec["cluster"] = {key: value for key, value in given.items() if value is not None}
    return {"kind": "ExecCredential", "apiVersion": plugin.apiVersion, "spec": spec}


def _read_authority(cluster: Cluster) -> str | None:
    if cluster.certificate_auth is None:
        return cluster.certificate_auth_data
    return base64.b64encode(Path(cluster.certificate_auth).read_bytes()).decode()


async def _listen(plugin: Exec, process: asyncio.subprocess.Process) -> tuple[bytes, str]:
    """Give what a plugin answers, and its last words, when it has ended; on cancellation it is ended first."""
    said = bytearray()
    try:
        async with asyncio.TaskGroup() as group:
            told = group.create_task(_tell_wait(plugin))
            passing = group.create_task(_pass_on(process, said))
            answer = await _read_answer(plugin, process)
            await passing
            await process.wait()
            told.cancel()
    except* TargetError as group_error:
        raise group_error.exceptions[0] from None
    finally:
        if process.returncode is None:
            await _end(process)
    return answer, " ".join(said.decode(errors="replace").split())[-_LONGEST_WORDS:]


async def _read_answer(plugin: Exec, process: asyncio.subprocess.Process) -> bytes:
    assert process.stdout is not None  # noqa: S101 - a pipe
    answer = bytearray()
    while chunk := await process.stdout.read(1 << 16):
        answer += chunk
        if len(answer) > _LONGEST_ANSWER:
            raise _unusable(plugin, "answers with more than a credential")
    return bytes(answer)


async def _pass_on(process: asyncio.subprocess.Process, said: bytearray) -> None:
    assert process.stderr is not None  # noqa: S101 - a pipe
    while chunk := await process.stderr.read(1 << 12):
        _write_error(chunk)
        said += chunk
        del said[: -4 * _LONGEST_WORDS]


async def _tell_wait(plugin: Exec) -> None:
    await asyncio.sleep(_SILENCE_S)
    _write_error(f"waiting for the credential plugin {plugin.command} ...\n".encode())


def _write_error(text: bytes) -> None:
    with contextlib.suppress(OSError, ValueError, AttributeError):
        sys.stderr.buffer.write(text)
        sys.stderr.buffer.flush()


async def _end(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(_GRACE_S):
            await process.wait()
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def _read_token(plugin: Exec, answer: bytes) -> str:
    """Read the token of an ExecCredential; nothing of the answer is quoted, for it holds the token."""
    try:
        decoded: Any = msgspec.json.decode(answer)
    except msgspec.DecodeError:
        decoded = None
    status = decoded.get("status") if isinstance(decoded, dict) else None
    token = status.get("token") if isinstance(status, dict) else None
    if not isinstance(token, str) or not token:
        raise _unusable(plugin, "gave no token (client certificates of plugins are not supported)")
    if not token.isprintable():
        raise _unusable(plugin, "gave a token with a line break, or another character that no token has")
    return token


def _unusable(plugin: Exec, what: str, *, hint: str | None = None) -> TargetError:
    advice = " ".join(hint.split()) if hint else "run it by hand to see what it wants (a new login?), then try again"
    return TargetError(Problem("kubernetes/credentials", f"the credential plugin {plugin.command} {what}", hint=advice))
