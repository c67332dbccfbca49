"""The kinds of other projects on a cluster: their real definitions, put there for a while."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from ks_universal.targets.kubernetes.api.kinds import Kind
from support.cluster_release import api, wait_until
from support.deploying import kubectl

Json = dict[str, Any]
TOOL = Path(__file__).parents[2] / "tools" / "get_definitions.py"
CERTIFICATE = Kind("cert-manager.io/v1", "Certificate", "certificates")
SERVICE_MONITOR = Kind("monitoring.coreos.com/v1", "ServiceMonitor", "servicemonitors")
HTTP_ROUTE = Kind("gateway.networking.k8s.io/v1", "HTTPRoute", "httproutes")
DEX_AUTHENTICATOR = Kind("deckhouse.io/v1", "DexAuthenticator", "dexauthenticators")
KINDS = {kind.kind: kind for kind in (CERTIFICATE, SERVICE_MONITOR, HTTP_ROUTE, DEX_AUTHENTICATOR)}

_OURS = {"ks-universal.io/put-there-by": "tests"}
"""The label of definitions that these tests put there: an interrupted run's are taken over, and removed."""


@contextmanager
def installed(definitions: Iterable[Json]) -> Iterator[None]:
    """Have the cluster know these kinds. Those that it knows by itself are left as they are, the others removed."""
    ours = [_label(body) for body in definitions if not _is_foreign(body["metadata"]["name"])]
    kinds = [_kind_of(body) for body in ours]
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": ours})
    try:
        kubectl("default", "apply", "--server-side", "-f", "-", text=text)
        wait_until(lambda: all(map(is_served, kinds)))
        yield
    finally:
        kubectl("default", "delete", "--ignore-not-found", "-f", "-", text=text)
        wait_until(lambda: not any(map(is_served, kinds)))


def read_definitions() -> Iterator[Json]:
    """Read the definitions of `KINDS`; at the first time they are downloaded."""
    paths = subprocess.run([sys.executable, TOOL], check=True, stdout=subprocess.PIPE, text=True).stdout.split()
    for path in paths:
        yield yaml.safe_load(Path(path).read_text())


def define(kind: Kind) -> Json:
    """Make a definition that takes anything."""
    group, _, version = kind.api_version.partition("/")
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{kind.plural}.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"kind": kind.kind, "plural": kind.plural},
            "versions": [{"name": version, "served": True, "storage": True, "schema": schema}],
        },
    }


def _label(definition: Json) -> Json:
    return {**definition, "metadata": {**definition["metadata"], "labels": _OURS}}


def _kind_of(definition: Json) -> Kind:
    spec = definition["spec"]
    return Kind(f"{spec['group']}/{spec['versions'][0]['name']}", spec["names"]["kind"], spec["names"]["plural"])


def _is_foreign(name: str) -> bool:
    found = kubectl("default", "get", "crd", name, "--ignore-not-found", "-o", "json")
    return bool(found) and not _OURS.items() <= json.loads(found)["metadata"].get("labels", {}).items()


def is_served(kind: Kind) -> bool:
    """Tell whether the API server's discovery has the kind."""

    async def main() -> bool:
        async with api("default") as client:
            return await client.find_kind(kind.kind, kind.api_version) is not None

    return asyncio.run(main())
