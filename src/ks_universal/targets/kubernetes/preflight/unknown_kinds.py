"""Kinds that a cluster does not know: those of other projects, each named with who brings it."""

from collections.abc import Iterable

import msgspec

from ks_universal.diagnostics import Problem
from ks_universal.json_types import Json
from ks_universal.resources.objects import object_ref
from ks_universal.targets.kubernetes.api.client import Client
from ks_universal.targets.kubernetes.api.kinds import Kind

KindName = tuple[str, str]
"""The API version and the kind: `("cert-manager.io/v1", "Certificate")`."""

_NAMED_AT_MOST = 3


class Project(msgspec.Struct, frozen=True):
    """Who brings the kinds of an API group, where to get it, and the keys of the values that ask for them."""

    name: str
    address: str
    asked_for_by: str


_PROJECTS = {
    "cert-manager.io": Project("cert-manager", "https://cert-manager.io/docs/installation/", "autoCreateCertificate"),
    "monitoring.coreos.com": Project(
        "the Prometheus Operator",
        "https://prometheus-operator.dev/docs/getting-started/installation/",
        "autoCreateServiceMonitor, serviceMonitor",
    ),
    "gateway.networking.k8s.io": Project(
        "the Gateway API", "https://gateway-api.sigs.k8s.io/guides/", "autoCreateHttpRoute, httpRoutes"
    ),
    "deckhouse.io": Project(
        "the module user-authn of Deckhouse",
        "https://deckhouse.io/products/kubernetes-platform/documentation/v1/modules/user-authn/",
        "dexAuthenticators, generic.dexAuthenticatorGeneral",
    ),
}


async def find_unknown_kinds(client: Client, bodies: Iterable[Json]) -> dict[KindName, Problem]:
    """Find the kinds of these objects that the cluster does not know, with one finding each that names its objects."""
    by_kind: dict[KindName, list[Json]] = {}
    for body in bodies:
        by_kind.setdefault((body["apiVersion"], body["kind"]), []).append(body)
    unknown = {}
    for (api_version, kind), of_kind in by_kind.items():
        if await client.find_kind(kind, api_version) is None:
            other = await client.find_kind(kind)
            unknown[api_version, kind] = describe_unknown(api_version, kind, other, of_kind)
    return unknown


def describe_unknown(api_version: str, kind: str, other: Kind | None, bodies: Iterable[Json] = ()) -> Problem:
    """Say that a cluster does not know a kind, who brings it, and which objects need it.

    `other` is the kind of the same name that the cluster knows; it counts where it is another version of the group.
    """
    group = _group(api_version)
    project = _PROJECTS.get(group)
    message = f"the cluster does not know {api_version} {kind}"
    if other is not None and _group(other.api_version) == group:
        message += f" (only {other.api_version})"
    if project is not None:
        message += f", which {project.name} brings"
    if names := [str(object_ref(body)) for body in bodies]:
        more = f" and {len(names) - _NAMED_AT_MOST} more" if len(names) > _NAMED_AT_MOST else ""
        message += f"; {', '.join(names[:_NAMED_AT_MOST])}{more} cannot be made"
    return Problem("kubernetes/unknown-kind", message, hint=_hint(project))


def _hint(project: Project | None) -> str:
    if project is None:
        return "install what defines it"
    return f"install it ({project.address}), or leave out what asks for it ({project.asked_for_by})"


def _group(api_version: str) -> str:
    return api_version.rpartition("/")[0]
