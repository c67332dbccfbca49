"""Reads kubeconfig files as kubectl does: several are merged, and paths are relative to the file that names them.

lightkube's structs, with the fields that it does not know (kubernetes.io/docs/reference/config-api/kubeconfig.v1).
Nothing of what a file says is quoted in an error: it holds credentials.
"""

import os
from pathlib import Path
from typing import Any

import msgspec
import yaml
from lightkube.config import models
from lightkube.config.kubeconfig import KubeConfig, SingleConfig
from lightkube.core.exceptions import ConfigError

from ks_universal.json_types import Json

_SECTIONS = {"clusters": "cluster", "contexts": "context", "users": "user"}
_PATHS = frozenset(("certificate-authority", "client-certificate", "client-key", "tokenFile"))
_SPECIAL_CLUSTER = "client.authentication.k8s.io/exec"


class Cluster(models.Cluster, omit_defaults=True):
    """A cluster's address, and how to trust it. `extensions` hold what a credential plugin wants to know of it."""

    proxy_url: str | None = msgspec.field(name="proxy-url", default=None)
    tls_server_name: str | None = msgspec.field(name="tls-server-name", default=None)
    extensions: list[Json] = []

    @property
    def plugin_config(self) -> Any:
        """What the cluster has for credential plugins."""
        found = (e.get("extension") for e in self.extensions if e.get("name") == _SPECIAL_CLUSTER)
        return next(found, None)


class Exec(models.UserExec, omit_defaults=True):
    """A credential plugin. `interactiveMode`: `Never`, `IfAvailable` or `Always`."""

    interactiveMode: str | None = None  # noqa: N815 - lightkube's structs have the file's names
    provideClusterInfo: bool = False  # noqa: N815


class User(models.User, omit_defaults=True):
    """Credentials, and whom to impersonate with them."""

    exec: Exec | None = None
    as_user: str | None = msgspec.field(name="as", default=None)
    as_uid: str | None = msgspec.field(name="as-uid", default=None)
    as_groups: list[str] = msgspec.field(name="as-groups", default_factory=list)
    as_user_extra: dict[str, list[str]] = msgspec.field(name="as-user-extra", default_factory=dict)


def read_kubeconfig(files: list[str], context: str | None) -> SingleConfig:
    """Read files, the first of which has the last word, and give what the context says; None: the current one.

    Raises ConfigError.
    """
    merged = _merge([_read_file(file) for file in files])
    try:
        config = KubeConfig(
            clusters={name: msgspec.convert(entry, Cluster) for name, entry in merged["clusters"].items()},
            contexts={name: msgspec.convert(entry, models.Context) for name, entry in merged["contexts"].items()},
            users={name: msgspec.convert(entry, User) for name, entry in merged["users"].items()},
            current_context=merged["current-context"] or None,
        )
    except msgspec.ValidationError:
        raise ConfigError(f"{' or '.join(files)} is no kubeconfig") from None
    return _choose(config, context)


def list_context_names(files: list[str]) -> tuple[str, ...]:
    """List the contexts of files. Raises ConfigError."""
    return tuple(_merge([_read_file(file) for file in files])["contexts"])


def read_account() -> SingleConfig | None:
    """Read the ServiceAccount of the pod that this runs in; None where it runs in none."""
    try:
        found = _choose(KubeConfig.from_service_account(), None)
    except (ConfigError, KeyError):
        return None
    user = found.user or models.User()
    cluster = Cluster(server=found.cluster.server, certificate_auth=found.cluster.certificate_auth)
    return found._replace(cluster=cluster, user=User(token=user.token, token_file=user.token_file))


def _read_file(file: str) -> Json:
    """Read the sections of a file by name, all paths resolved."""
    path = Path(file).expanduser()
    if not path.is_file():
        raise ConfigError(f"Configuration file {file} not found")
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        sections = {name: _read_entries(content.get(name) or [], key, path) for name, key in _SECTIONS.items()}
        return {**sections, "current-context": content.get("current-context")}
    except yaml.MarkedYAMLError as error:
        line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise ConfigError(f"{file} is no YAML{line}") from None
    except (yaml.YAMLError, UnicodeDecodeError):
        raise ConfigError(f"{file} is no YAML") from None
    except (AttributeError, KeyError, TypeError):
        raise ConfigError(f"{file} is no kubeconfig") from None


def _read_entries(entries: list[Json], key: str, path: Path) -> dict[str, Json]:
    found = {}
    for entry in entries:
        body = dict(entry[key] or {})
        for name in _PATHS & body.keys():
            body[name] = _resolve(body[name], path)
        plugin = body.get("exec")
        if plugin and os.sep in plugin["command"]:
            body["exec"] = {**plugin, "command": _resolve(plugin["command"], path)}
        found[entry["name"]] = body
    return found


def _resolve(name: str, path: Path) -> str:
    return str(path.absolute().parent / name) if name else name


def _merge(contents: list[Json]) -> Json:
    merged: Json = {name: {} for name in _SECTIONS}
    for content in reversed(contents):
        for name in _SECTIONS:
            merged[name] |= content[name]
    current = (content["current-context"] for content in contents)
    return {**merged, "current-context": next(filter(None, current), None)}


def _choose(config: KubeConfig, context: str | None) -> SingleConfig:
    try:
        found = config.get(context)
    except ConfigError as error:
        if context is None and config.current_context is None:
            raise ConfigError("No current context set") from None
        raise ConfigError(f"{error}; there are: {', '.join(sorted(config.contexts))}") from None
    except KeyError as error:
        raise ConfigError(f"the context names {error}, which the kubeconfig does not have") from None
    if found is None:
        raise ConfigError("No current context set")
    return found if found.user else found._replace(user=User())
