"""What types cannot say: names that Kubernetes refuses, references, and parts of the values that contradict each other.

Each module looks at one topic of the typed application and reports with paths into the tree.
"""

from collections.abc import Callable, Set

from ks_universal.diagnostics import Problem
from ks_universal.model.checks.access import check_access
from ks_universal.model.checks.authenticators import check_authenticators
from ks_universal.model.checks.containers import check_containers, check_images, check_resources
from ks_universal.model.checks.environment import check_environment
from ks_universal.model.checks.expansion import check_expansion
from ks_universal.model.checks.extra import check_extras
from ks_universal.model.checks.ingresses import check_certificates, check_ingresses
from ks_universal.model.checks.labels import check_labels
from ks_universal.model.checks.local import check_local
from ks_universal.model.checks.migrations import check_dependencies, check_migrations
from ks_universal.model.checks.monitors import check_monitors
from ks_universal.model.checks.names import check_names
from ks_universal.model.checks.namespaces import check_namespaces
from ks_universal.model.checks.references import check_references
from ks_universal.model.checks.report import Report
from ks_universal.model.checks.routes import check_routes
from ks_universal.model.checks.scaling import check_scaling
from ks_universal.model.checks.sections import check_jobs, check_policies, check_sections
from ks_universal.model.checks.selectors import check_selectors
from ks_universal.model.checks.services import check_services, check_switches
from ks_universal.model.checks.volumes import check_volumes
from ks_universal.model.checks.workloads import check_workloads
from ks_universal.model.format.application import Application
from ks_universal.values.nodes import Mapping, Path

_CHECKS: tuple[Callable[[Application, Report], None], ...] = (
    check_names,
    check_labels,
    check_sections,
    check_images,
    check_containers,
    check_resources,
    check_environment,
    check_expansion,
    check_volumes,
    check_references,
    check_namespaces,
    check_migrations,
    check_dependencies,
    check_selectors,
    check_services,
    check_jobs,
    check_ingresses,
    check_routes,
    check_certificates,
    check_monitors,
    check_scaling,
    check_authenticators,
    check_workloads,
    check_policies,
    check_access,
    check_extras,
    check_switches,
    check_local,
)


def check_application(
    application: Application, tree: Mapping, broken: Set[Path] = frozenset(), namespace: str = "", release: str = ""
) -> list[Problem]:
    """Find what is wrong in a typed application; `tree` is the effective tree that it was typed from.

    `broken` are paths at which typing found nothing usable: there the application holds empty values that say nothing.
    `namespace` and `release` are empty where they are not known.
    """
    report = Report(tree, broken, namespace, release)
    for check in _CHECKS:
        check(application, report)
    return report.problems
