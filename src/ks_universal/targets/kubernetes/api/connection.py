"""Opens the way to an API server: TLS, credentials, impersonation and proxy, as a kubeconfig says (kubectl's rules)."""

import base64
import binascii
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2
import msgspec
from lightkube.config.client_adapter import ConnectionParams
from lightkube.config.kubeconfig import SingleConfig
from lightkube.core.exceptions import ConfigError

from ks_universal.diagnostics import Problem
from ks_universal.errors import TargetError
from ks_universal.targets.kubernetes.api.credentials import PluginAuth
from ks_universal.targets.kubernetes.api.kubeconfig import (
    Cluster,
    User,
    list_context_names,
    read_account,
    read_kubeconfig,
)
from ks_universal.targets.kubernetes.api.proxies import find_proxy

_log = logging.getLogger(__name__)

_TIMEOUT = httpx2.Timeout(30, connect=5, pool=None)
_LIMITS = httpx2.Limits(max_connections=None, max_keepalive_connections=64)
Hooks = dict[str, list[Callable[..., Any]]]

_DATA = ("certificate_auth_data", "client_cert_data", "client_key_data")


class Connection(msgspec.Struct, frozen=True):
    """An open way to an API server. `context` and `namespace` are the kubeconfig's; `proxy` names one in between."""

    http: httpx2.AsyncClient
    context: str
    namespace: str
    proxy: str | None = None


def connect(kubeconfig: str | None = None, context: str | None = None) -> Connection:
    """Open a connection as kubectl would: the file given, else `KUBECONFIG`, else `~/.kube/config`, else the pod's own.

    Raises:
        TargetError: there is no such file or context, its credentials cannot be used, or it says what is not supported.
    """
    try:
        config = _find_config(kubeconfig, context)
        cluster, user = _read_parts(config)
        if not cluster.server.startswith("https:"):
            # As kubectl: without TLS the API server is one that asks for no credentials (`kubectl proxy`), or a trap.
            config, user = config._replace(user=User()), _leave_credentials(user)
        _check_files(cluster, user)
        _check_values(cluster, user)
        headers = _impersonate(user)
        proxy = find_proxy(cluster.server, cluster.proxy_url, os.environ)
        parameters = ConnectionParams(timeout=_TIMEOUT, proxy=None if proxy is None else proxy.url).httpx_params(config)
    except (ConfigError, OSError, KeyError, ValueError) as error:
        raise TargetError(_no_configuration(error)) from error
    if user.exec and not (user.token or user.token_file):
        parameters["auth"] = PluginAuth(user.exec, cluster)
    hooks: Hooks = {"request": [_NameServer(cluster.tls_server_name)]} if cluster.tls_server_name else {}
    parameters["trust_env"] = False  # its proxies are found by other rules than kubectl's
    http = httpx2.AsyncClient(**parameters, headers=headers, event_hooks=hooks, limits=_LIMITS)
    _log.info(
        "using the context %s, at %s%s",
        config.context_name, http.base_url.netloc.decode(), "" if proxy is None else f", through the proxy {proxy}",
    )  # fmt: skip
    return Connection(http, config.context_name, config.namespace or "default", None if proxy is None else str(proxy))


def find_namespace(kubeconfig: str | None = None, context: str | None = None) -> str:
    """Give the namespace that `connect` would find; `default` where there is nothing to connect to."""
    try:
        return _find_config(kubeconfig, context).namespace or "default"
    except (ConfigError, OSError, KeyError, ValueError):
        return "default"


def find_context(kubeconfig: str | None = None, context: str | None = None) -> str | None:
    """Give the name of the context that `connect` would use; None where there is none, or nothing to connect to."""
    try:
        return _find_config(kubeconfig, context).context_name
    except (ConfigError, OSError, KeyError, ValueError):
        return None


def list_contexts(kubeconfig: str | None = None) -> tuple[str, ...]:
    """List the contexts that `connect` could be given; none where no kubeconfig can be read."""
    files = [kubeconfig] if kubeconfig is not None else _list_existing(_list_files())
    try:
        return list_context_names(files)
    except (ConfigError, OSError):
        return ()


