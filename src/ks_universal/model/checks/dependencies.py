"""`dependsOn`: the deployments that must be ready before a migration; they must exist and not wait in a circle."""

from ks_universal.model.application import Application
from ks_universal.model.checks.places import each_settings
from ks_universal.model.checks.report import Report
from ks_universal.model.migrations import effective_steps
from ks_universal.values.nodes import Path


def check_dependencies(application: Application, report: Report) -> None:
    """Check all dependencies."""
    known = dict.fromkeys(report.names_below("deployments"))
    for place in each_settings(application):
        for index, name in enumerate(place.settings.depends_on or ()):
            if name not in known:
                clause = f"names the deployment '{name}', which these values do not contain"
                hint = report.suggest(name, known)
                report.error("references/unknown-deployment", (*place.path, "dependsOn", index), clause, hint)
    graph = {name: _needs(application, name) for name in application.deployments}
    for cycle in find_cycles(graph):
        path: Path = ("deployments", cycle[0], "migrations", "dependsOn")
        clause = f"waits in a circle: {' -> '.join((*cycle, cycle[0]))}"
        report.error("migrations/cycle", path, clause, "leave out one of these")


def _needs(application: Application, name: str) -> list[str]:
    steps = effective_steps(application.deployments[name].migrations)
    needs = dict.fromkeys(need for step in steps for need in step.depends_on or ())
    return [need for need in needs if need in application.deployments]


def find_cycles(graph: dict[str, list[str]]) -> list[list[str]]:
    """Find circles in {name: names it needs}, each node in at most one of them, in order of the graph."""
    done: set[str] = set()
    cycles = []
    for start in graph:
        trail: dict[str, int] = {}
        pending = [(start, 0)]
        while pending:
            node, depth = pending.pop()
            while len(trail) > depth:
                done.add(trail.popitem()[0])
            if node in trail:
                cycles.append(list(trail)[trail[node] :])
            elif node not in done:
                trail[node] = depth
                pending += ((need, depth + 1) for need in graph[node])
        done.update(trail)
    return cycles
