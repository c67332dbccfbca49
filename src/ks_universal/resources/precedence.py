"""The order of a release, read off its objects."""

from collections.abc import Collection

from ks_universal.model.format.migrations import Phase
from ks_universal.model.format.precedence import Precedence, Waits, build_precedence
from ks_universal.resources.objects import Migration, Rendered


def find_precedence(rendered: Rendered, migrating: Collection[str] = ()) -> Precedence:
    """Find what comes before what. `migrating` are applications whose migrations run, whatever is rendered of them."""
    migrations: dict[str, list[Migration]] = {}
    for migration in rendered.migrations:
        migrations.setdefault(migration.application, []).append(migration)
    workloads = rendered.workloads
    return build_precedence(
        {
            name: Waits(
                depends_on=workloads[name].depends_on if name in workloads else (),
                wait_for_migrations=workloads[name].wait_for_migrations if name in workloads else None,
                migrates=name in migrations or name in migrating,
                before=_list_dependencies(migrations.get(name, ()), Phase.PRE),
                after=_list_dependencies(migrations.get(name, ()), Phase.POST),
                is_rolled_out=name in workloads,
            )
            for name in dict.fromkeys((*workloads, *migrations))
        }
    )


def _list_dependencies(migrations: Collection[Migration], phase: Phase) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for m in migrations if m.phase is phase for name in m.depends_on))
