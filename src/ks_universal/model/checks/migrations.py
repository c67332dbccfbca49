"""Migrations: each step must have something to run, in a container that is clear, within limits that make sense."""

from ks_universal.model.application import Application
from ks_universal.model.checks.places import SettingsPlace, each_settings
from ks_universal.model.checks.report import Report
from ks_universal.model.durations import parse_duration
from ks_universal.model.migrations import Migrations, MigrationSettings, Rollback, Step, effective_steps
from ks_universal.model.names import is_dns_label, job_name, undo_job_name
from ks_universal.model.selection import find_container
from ks_universal.model.workloads import Deployment
from ks_universal.values.nodes import Path


def check_migrations(application: Application, report: Report) -> None:
    """Check the migrations of all deployments."""
    for place in each_settings(application):
        _check_limits(place, report)
        _check_rollback((*place.path, "rollback"), place.settings.rollback, report)
    jobs: dict[str, str] = {}
    for owner, deployment in application.deployments.items():
        path: Path = ("deployments", owner, "migrations")
        _check_switch(path, deployment.migrations, report)
        _check_step_names(path, deployment.migrations, report)
        for index, step in enumerate(effective_steps(deployment.migrations)):
            below = (*path, "steps", index) if deployment.migrations.steps else path
            _check_container(below, deployment, step, report)
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


def _check_container(path: Path, deployment: Deployment, step: Step, report: Report) -> None:
    containers = list(report.names_below_path((*path[:2], "containers")))
    if step.container is not None and step.container not in containers:
        clause = f"names the container '{step.container}', which the application does not have"
        hint = report.suggest(step.container, containers)
        report.error("references/unknown-container", (*path, "container"), clause, hint)
    elif step.container is None and len(containers) > 1 and "main" not in containers:
        clause = f"does not say which container to run: there are {', '.join(containers)}"
        report.error("migrations/ambiguous-container", (*path, "container"), clause, "add 'container'")
    found = find_container(deployment, step)
    for index, name in enumerate(step.sidecars or ()):
        _check_sidecar((*path, "sidecars", index), name, found[0] if found else None, (containers, report))


def _check_sidecar(path: Path, name: str, running: str | None, among: tuple[list[str], Report]) -> None:
    containers, report = among
    if name not in containers:
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
            report.error("names/duplicate", path, clause, "rename one of the steps or deployments", key=True)


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
