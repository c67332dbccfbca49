"""Opens the way to an API server: which kubeconfig, which context, TLS and credentials (lightkube's part)."""

import os
from pathlib import Path

import httpx2
import msgspec
import yaml
from lightkube.config.client_adapter import ConnectionParams
from lightkube.config.kubeconfig import KubeConfig, SingleConfig
from lightkube.config.models import User
from lightkube.core.exceptions import ConfigError

from ks_universal.diagnostics import Problem
from ks_universal.errors import TargetError
from ks_universal.targets.kubernetes.credentials import PluginAuth

_TIMEOUT = httpx2.Timeout(30, connect=5, pool=None)
_LIMITS = httpx2.Limits(max_connections=None, max_keepalive_connections=64)


class Connection(msgspec.Struct, frozen=True):
    """An open way to an API server. `context` and `namespace` are the kubeconfig's."""

    http: httpx2.AsyncClient
    context: str
    namespace: str


def connect(kubeconfig: str | None = None, context: str | None = None) -> Connection:
    """Open a connection as kubectl would: the file given, else `KUBECONFIG`, else `~/.kube/config`, else the pod's own.

    Raises:
        TargetError: there is no such file or context, or its credentials cannot be used.
    """
    try:
        config = _find_config(kubeconfig, context)
        _check(config)
        parameters = ConnectionParams(timeout=_TIMEOUT).httpx_params(config)
    except (ConfigError, OSError, KeyError, ValueError) as error:
        raise TargetError(_no_configuration(error)) from error
    user = config.user
    if user and user.exec and not (user.token or user.token_file):
        parameters["auth"] = PluginAuth(user.exec)
    http = httpx2.AsyncClient(**parameters, limits=_LIMITS)
    return Connection(http, config.context_name, config.namespace or "default")


def find_namespace(kubeconfig: str | None = None, context: str | None = None) -> str:
    """Give the namespace that `connect` would find; `default` where there is nothing to connect to."""
    try:
        return _find_config(kubeconfig, context).namespace or "default"
    except (ConfigError, OSError, KeyError, ValueError):
        return "default"


def _find_config(kubeconfig: str | None, context: str | None) -> SingleConfig:
    if kubeconfig is not None:
        return _one(_read_file(kubeconfig), context)
    files = [file for file in os.environ.get("KUBECONFIG", "~/.kube/config").split(os.pathsep) if file]
    existing = [file for file in files if Path(file).expanduser().is_file()]
    if not existing:
        return _one(_read_account(files), context)
    configs = [_read_file(file) for file in existing]
    wanted = context or next((c.current_context for c in configs if c.current_context), None)
    return _one(next((c for c in configs if wanted in c.contexts), configs[0]), wanted)


def _read_file(file: str) -> KubeConfig:
    """Read a kubeconfig. Nothing of what stands in it is quoted: it holds credentials."""
    try:
        return KubeConfig.from_file(file)
    except yaml.MarkedYAMLError as error:
        line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise ConfigError(f"{file} is no YAML{line}") from None
    except (yaml.YAMLError, UnicodeDecodeError):
        raise ConfigError(f"{file} is no YAML") from None
    except (AttributeError, KeyError, TypeError, msgspec.ValidationError):
        raise ConfigError(f"{file} is no kubeconfig") from None


def _read_account(files: list[str]) -> KubeConfig:
    """Read the ServiceAccount of the pod that this runs in."""
    try:
        return KubeConfig.from_service_account()
    except (ConfigError, KeyError):
        looked = f"{', '.join(files)} is not there" if files else "KUBECONFIG names no file"
        raise ConfigError(f"{looked}, and this does not run in a pod") from None


def _one(config: KubeConfig, context: str | None) -> SingleConfig:
    try:
        found = config.get(context)
    except ConfigError as error:
        if not config.contexts:
            raise
        raise ConfigError(f"{error}; there are: {', '.join(sorted(config.contexts))}") from None
    except KeyError as error:
        raise ConfigError(f"the context names {error}, which the kubeconfig does not have") from None
    if found is None:
        raise ConfigError("No current context set")
    return found if found.user else found._replace(user=User())


def _check(config: SingleConfig) -> None:
    """Find what would fail later, in the words of a library: some of them quote credentials, others name no file."""
    cluster, user = config.cluster, config.user or User()
    relative = (
        cluster.certificate_auth,
        None if user.client_cert_data else user.client_cert,
        None if user.client_key_data else user.client_key,
    )
    for file in [*(config.abs_file(name) for name in relative if name), *filter(None, [user.token_file])]:
        try:
            Path(file).open("rb").close()
        except OSError as error:
            raise ConfigError(f"{file}, which the kubeconfig names, cannot be read: {error.strerror}") from None
    if user.token and not user.token.isprintable():
        raise ConfigError("the token of this context holds a line break, or another character that no token has")
    try:
        scheme = httpx2.URL(cluster.server).scheme
    except httpx2.InvalidURL:
        scheme = ""
    if scheme not in {"http", "https"}:
        raise ConfigError("the server of this context is no address that begins with https://")


def _no_configuration(error: Exception) -> Problem:
    return Problem(
        "kubernetes/configuration",
        f"no cluster to talk to: {error}",
        hint="give --kubeconfig and --context, or set KUBECONFIG",
    )
