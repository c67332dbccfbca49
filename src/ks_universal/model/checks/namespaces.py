"""What pods name by a bare name has to be in their own namespace."""

from collections.abc import Iterator

from ks_universal.model.application import Application
from ks_universal.model.checks.places import each_container, each_workload
from ks_universal.model.checks.references import each_claim, each_reference
from ks_universal.model.checks.report import Report
from ks_universal.model.sections import Claim, Config
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
            _compare(report, path, (owner, of_pods[owner]), (named, there.namespace))


def _each_named(application: Application) -> Iterator[tuple[Path, Path, Config | Claim]]:
    """Walk (where it is named, where it is written, what is named), as far as these values have it."""
    for reference in each_reference(application):
        config = application.configs.get(reference.name)
        if config is not None and not reference.optional:
            yield reference.path, ("configs", reference.name), config
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


def _compare(report: Report, path: Path, pods: tuple[Path, str | None], named: tuple[Path, str | None]) -> None:
    (owner, of_pods), (place, there) = pods, named
    if of_pods == there or (of_pods or report.namespace) == (there or report.namespace):
        return
    clause = (
        f"names {format_path(place)}, which is in {_describe(there, report)}, while the pods of {format_path(owner)}"
        f" are in {_describe(of_pods, report)} and do not find it there"
    )
    hint = f"give both the same 'namespace', or neither: {format_path((*place, 'namespace'))}"
    unsure = not report.namespace and None in (of_pods, there)
    (report.warn if unsure else report.error)("references/other-namespace", path, clause, hint)


def _describe(namespace: str | None, report: Report) -> str:
    name = namespace or report.namespace
    return f"namespace '{name}'" if name else "the release's namespace"
