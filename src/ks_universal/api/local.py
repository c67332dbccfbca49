"""A release on this machine: processes, and an embedded PostgreSQL."""

from pathlib import Path

from ks_universal.api.values import Values, check_release, render, require_application
from ks_universal.engine.events import Emit
from ks_universal.engine.run import run
from ks_universal.plan.records import Revision
from ks_universal.plan.selection import MigratePolicy
from ks_universal.targets.local import LocalTarget
from ks_universal.targets.local.down import stop_release


def open_local(  # noqa: PLR0913 - the last four have a default or are places
    values: Values,
    release: str,
    namespace: str = "",
    *,
    directory: Path,
    state: Path,
    retry_delay_s: float = 1.0,
    fresh: bool = False,
) -> LocalTarget:
    """Give this machine as a target for the release; nothing is touched before the first run.

    `directory` is where the relative paths of `local.images` start, `state` the release's folder. `fresh` forgets what
    is recorded there, and wipes the data of the embedded PostgreSQL, when the first run begins. Close it at the end:
    that stops what runs. Raises InputError as `render` does.
    """
    local = require_application(values, release, namespace).local
    return LocalTarget(
        release, namespace, local, directory=directory, state=state, retry_delay_s=retry_delay_s, fresh=fresh
    )


async def up(  # noqa: PLR0913 - the words after `by` are the user's, each with its default
    values: Values,
    target: LocalTarget,
    emit: Emit,
    *,
    by: str,
    migrate: MigratePolicy | str = "auto",
    wait_for_lock: bool = True,
    force: bool = False,
) -> Revision:
    """Bring the target's release to these values, and return the record of that run; what came up runs on.

    A failure is in the record and in the events, and leaves the version before as it was. To be called again with each
    new version, on the same target. Raises as `render` and `engine.run.run` do.
    """
    rendered = render(values, target.release, target.namespace)
    target.configure(require_application(values, target.release, target.namespace).local)
    policy = MigratePolicy(migrate)
    return await run(rendered, target, emit, by=by, migrate=policy, wait_for_lock=wait_for_lock, force=force)


async def down(release: str, emit: Emit, *, state: Path) -> bool:
    """Stop a release that runs on this machine; returns, when nothing of it is left, whether anything ran.

    `emit` hears whom it waits for. Raises InputError for a name that no release can have.
    """
    check_release(release)
    return await stop_release(release, emit, state)
