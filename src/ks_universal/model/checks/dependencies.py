"""`dependsOn` and `waitForMigrations`: the deployments named must exist, and none may wait for itself in a circle."""

from collections.abc import Iterator

from ks_universal.model.application import Application
from ks_universal.model.checks.places import each_settings
from ks_universal.model.checks.report import Report
from ks_universal.model.migrations import Phase, Step, effective_steps
from ks_universal.model.precedence import Node, Part, Waits, build_written
from ks_universal.model.workloads import Deployment
from ks_universal.order import find_circles
from ks_universal.values.nodes import Path


def check_dependencies(application: Application, report: Report) -> None:
    """Check all dependencies."""
    known = dict.fromkeys(report.names_below("deployments"))
    for path, name in _each_name(application):
        if name not in known:
            clause = f"names the deployment '{name}', which these values do not contain"
            report.error("references/unknown-deployment", path, clause, report.suggest(name, known))
        elif path[-2] == "waitForMigrations" and not _migrates(application, name):
            clause = f"names the deployment '{name}', which has no migrations"
            report.warn("references/no-migrations", path, clause)
    waits = {name: _read_waits(deployment) for name, deployment in application.deployments.items()}
    for circle in find_circles(build_written(waits)):
        path, names = _locate(circle, application)
        clause = f"waits in a circle: {' -> '.join(names)}"
        report.error("migrations/cycle", path, clause, "leave out one of these")


def _each_name(application: Application) -> Iterator[tuple[Path, str]]:
    for place in each_settings(application):
        for index, name in enumerate(place.settings.depends_on or ()):
            yield (*place.path, "dependsOn", index), name
    for owner, deployment in application.deployments.items():
        for index, name in enumerate(deployment.depends_on):
            yield ("deployments", owner, "dependsOn", index), name
        for index, name in enumerate(_read_waits(deployment).named):
            yield ("deployments", owner, "waitForMigrations", index), name


def _migrates(application: Application, name: str) -> bool:
    # What could not be typed is reported for that.
    return name not in application.deployments or bool(effective_steps(application.deployments[name].migrations))


def _read_waits(deployment: Deployment) -> Waits:
    steps = effective_steps(deployment.migrations)
    return Waits(
        depends_on=deployment.depends_on,
        wait_for_migrations=deployment.wait_for_migrations,
        migrates=bool(steps),
        before=_list_dependencies(steps, Phase.PRE),
        after=_list_dependencies(steps, Phase.POST),
    )


def _list_dependencies(steps: tuple[Step, ...], phase: Phase) -> tuple[str, ...]:
    in_phase = (step for step in steps if (step.phase or Phase.PRE) is phase)
    return tuple(dict.fromkeys(name for step in in_phase for name in step.depends_on or ()))


def _locate(circle: list[Node], application: Application) -> tuple[Path, list[str]]:
    """Give the path of a key that closes a circle, and the deployments in it, from that of the key back to it."""
    following = [*circle[1:], circle[0]]
    start = next(n for n, node in enumerate(circle) if _is_written(node, following[n]))
    turned = [*circle[start:], *circle[:start]]
    names = [node.deployment for node in turned]
    shown = [name for n, name in enumerate(names) if n == 0 or name != names[n - 1]]
    key = _find_key(turned[0], following[start], application)
    return key, shown if shown[1:] and shown[-1] == shown[0] else [*shown, shown[0]]


def _is_written(node: Node, need: Node) -> bool:
    return (node.part, need.part) != (Part.ROLLOUT, Part.BEFORE) or node.deployment != need.deployment


def _find_key(node: Node, need: Node, application: Application) -> Path:
    if node.part is Part.BEFORE:
        settings = (place for place in each_settings(application) if place.owner == node.deployment)
        place = next(place for place in settings if need.deployment in (place.settings.depends_on or ()))
        return (*place.path, "dependsOn")
    owner: Path = ("deployments", node.deployment)
    return (*owner, "dependsOn") if need.part is Part.ROLLOUT else (*owner, "waitForMigrations")