def _list_files() -> list[str]:
    return [file for file in os.environ.get("KUBECONFIG", "~/.kube/config").split(os.pathsep) if file]


def _list_existing(files: list[str]) -> list[str]:
    return [file for file in files if Path(file).expanduser().is_file()]


def _find_config(kubeconfig: str | None, context: str | None) -> SingleConfig:
    if kubeconfig is not None:
        return read_kubeconfig([kubeconfig], context)
    files = _list_files()
    existing = _list_existing(files)
    if existing:
        return read_kubeconfig(existing, context)
    account = read_account()
    if account is None:
        looked = f"{', '.join(files)} is not there" if files else "KUBECONFIG names no file"
        raise ConfigError(f"{looked}, and this does not run in a pod")
    return account


def _read_parts(config: SingleConfig) -> tuple[Cluster, User]:
    cluster, user = config.cluster, config.user
    assert isinstance(cluster, Cluster)  # noqa: S101 - what read_kubeconfig and read_account give
    assert isinstance(user, User)  # noqa: S101
    return cluster, user


def _leave_credentials(user: User) -> User:
    """Give a user without credentials; whom to impersonate is not left out in silence."""
    if user.as_user:
        raise ConfigError("'as' needs a server that begins with https://: without TLS no credentials are sent")
    return User()


def _check_files(cluster: Cluster, user: User) -> None:
    """Find files that cannot be read; a library would name none."""
    named = (
        cluster.certificate_auth,
        None if user.client_cert_data else user.client_cert,
        None if user.client_key_data else user.client_key,
        user.token_file,
    )
    for file in filter(None, named):
        try:
            Path(file).open("rb").close()
        except OSError as error:
            raise ConfigError(f"{file}, which the kubeconfig names, cannot be read: {error.strerror}") from None


def _check_values(cluster: Cluster, user: User) -> None:
    """Find what would fail later, in words that quote credentials, and what is not supported."""
    for owner in (cluster, user):
        for field in _DATA:
            _check_base64(field, getattr(owner, field, None))
    if cluster.insecure and (cluster.certificate_auth or cluster.certificate_auth_data):
        raise ConfigError("insecure-skip-tls-verify and a certificate authority contradict each other")
    if user.token and not user.token.isprintable():
        raise ConfigError("the token of this context holds a line break, or another character that no token has")
    if user.auth_provider and not (user.exec or user.token or user.token_file):
        raise ConfigError("auth-provider is not supported (nor by kubectl since 1.26): use a credential plugin, 'exec'")
    try:
        scheme = httpx2.URL(cluster.server).scheme
    except httpx2.InvalidURL:
        scheme = ""
    if scheme not in {"http", "https"}:
        raise ConfigError("the server of this context is no address that begins with https://")


def _check_base64(field: str, data: str | None) -> None:
    try:
        base64.b64decode("".join((data or "").split()), validate=True)
    except binascii.Error:
        name = field.replace("certificate_auth", "certificate-authority").replace("client_cert", "client-certificate")
        raise ConfigError(f"{name.replace('_', '-')} of this context is no base64") from None


def _impersonate(user: User) -> list[tuple[str, str]]:
    """Build the headers that have the server take the requests for another user's."""
    if not user.as_user:
        if user.as_uid or user.as_groups or user.as_user_extra:
            raise ConfigError("as-uid, as-groups and as-user-extra need 'as', whom to impersonate")
        return []
    headers = [("Impersonate-User", user.as_user)]
    headers += [("Impersonate-Uid", user.as_uid)] if user.as_uid else []
    headers += [("Impersonate-Group", group) for group in user.as_groups]
    for key, values in user.as_user_extra.items():
        headers += [(f"Impersonate-Extra-{quote(key.lower(), safe='')}", value) for value in values]
    return headers


class _NameServer:
    """Has TLS ask for, and verify, another name than that of the address."""

    def __init__(self, name: str) -> None:
        self._name = name

    async def __call__(self, request: httpx2.Request) -> None:
        request.extensions = {**request.extensions, "sni_hostname": self._name}


def _no_configuration(error: Exception) -> Problem:
    return Problem(
        "kubernetes/configuration",
        f"no cluster to talk to: {error}",
        hint="give --kubeconfig and --context, or set KUBECONFIG",
    )
