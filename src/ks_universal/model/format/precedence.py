"""What comes before what in a release: the one graph that checks, plans and flavours share (docs/promises.md, "order").

A deployment has up to three parts: its migrations before the new version, its rollout, and its migrations after that.
`dependsOn` and `waitForMigrations` join the parts of different deployments. Where nothing is written, a deployment
without migrations waits for those of the whole release: they share a database until somebody says that they don't.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from typing import NamedTuple

import msgspec

from ks_universal.order import find_all_needs


class Part(StrEnum):
    """A part of what a deployment does in a release; BEFORE and AFTER are its migrations, by their phase."""

    BEFORE = "before"
    ROLLOUT = "rollout"
    AFTER = "after"


class Node(NamedTuple):
    """A part of a deployment, in the graph."""

    workload: str
    part: Part


class Waits(msgspec.Struct, frozen=True, kw_only=True):
    """What a deployment has, and what the values say that it waits for.

    `before`, `after`: the deployments that its migrations of this part depend on. `wait_for_migrations`: of all
    deployments (True), of its own alone (False), or of those named, too; None where the values say nothing.
    """

    depends_on: tuple[str, ...] = ()
    wait_for_migrations: bool | tuple[str, ...] | None = None
    migrates: bool = False
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    is_rolled_out: bool = True

    @property
    def named(self) -> tuple[str, ...]:
        """The deployments whose migrations it waits for by name."""
        return self.wait_for_migrations if isinstance(self.wait_for_migrations, tuple) else ()

    @property
    def waits_for_all(self) -> bool:
        """Whether it waits for the migrations of the whole release."""
        return not self.migrates if self.wait_for_migrations is None else self.wait_for_migrations is True


Precedence = dict[Node, tuple[Node, ...]]
"""Each part that there is, with those that it needs; each of these is a key, too."""


def build_precedence(deployments: Mapping[str, Waits]) -> Precedence:
    """Build the graph. Names of deployments that are not there are left out.

    A circle that the values write stays in it. Waiting for the whole release adds none: what a migration depends on,
    directly or not, does not wait for that migration.
    """
    needs = build_written(deployments)
    _wait_for_all(needs, [name for name, waits in deployments.items() if waits.is_rolled_out and waits.waits_for_all])
    waiting = defaultdict(list)
    for node, needed in needs.items():
        for need in needed if node.part is Part.ROLLOUT else ():
            waiting[need].append(node)
    for node in needs:
        if node.part is Part.AFTER:
            needs[node] = _unite(needs[node], waiting[Node(node.workload, Part.BEFORE)])
    return needs


def build_written(deployments: Mapping[str, Waits]) -> Precedence:
    """Build the part of the graph that the values write: the only one that may have circles."""
    needs = dict(_list_written(deployments))
    return {node: tuple(need for need in needed if need in needs) for node, needed in needs.items()}


def _list_written(deployments: Mapping[str, Waits]) -> Iterator[tuple[Node, tuple[Node, ...]]]:
    for name, waits in deployments.items():
        before, rollout, after = (Node(name, part) for part in Part)
        if waits.migrates:
            yield before, _name(waits.before, Part.ROLLOUT)
        if waits.is_rolled_out:
            others = (*_name(waits.depends_on, Part.ROLLOUT), *_name(waits.named, Part.BEFORE))
            yield rollout, _unite((before,), others)
        if waits.migrates:
            yield after, _unite((before, rollout), _name(waits.after, Part.ROLLOUT))


def _wait_for_all(needs: Precedence, names: Iterable[str]) -> None:
    migrations = [node for node in needs if node.part is Part.BEFORE]
    # Only what some migration needs by what is written can close a circle: what is added here leads to migrations.
    needed = find_all_needs(needs, *migrations)
    for name in names:
        rollout = Node(name, Part.ROLLOUT)
        if rollout not in needed:
            needs[rollout] = _unite(needs[rollout], migrations)
            continue
        for migration in migrations:
            if rollout not in find_all_needs(needs, migration):
                needs[rollout] = _unite(needs[rollout], (migration,))


def _name(names: Iterable[str], part: Part) -> tuple[Node, ...]:
    return tuple(Node(name, part) for name in names)


def _unite(some: Iterable[Node], others: Iterable[Node]) -> tuple[Node, ...]:
    return tuple(dict.fromkeys((*some, *others)))
