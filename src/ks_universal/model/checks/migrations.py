"""Migrations and their order: something to run, in a container that is clear, without a dependency cycle."""

from collections.abc import Iterator

from ks_universal.model.checks.report import Report
from ks_universal.model.checks.walk import SettingsPlace, each_settings
from ks_universal.model.format.application import Application
from ks_universal.model.format.migrations import (
    Inherit,
    Migrations,
    MigrationSettings,
    Phase,
    Rollback,
    Sidecar,
    Step,
)
from ks_universal.model.format.precedence import Node, Part, Waits, build_written
from ks_universal.model.format.workloads import Workload, find_container
from ks_universal.model.kubernetes.durations import parse_duration
from ks_universal.model.kubernetes.names import is_dns_label, job_name, undo_job_name
from ks_universal.order import find_cycles
from ks_universal.values.nodes import Path


def check_migrations(application: Application, report: Report) -> None:
    """Check the migrations of all deployments."""
    for place in each_settings(application):
        _check_limits(place, report)
        said = place.settings.inherit
        if isinstance(said, tuple) and Inherit.NONE in said and len(said) > 1:
            clause = "is 'none' beside others, which win"
            report.error("values/contradiction", (*place.path, "inherit"), clause, "leave out 'none'")
        _check_rollback((*place.path, "rollback"), place.settings.rollback, report)
    jobs: dict[str, str] = {}
    for owner, workload in application.workloads.items():
        path: Path = (*application.find_path(owner), "migrations")
        _check_switch(path, workload.migrations, report)
        _check_step_names(path, workload.migrations, report)
        for index, step in enumerate(workload.migrations.effective_steps):
            below = (*path, "steps", index) if workload.migrations.steps else path
            _check_container(below, workload, step, report)
            _check_command(below, step, report)
            _check_job_names(below, owner, step, jobs, report)


def _check_switch(path: Path, migrations: Migrations, report: Report) -> None:
    if migrations.enabled or migrations == Migrations() or report.is_written((*path, "enabled")):
        return
    clause = "is not enabled: nothing will run"
    report.warn("migrations/not-enabled", path, clause, "add 'enabled: true'", key=True)


def _check_step_names(path: Path, migrations: Migrations, report: Report) -> None:
    seen: set[str] = set()
    for index, step in enumerate(migrations.steps):
        below = (*path, "steps", index)
        if step.name is None:
            if len(migrations.steps) > 1:
                report.error("values/missing-key", below, "needs the key 'name'")
            continue
        _check_step_name((*below, "name"), step.name, seen, report)


def _check_step_name(path: Path, name: str, seen: set[str], report: Report) -> None:
    if not is_dns_label(name):
        hint = "it takes lower-case letters, digits and '-', at most 63"
        report.error("names/invalid", path, "is no name that Kubernetes takes in the name of a Job", hint)
    if name in seen:
        report.error("names/duplicate", path, f"is the second step '{name}'")
    seen.add(name)


def _check_container(path: Path, workload: Workload, step: Step, report: Report) -> None:
    containers = list(report.names_below_path((*path[:2], "containers")))
    if step.container is not None and step.container not in containers:
        clause = f"names the container '{step.container}', which the application does not have"
        hint = report.suggest(step.container, containers)
        report.error("references/unknown-container", (*path, "container"), clause, hint)
    elif step.container is None and len(containers) > 1 and "main" not in containers:
        clause = f"does not say which container to run: there are {', '.join(containers)}"
        report.error("migrations/ambiguous-container", (*path, "container"), clause, "add 'container'")
    found = find_container(workload, step)
    for index, sidecar in enumerate(step.sidecars or ()):
        _check_sidecar((*path, "sidecars", index), sidecar, found[0] if found else None, (containers, report))


def _check_sidecar(path: Path, sidecar: Sidecar, running: str | None, among: tuple[list[str], Report]) -> None:
    containers, report = among
    name = sidecar.name
    if sidecar.image:
        return
    if name is None:
        report.missing(path, "name")
    elif sidecar != Sidecar(name=name):
        report.missing(path, "image", "or say nothing but the name of one of the application's containers")
    elif name not in containers:
        clause = f"names the container '{name}', which the application does not have"
        report.error("references/unknown-container", path, clause, report.suggest(name, containers))
    elif name == running:
        report.error("migrations/own-sidecar", path, f"names '{name}', which is the container that migrates")


def _check_command(path: Path, step: Step, report: Report) -> None:
    # An image of its own may be made for migrating; the application's would start the server.
    known = not any(report.is_broken((*path, key)) for key in ("args", "command", "steps"))
    if known and not step.args and not step.command and step.image is None:
        clause = "has nothing to run: without 'args' and 'command' the container would start the application"
        report.error("migrations/nothing-to-run", path, clause, 'add such as args: ["migrate", "up"]', key=True)


