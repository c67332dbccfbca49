"""Credential plugins: the `exec` of a kubeconfig, a program that prints a token (cloud providers, single sign-on)."""

import asyncio
import os
import subprocess
from collections.abc import AsyncGenerator
from typing import Any

import httpx2
import msgspec
from lightkube.config.models import UserExec

from ks_universal.diagnostics import Problem
from ks_universal.errors import TargetError

_VERSIONS = tuple(f"client.authentication.k8s.io/{version}" for version in ("v1", "v1beta1", "v1alpha1"))


class PluginAuth(httpx2.Auth):
    """Sends the token that the plugin gives: asked for with the first request, and again when the server refuses it."""

    def __init__(self, plugin: UserExec) -> None:
        """Take the plugin; it runs with the first request."""
        self._plugin = plugin
        self._token = ""
        self._asking = asyncio.Lock()

    async def async_auth_flow(self, request: httpx2.Request) -> AsyncGenerator[httpx2.Request, httpx2.Response]:
        """Implement the HTTP client's flow. Raises TargetError where the plugin gives no token."""
        token = await self._find_token(refused="")
        request.headers["Authorization"] = f"Bearer {token}"
        response = yield request
        if response.status_code == 401:
            token = await self._find_token(refused=token)
            request.headers["Authorization"] = f"Bearer {token}"
            yield request

    async def _find_token(self, *, refused: str) -> str:
        """Give the token; of many requests whose token was refused, the first asks for a new one."""
        async with self._asking:
            if self._token == refused:
                self._token = await _run(self._plugin)
            return self._token


async def _run(plugin: UserExec) -> str:
    if plugin.apiVersion not in _VERSIONS:
        raise _unusable(plugin, f"speaks {plugin.apiVersion}, which is not known here")
    given = {variable.name: variable.value for variable in plugin.env or ()}
    question = {"kind": "ExecCredential", "apiVersion": plugin.apiVersion, "spec": {"interactive": False}}
    environment = {**os.environ, **given, "KUBERNETES_EXEC_INFO": msgspec.json.encode(question).decode()}
    command = [plugin.command, *(plugin.args or ())]
    try:
        done = await asyncio.to_thread(
            subprocess.run, command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, check=False
        )
    except OSError as error:
        raise _unusable(plugin, f"cannot be run: {error.strerror}", hint=plugin.installHint) from None
    if done.returncode:
        said = " ".join(done.stderr.decode(errors="replace").split())[-400:]
        raise _unusable(plugin, f"ended with exit code {done.returncode}: {said}")
    return _read_token(plugin, done.stdout)


def _read_token(plugin: UserExec, answer: bytes) -> str:
    """Read the token of an ExecCredential; nothing of the answer is quoted, for it holds the token."""
    try:
        decoded: Any = msgspec.json.decode(answer)
    except msgspec.DecodeError:
        decoded = None
    status = decoded.get("status") if isinstance(decoded, dict) else None
    token = status.get("token") if isinstance(status, dict) else None
    if not isinstance(token, str) or not token:
        raise _unusable(plugin, "gave no token (client certificates of plugins are not supported)")
    return token


def _unusable(plugin: UserExec, what: str, *, hint: str | None = None) -> TargetError:
    advice = " ".join(hint.split()) if hint else "run it by hand to see what it wants (a new login?), then try again"
    return TargetError(Problem("kubernetes/credentials", f"the credential plugin {plugin.command} {what}", hint=advice))
