"""What is named by a bare name has to be in the namespace of what names it."""

from collections.abc import Iterator, Mapping

from ks_universal.model.checks.references import each_claim, each_reference
from ks_universal.model.checks.report import Report
from ks_universal.model.checks.walk import each_container, each_workload
from ks_universal.model.format.application import Application
from ks_universal.model.format.claims import Claim
from ks_universal.model.format.ingresses import Ingress
from ks_universal.model.format.routes import Route
from ks_universal.model.format.sections import Config, Service, find_config
from ks_universal.model.format.workloads import Autoscaler, Workload
from ks_universal.values.nodes import Path, format_path


def check_namespaces(application: Application, report: Report) -> None:
    """Check that the configs and claims of these values are where the pods are that name them.

    Where the release will be is not always known: then a workload or config that says no namespace may still fit.
    """
    of_pods = {path: workload.namespace for path, workload in each_workload(application)}
    of_configs = [config.namespace for config in application.configs.values()]
    of_claims = [claim.namespace for claim in application.persistent_volume_claims.values()]
    if not any((*of_pods.values(), *of_configs, *of_claims)):
        return
    for path, named, there in _each_named(application):
        for owner in _find_owners(application, path):
            while_ = f"while the pods of {format_path(owner)} are in {{}} and do not find it there"
            _compare(report, path, (while_, of_pods[owner]), (named, there.namespace))


def check_lead(application: Application, report: Report, path: Path, to: Path) -> None:
    """Check that what leads to the pods or the Service of `to`, and says so at `path`, is in their namespace."""
    from_, there = _find_namespace(application, path[:2]), _find_namespace(application, to)
    _compare(report, path, ("while it is itself in {}", from_), (to, there), verb="leads to")


def _each_named(application: Application) -> Iterator[tuple[Path, Path, Config | Claim]]:
    """Walk (where it is named, where it is written, what is named), as far as these values have it."""
    for reference in each_reference(application):
        found = find_config(application.configs, reference.kind, reference.name)
        if found is not None and not reference.optional:
            yield reference.path, ("configs", found[0]), found[1]
    for path, name in each_claim(application):
        claim = application.persistent_volume_claims.get(name)
        if claim is not None:
            yield path, ("persistentVolumeClaims", name), claim


def _find_owners(application: Application, path: Path) -> list[Path]:
    """Find whose pods name what is named at a path: a group of `secretRefs` is used by many."""
    if path[0] != "secretRefs":
        return [path[:2]]
    users = (place.path[:2] for place in each_container(application) if path[1] in place.container.secret_refs)
    return list(dict.fromkeys(users))


def _find_namespace(application: Application, place: Path) -> str | None:
    section, name = place
    entries: dict[str, Mapping[str, Workload | Autoscaler | Route | Ingress | Service]] = {
        "deployments": application.deployments,
        "statefulSets": application.stateful_sets,
        "daemonSets": application.daemon_sets,
        "hpas": application.hpas,
        "httpRoutes": application.http_routes,
        "ingresses": application.ingresses,
        "services": application.services,
    }
    return entries[str(section)][str(name)].namespace


def _compare(
    report: Report, path: Path, here: tuple[str, str | None], named: tuple[Path, str | None], verb: str = "names"
) -> None:
    """Compare two namespaces; `here` is how to say where the one is that names the other."""
    (clause_of_here, of_here), (place, there) = here, named
    if of_here == there or (of_here or report.namespace) == (there or report.namespace):
        return
    own = clause_of_here.format(_describe(of_here, report))
    clause = f"{verb} {format_path(place)}, which is in {_describe(there, report)}, {own}"
    hint = f"give both the same 'namespace', or neither: {format_path((*place, 'namespace'))}"
    unsure = not report.namespace and None in (of_here, there)
    (report.warn if unsure else report.error)("references/other-namespace", path, clause, hint)


def _describe(namespace: str | None, report: Report) -> str:
    name = namespace or report.namespace
    return f"namespace '{name}'" if name else "the release's namespace"
