"""HTTPRoutes, standalone and auto-created: what they are attached to, what matches, where it leads."""

from collections.abc import Iterator
from typing import Any

import msgspec

from ks_universal.model.checks.ingresses import check_host
from ks_universal.model.checks.ports import Target, check_target
from ks_universal.model.checks.report import Report
from ks_universal.model.format.application import Application
from ks_universal.model.format.ingresses import Host
from ks_universal.model.format.routes import Match, Route, Rule
from ks_universal.values.nodes import Path

_PATHS = ("Exact", "PathPrefix", "RegularExpression")
_OTHERS = ("Exact", "RegularExpression")
_METHODS = ("CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE")


class _Place(msgspec.Struct, frozen=True):
    path: Path
    name: str
    route: Route
    auto: bool

    @property
    def flag(self) -> Path:
        """Where an auto-created route without a word of its own is asked for."""
        return (*self.path[:-1], "autoCreateHttpRoute") if self.auto else self.path


def check_routes(application: Application, report: Report) -> None:
    """Check all routes."""
    for place in _each(application):
        _check_parents(place, application, report)
        _check_hostnames(place, application, report)
        if not place.route.rules:
            _check_no_rules(place, application, report)
        for index, rule in enumerate(place.route.rules):
            _check_rule(place, (*place.path, "rules", index), rule, application, report)


def _each(application: Application) -> Iterator[_Place]:
    for name, route in application.http_routes.items():
        yield _Place(("httpRoutes", name), name, route, auto=False)
    for name, workload in application.workloads.items():
        if workload.auto_create_http_route:
            yield _Place((*application.find_path(name), "httpRoute"), name, workload.http_route or Route(), auto=True)


def _check_parents(place: _Place, application: Application, report: Report) -> None:
    general = application.generic.http_routes_general.parent_refs
    parents = general if place.route.parent_refs is None else place.route.parent_refs
    if not parents and not report.is_broken((*place.path, "parentRefs")):
        clause = "is attached to no Gateway: it has no 'parentRefs', and there are no general ones"
        hint = "add 'parentRefs', or set generic.httpRoutesGeneral.parentRefs"
        report.error("values/missing-key", place.flag, clause, hint, key=not place.auto)


def _check_hostnames(place: _Place, application: Application, report: Report) -> None:
    for index, host in enumerate(place.route.hostnames):
        check_host((*place.path, "hostnames", index), host, application, report)
    if place.route.hostnames:
        return
    if place.auto:
        check_host(place.flag, Host(subdomain=place.name), application, report)
    else:
        report.missing(place.path, "hostnames")


def _check_no_rules(place: _Place, application: Application, report: Report) -> None:
    if place.auto:
        check_target(Target(place.flag, place.name), application, report)
    else:
        report.missing(place.path, "rules")


def _check_rule(place: _Place, path: Path, rule: Rule, application: Application, report: Report) -> None:
    for index, match in enumerate(rule.matches):
        _check_match((*path, "matches", index), match, report)
    for index, backend in enumerate(rule.backend_refs or ()):
        below = (*path, "backendRefs", index)
        if backend.weight is not None and not 0 <= backend.weight <= 1_000_000:
            report.error("values/out-of-range", (*below, "weight"), "must be between 0 and 1000000")
        if backend.kubernetes.get("kind", "Service") == "Service" and "namespace" not in backend.kubernetes:
            target = Target(below, backend.name or place.name, backend.port, service_key="name")
            check_target(target, application, report)
    if rule.backend_refs is None and not rule.kubernetes.get("filters"):
        check_target(Target(path, place.name), application, report)


def _check_match(path: Path, match: Match, report: Report) -> None:
    if match.path is not None:
        _check_one_of((*path, "path", "type"), match.path.type, _PATHS, report)
        if match.path.type != "RegularExpression" and not match.path.value.startswith("/"):
            report.error("values/unknown-value", (*path, "path", "value"), "must begin with '/'")
    _check_one_of((*path, "method"), match.kubernetes.get("method", "GET"), _METHODS, report)
    for key in ("headers", "queryParams"):
        entries: list[dict[str, Any]] = match.kubernetes.get(key, [])
        for index, entry in enumerate(entries):
            _check_one_of((*path, key, index, "type"), entry.get("type", "Exact"), _OTHERS, report)


def _check_one_of(path: Path, value: str, known: tuple[str, ...], report: Report) -> None:
    if value not in known:
        clause, hint = f"must be one of {', '.join(known)}", report.suggest(value, known)
        report.error("values/unknown-value", path, clause, hint)