def _check_job_names(path: Path, owner: str, step: Step, jobs: dict[str, str], report: Report) -> None:
    names = [job_name(owner, step.name)]
    if step.rollback is not None:
        undone = [undo.name for undo in step.rollback.steps]
        names += [undo_job_name(owner, step.name, name) for name in undone or (None,)]
    for name in names:
        other = jobs.setdefault(name, owner)
        if other != owner:
            clause = f"makes the Job '{name}', as the migrations of '{other}' do"
            report.error("names/duplicate", path, clause, "rename one of the steps or workloads", key=True)


def _check_limits(place: SettingsPlace, report: Report) -> None:
    settings, path = place.settings, place.path
    if settings.backoff_limit is not None and settings.backoff_limit < 0:
        report.error("values/out-of-range", (*path, "backoffLimit"), "must not be negative", "0 is no retry")
    for key, number in (
        ("activeDeadlineSeconds", settings.active_deadline_seconds),
        ("parallelism", settings.parallelism),
        ("completions", settings.completions),
    ):
        if number is not None and number < 1:
            report.error("values/out-of-range", (*path, key), "must be at least 1")
    _check_timeout(settings, path, report)
    for index, code in enumerate(settings.fatal_exit_codes or ()):
        if not 1 <= code <= 255:
            report.error("values/out-of-range", (*path, "fatalExitCodes", index), "must be between 1 and 255")


def _check_timeout(settings: MigrationSettings, path: Path, report: Report) -> None:
    if settings.timeout is None:
        return
    seconds = parse_duration(settings.timeout)
    if seconds is None or seconds < 1:
        hint = "such as 300 (seconds), 90s, 10m or 1h30m"
        report.error("values/wrong-type", (*path, "timeout"), "must be a duration of at least a second", hint)
    elif settings.active_deadline_seconds is not None:
        clause = "is said twice, by 'timeout' and by 'activeDeadlineSeconds'"
        report.error("values/contradiction", (*path, "timeout"), clause, "keep one of them")


def _check_rollback(path: Path, rollback: Rollback | None, report: Report) -> None:
    if rollback is None:
        return
    seen: set[str] = set()
    for index, step in enumerate(rollback.steps):
        below = (*path, "steps", index)
        _check_step_name((*below, "name"), step.name, seen, report)
        if not (step.args or step.command):
            report.error("migrations/nothing-to-run", below, "has nothing to run", "add 'args' or 'command'")
    if not (rollback.steps or rollback.args or rollback.command):
        report.error("migrations/nothing-to-run", path, "has nothing to run", "add 'args' or 'steps'", key=True)


def check_dependencies(application: Application, report: Report) -> None:
    """Check all dependencies."""
    known = dict.fromkeys(report.workload_names)
    for path, name in _each_name(application):
        if name not in known:
            clause = f"names the workload '{name}', which these values do not contain"
            report.error("references/unknown-deployment", path, clause, report.suggest(name, known))
        elif path[-2] == "waitForMigrations" and not _migrates(application, name):
            clause = f"names the {application.workloads[name].noun} '{name}', which has no migrations"
            report.warn("references/no-migrations", path, clause)
    waits = {name: _read_waits(workload) for name, workload in application.workloads.items()}
    for circle in find_cycles(build_written(waits)):
        path, names = _locate(circle, application)
        clause = f"waits in a circle: {' -> '.join(names)}"
        report.error("migrations/cycle", path, clause, "leave out one of these")


def _each_name(application: Application) -> Iterator[tuple[Path, str]]:
    for place in each_settings(application):
        for index, name in enumerate(place.settings.depends_on or ()):
            yield (*place.path, "dependsOn", index), name
    for owner, workload in application.workloads.items():
        for index, name in enumerate(workload.depends_on):
            yield (*application.find_path(owner), "dependsOn", index), name
        for index, name in enumerate(_read_waits(workload).named):
            yield (*application.find_path(owner), "waitForMigrations", index), name


def _migrates(application: Application, name: str) -> bool:
    # What could not be typed is reported for that.
    return name not in application.workloads or bool(application.workloads[name].migrations.effective_steps)


def _read_waits(workload: Workload) -> Waits:
    steps = workload.migrations.effective_steps
    return Waits(
        depends_on=workload.depends_on,
        wait_for_migrations=workload.wait_for_migrations,
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
    names = [node.workload for node in turned]
    shown = [name for n, name in enumerate(names) if n == 0 or name != names[n - 1]]
    key = _find_key(turned[0], following[start], application)
    return key, shown if shown[1:] and shown[-1] == shown[0] else [*shown, shown[0]]


def _is_written(node: Node, need: Node) -> bool:
    return (node.part, need.part) != (Part.ROLLOUT, Part.BEFORE) or node.workload != need.workload


def _find_key(node: Node, need: Node, application: Application) -> Path:
    if node.part is Part.BEFORE:
        settings = (place for place in each_settings(application) if place.owner == node.workload)
        place = next(place for place in settings if need.workload in (place.settings.depends_on or ()))
        return (*place.path, "dependsOn")
    owner = application.find_path(node.workload)
    return (*owner, "dependsOn") if need.part is Part.ROLLOUT else (*owner, "waitForMigrations")
