"""What waits for migrations, for tools that know an order and no graph; applications that migrations need do not.

What several applications use changes for all of them at once. So they all wait for the migrations that one of them
waits for; see `plan.gate`, which does the same to a plan.
"""

from ks_universal.manifest.uses import Users
from ks_universal.model.format.precedence import Node, Part, Precedence
from ks_universal.order import find_all_needs
from ks_universal.resources.objects import ObjectRef

OpenGate = tuple[ObjectRef, str]
"""What changes too early, and the application before whose migrations it does."""


def close_gates(needs: Precedence, users: Users) -> tuple[Precedence, tuple[OpenGate, ...]]:
    """Have all users of an object wait for the migrations that one of them waits for; gives what stays open, too.

    That is where a migration needs one of these users, for which the object has to be there.
    """
    closed, still_open = dict(needs), []
    for ref, names in users.items():
        rollouts = [Node(name, Part.ROLLOUT) for name in names]
        waited = (need for rollout in rollouts for need in needs[rollout] if need.part is Part.BEFORE)
        for migration in dict.fromkeys(waited):
            late = [rollout for rollout in rollouts if migration not in closed[rollout]]
            if late and find_all_needs(closed, migration).intersection(late):
                still_open.append((ref, migration.workload))
            else:
                closed.update((rollout, (*closed[rollout], migration)) for rollout in late)
    return closed, tuple(still_open)


def find_early_applications(precedence: Precedence) -> frozenset[str]:
    """Find the applications that some migration depends on: they are rolled out before it."""
    migrations = [node for node in precedence if node.part is Part.BEFORE]
    needed = find_all_needs(precedence, *migrations)
    return frozenset(node.workload for node in needed if node.part is Part.ROLLOUT)


def find_first_applications(precedence: Precedence) -> frozenset[str]:
    """Find those of the early applications that wait for no migration: they can come before all migrations."""
    return frozenset(name for name in find_early_applications(precedence) if not waits_for_migrations(precedence, name))


def waits_for_migrations(precedence: Precedence, application: str) -> bool:
    """Tell whether an application is rolled out after some migration."""
    needs = find_all_needs(precedence, Node(application, Part.ROLLOUT))
    return any(need.part is Part.BEFORE for need in needs)
