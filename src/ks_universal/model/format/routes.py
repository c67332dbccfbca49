"""HTTPRoutes of the Gateway API: section 16 of the reference, and the other fields of the kind under their names."""

from typing import Annotated

from ks_universal.json_types import Json
from ks_universal.model.format.ingresses import Host
from ks_universal.model.format.types import Format, Inline, Kubernetes, Labels


class PathMatch(Format, frozen=True, kw_only=True):
    """Which paths match."""

    type: str = "PathPrefix"
    value: str = "/"


class Match(Format, frozen=True, kw_only=True):
    """What a request must be like: all that is written, path or not."""

    path: PathMatch | None = None
    kubernetes: Annotated[Json, Inline("HTTPRouteSpec.rules.matches")] = {}


class Backend(Format, frozen=True, kw_only=True):
    """Where requests go: by default the Service of the route's own name, at its default port."""

    name: str | None = None
    port: int | None = None
    weight: int | None = None
    kubernetes: Annotated[Json, Inline("HTTPRouteSpec.rules.backendRefs")] = {}


class Rule(Format, frozen=True, kw_only=True):
    """A rule; without `backend_refs` it has the default backend, unless its filters answer themselves."""

    matches: tuple[Match, ...] = ()
    backend_refs: tuple[Backend, ...] | None = None
    kubernetes: Annotated[Json, Inline("HTTPRouteSpec.rules")] = {}


class Route(Format, frozen=True, kw_only=True):
    """`httpRoutes.NAME`, or `deployments.NAME.httpRoute` for the auto-created one."""

    parent_refs: tuple[Annotated[Json, Kubernetes("HTTPRouteSpec.parentRefs")], ...] | None = None
    hostnames: tuple[Host, ...] = ()
    rules: tuple[Rule, ...] = ()
    namespace: str | None = None
    labels: Labels = {}
    annotations: Labels = {}
    kubernetes: Annotated[Json, Inline("HTTPRouteSpec")] = {}


class RoutesGeneral(Format, frozen=True, kw_only=True):
    """`generic.httpRoutesGeneral`."""

    parent_refs: tuple[Annotated[Json, Kubernetes("HTTPRouteSpec.parentRefs")], ...] | None = None
    annotations: Labels = {}
