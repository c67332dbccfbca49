"""Rehearsals of a release's own migrations, run as `up` runs them."""

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import msgspec

from ks_universal.api.values import Values, render, require_application
from ks_universal.diagnostics import Problem, has_errors
from ks_universal.engine.masking import Mask
from ks_universal.errors import InputError
from ks_universal.json_types import Json
from ks_universal.model.format.images import find_entry
from ks_universal.model.format.local import Local
from ks_universal.plan.rehearsals import RehearsalSummary, VerdictSummary, check_policies
from ks_universal.rehearsal.command import Command, Process
from ks_universal.rehearsal.environment import redirect
from ks_universal.rehearsal.rehearse import RehearsalCommands, RehearsalReport, rehearse
from ks_universal.rehearsal.server import APPLICATION, Server
from ks_universal.rehearsal.verdicts import shorten
from ks_universal.resources.images import list_containers
from ks_universal.resources.objects import Migration, ObjectRef, Rendered, object_ref
from ks_universal.suggestions import nearest
from ks_universal.targets.local.containers import Machine, build_processes
from ks_universal.targets.local.environment import Sources
from ks_universal.targets.local.hosting import is_sidecar
from ks_universal.targets.local.postgres.setup import name_facts

_LONGEST = 400
"""Characters of a message, or a statement, in a plan."""


def list_rehearsed(
    values: Values,
    release: str,
    namespace: str = "",
    *,
    deployment: str | None = None,
    directory: Path = Path(),
    folder: Path | None = None,
) -> RehearsalCommands:
    """Give the migrations of a release, and what undoes them, as what `rehearse` takes.

    They run as processes, as `up` runs them: with `local.images` of the values, whose paths start in `directory`; all
    variables that name a database name the rehearsal's. `folder` is what `rehearse` copies (default: `directory`): what
    is in it runs in the copy. `deployment`: only the migrations of this application. Raises InputError as `render`
    does, and where there is no such application, or no migration.
    """
    rendered = render(values, release, namespace)
    local = require_application(values, release, namespace).local
    chosen = [each for each in rendered.migrations if deployment in (None, each.application)]
    if not chosen:
        raise InputError([_no_migrations(rendered, deployment)])
    names = ", ".join(dict.fromkeys(each.application for each in chosen))
    pods = _Pods(rendered=rendered, local=local, directory=directory.absolute(), folder=(folder or directory).resolve())
    migrate = partial(pods.build, [migration.body for migration in chosen])
    undo = partial(pods.build, [body for migration in reversed(chosen) for body in migration.undo])
    return RehearsalCommands(
        migrate=Command(f"the migrations of {names}", migrate, tuple(_note_unmapped(chosen, local))),
        rollback=Command(f"what undoes those of {names}", undo) if any(each.undo for each in chosen) else None,
        mask=Mask([resource.body for resource in rendered.objects], (release, namespace)),
    )


async def rehearse_update(
    values: Values,
    before: Values | None,
    release: str,
    namespace: str = "",
    *,
    directory: Path = Path(),
    say: Callable[[str], None] = lambda _: None,
) -> RehearsalSummary | None:
    """Rehearse the migrations of new values, on what those of the values `before` make; None where they are the same.

    `directory` is where the paths of `local.images` start; what is in it is copied. Raises as `list_rehearsed` and
    `rehearse` do.
    """
    migrations = render(values, release, namespace).migrations
    known = render(before, release, namespace).migrations if before is not None else ()
    if migrations == known:
        return None
    commands = list_rehearsed(values, release, namespace, directory=directory)
    if before is not None and known:
        base = list_rehearsed(before, release, namespace, directory=directory).migrate
        base = Command("the migrations of the version before", base.build)
        commands = msgspec.structs.replace(commands, base=base)
    return summarize_rehearsal(await rehearse(commands, folder=directory, quick=True, say=say))


def check_rehearsal(
    values: Values, rehearsal: RehearsalSummary, release: str, namespace: str = ""
) -> tuple[Problem, ...]:
    """Find what `migrations.policy` of values has against what a rehearsal says."""
    return tuple(check_policies(render(values, release, namespace).policies, rehearsal, release))


def summarize_rehearsal(report: RehearsalReport) -> RehearsalSummary:
    """Give what a plan keeps of a rehearsal that has just been held."""
    return RehearsalSummary(
        held=datetime.now(UTC).replace(microsecond=0),
        server=report.server,
        runs=tuple(run.name for run in report.runs),
        verdicts=tuple(
            VerdictSummary(
                code=each.code,
                severity=each.severity,
                table=each.table,
                message=shorten(each.message, _LONGEST),
                advice=each.advice,
                statement=shorten(each.statement, _LONGEST) if each.statement else None,
            )
            for each in report.verdicts
        ),
    )


class _Pods(msgspec.Struct, frozen=True, kw_only=True):
    """How Jobs become processes here."""

    rendered: Rendered
    local: Local
    directory: Path
    folder: Path

    def build(self, jobs: Iterable[Json], server: Server, tree: Path) -> tuple[Process, ...]:
        """Give the processes of Jobs, init containers first. Raises InputError with why one cannot run here."""
        objects = {object_ref(resource.body): resource.body for resource in self.rendered.objects}
        machine = Machine(
            self.local, self.directory, name_facts(server.port, server.role, server.password, APPLICATION)
        )
        processes: list[Process] = []
        problems: list[Problem] = []
        for job in jobs:
            found, why = self._build_job(job, objects, machine, server, tree)
            processes += found
            problems += why
        if has_errors(problems):
            raise InputError(problems)
        return tuple(processes)

    def _build_job(
        self, job: Json, objects: dict[ObjectRef, Json], machine: Machine, server: Server, tree: Path
    ) -> tuple[list[Process], tuple[Problem, ...]]:
        template, name = job["spec"]["template"], job["metadata"]["name"]
        sources = Sources(objects, self.rendered.namespace, template, f"{name}-rehearsal")
        requests, problems = build_processes(template, name, sources, machine)
        pod = template["spec"]
        containers = (*(each for each in pod.get("initContainers") or () if not is_sidecar(each)), pod["containers"][0])
        return [
            Process(
                argv=request.argv,
                env=redirect(request.env, server),
                directory=self._find_copy(Path(request.directory), tree),
            )
            for request in (requests[container["name"]] for container in containers)
        ], problems

    def _find_copy(self, folder: Path, tree: Path) -> Path:
        """Find a folder in the copy of the tree; one outside of the tree stays what it is."""
        return tree / folder.relative_to(self.folder) if folder.is_relative_to(self.folder) else folder


def _note_unmapped(migrations: Iterable[Migration], local: Local) -> Iterator[str]:
    """Say of each image that nothing stands for: `up` would run it in a container."""
    containers = (each for migration in migrations for each in list_containers(migration.body) if not is_sidecar(each))
    for image in dict.fromkeys(each["image"] for each in containers):
        if find_entry(local.images, image) is None:
            yield (
                f"image {image} is not in `local.images`: its command runs with the programs of this machine, in its"
                " files, where `up` runs a container; say there what stands for it, or give --command"
            )


def _no_migrations(rendered: Rendered, deployment: str | None) -> Problem:
    names = list(dict.fromkeys(each.application for each in rendered.migrations))
    if deployment is None or not names:
        return Problem("rehearsal/no-migrations", "the release has no migrations", hint="see 'migrations.enabled'")
    guess = nearest(deployment, names)
    hint = f"did you mean {guess}?" if guess else f"these have some: {', '.join(names)}"
    return Problem("rehearsal/no-migrations", f"{deployment} has no migrations", hint=hint)
