"""A release on this machine: processes, and an embedded PostgreSQL."""

import tempfile
from pathlib import Path
from typing import Any

from ks_universal.api.values import Values, check_release, render, require_application
from ks_universal.diagnostics import Problem, Severity
from ks_universal.engine.events import Emit
from ks_universal.engine.run import run
from ks_universal.errors import TargetError
from ks_universal.model.format.images import find_entry
from ks_universal.plan.records import Revision
from ks_universal.plan.selection import MigratePolicy
from ks_universal.resources.images import list_images
from ks_universal.targets.accounts import name_user
from ks_universal.targets.containers import ContainerTarget
from ks_universal.targets.containers.client import find_engine
from ks_universal.targets.containers.data import list_data, remove_data
from ks_universal.targets.containers.host import stop_containers
from ks_universal.targets.local import LocalTarget
from ks_universal.targets.local.down import stop_processes, stop_release
from ks_universal.targets.local.state import (
    FREE_THE_DISK,
    StateFolder,
    make_common,
    make_private,
    refuse_link,
    telling_of_disk,
)

PROCESS = "process"
STATE = Path(".ks-universal")
"""Where releases of this machine keep their state by default, each in a folder of its own."""

_POSTGRES_CHANGED = Problem(
    "local/postgres-changed",
    "'local.postgres' has changed, but the embedded PostgreSQL runs on as it was started",
    hint="end 'ks-universal up' and start it again",
    severity=Severity.WARNING,
)


async def choose_engine(values: Values, release: str, namespace: str = "") -> str:
    """Choose what runs the containers of a release here: `process` where `local.images` has all of its images.

    Else the first container engine that answers. Raises InputError as `render` does, TargetError where there is none.
    """
    local = require_application(values, release, namespace).local
    images = list_images(render(values, release, namespace))
    unmapped = next((image for image in images if find_entry(local.images, image) is None), None)
    if unmapped is None:
        return PROCESS
    engine = await find_engine()
    if isinstance(engine, Problem):
        hint = "install podman or Docker, say in `local.images` what stands for it, or run processes: --engine process"
        message = f"image {unmapped} is not in `local.images`, and {engine.message}"
        raise TargetError(Problem("local/engine", message, hint=hint))
    return engine


def open_local(  # noqa: PLR0913 - the last five have a default
    values: Values,
    release: str,
    namespace: str = "",
    *,
    directory: Path = Path(),
    state: Path | None = None,
    retry_delay_s: float = 1.0,
    fresh: bool = False,
    engine: str = PROCESS,
) -> LocalTarget:
    """Give this machine as a target for the release; nothing is touched before the first run.

    `directory` is where the relative paths of `local` start, `state` the release's folder (default: the one of
    its name in `.ks-universal`). `fresh` forgets what is recorded there, and wipes the data of the embedded PostgreSQL
    and of claims, when the first run begins. `engine` runs the containers: `process` (as `local.images` says), `podman`
    or `docker`; `choose_engine` chooses one. Close it at the end: that stops what runs.

    Raises InputError as `render` does.
    """
    local = require_application(values, release, namespace).local
    if state is None:
        state = make_common(STATE) / release
    settings: dict[str, Any] = {"directory": directory, "state": state, "retry_delay_s": retry_delay_s, "fresh": fresh}
    if engine == PROCESS:
        return LocalTarget(release, namespace, local, **settings)
    return ContainerTarget(release, namespace, local, engine=engine, **settings)


def check_for_target(values: Values, target: LocalTarget) -> tuple[Problem, ...]:
    """Find what a target does otherwise than values may mean it, or cannot take over while it runs: a warning each."""
    if values.application is None:
        return ()
    changed = values.application.local.postgres != target.postgres
    return (*([_POSTGRES_CHANGED] if changed else ()), *target.find_warnings(values.application.local))


def list_sources(values: Values, target: LocalTarget) -> tuple[Path, ...]:
    """List the files and folders that the images of these values are made of, on a target."""
    if values.application is None:
        return ()
    return target.list_sources(values.application.local)


async def up(  # noqa: PLR0913 - the words after `by` are the user's, each with its default
    values: Values,
    target: LocalTarget,
    emit: Emit,
    *,
    by: str | None = None,
    migrate: MigratePolicy | str = "auto",
    wait_for_lock: bool = True,
    force: bool = False,
) -> Revision:
    """Bring the target's release to these values, and return the record of that run; what came up is served on.

    A failure is in the record and in the events, and leaves the version before as it was. To be called again with each
    new version, on the same target. `by` says who runs it (default: `name_user()`). Raises as `render` does,
    LockedError, and TargetError.
    """
    rendered = render(values, target.release, target.namespace)
    target.configure(require_application(values, target.release, target.namespace).local)
    policy = MigratePolicy(migrate)
    await target.serve(emit, wait=wait_for_lock)
    rendered = await target.prepare(rendered, emit)
    keeping = target.keep_lines(emit)
    return await run(
        rendered, target, keeping, by=by or name_user(), migrate=policy, wait_for_lock=wait_for_lock, force=force
    )


async def down(release: str, emit: Emit, *, fresh: bool = False, state: Path | None = None) -> bool:
    """Stop a release that runs on this machine; returns, when nothing of it is left, whether anything ran.

    With `fresh` its data goes, too, and its record: all that `list_local_data` lists, and its folder. `state` as for
    `open_local`; `emit` hears whom it waits for. Raises InputError for a name that no release can have, TargetError
    where the container engine that may hold its data does not work.
    """
    folder = find_state(release, state)
    stops = [stop_processes, remove_data if fresh else stop_containers]
    return await stop_release(release, emit, folder, stops, forget=fresh)


async def list_local_data(release: str, *, state: Path | None = None) -> tuple[str, ...]:
    """List what `down` with `fresh` removes, and nothing brings back. Raises as `down` does."""
    folder = StateFolder(find_state(release, state))
    postgres = ["the data of its PostgreSQL"] if (folder.path / "postgres").exists() else []
    record = ["its record"] if (folder.path / "revisions").exists() else []
    return (*postgres, *await list_data(folder), *record)


def find_state(release: str, state: Path | None) -> Path:
    """Give the folder of a release. Raises InputError for a name that no release can have."""
    check_release(release)
    if state is None:
        refuse_link(STATE)
        state = STATE / release
    return state


def make_output_folder(release: str) -> Path:
    """Make a new folder in the release's state, for the output of a program that runs it in the background.

    Raises InputError for a name that no release can have, TargetError where the folder cannot be made.
    """
    check_release(release)
    make_common(STATE)
    state = make_private(STATE / release)
    with telling_of_disk(state):
        return Path(tempfile.mkdtemp(prefix="up-", dir=state))


def tell_full_disk(folder: Path) -> Problem:
    """Say that a run could not write its output to a folder."""
    return Problem("local/disk", f"{folder}: what the run said could not be written there", hint=FREE_THE_DISK)
