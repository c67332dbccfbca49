"""Brings things into an order in which each comes after all that it needs, and names the cycle where there is none."""

import graphlib
from collections.abc import Hashable, Iterable, Mapping, Sequence
from heapq import heappop, heappush
from typing import TypeVar

_Node = TypeVar("_Node", bound=Hashable)


class CycleError(Exception):
    """Things wait for each other; `nodes` are the cycle, each needing the next, the last one equal to the first."""

    def __init__(self, nodes: Sequence[Hashable]) -> None:
        """Keep the cycle."""
        super().__init__(nodes)
        self.nodes = tuple(nodes)


def sort_by_needs(needs: Mapping[_Node, Sequence[_Node]]) -> list[_Node]:
    """Sort nodes so that each follows all that it needs, and else as they are given. Raises CycleError.

    Every node that is needed must be a key.

    Example: `{"c": ["a"], "b": [], "a": []}` gives `["b", "a", "c"]`.
    """
    sorter = graphlib.TopologicalSorter(needs)
    try:
        sorter.prepare()
    except graphlib.CycleError:
        first, *others = find_cycles(needs)[0]
        raise CycleError((first, *others, first)) from None
    rank = {node: number for number, node in enumerate(needs)}
    ready: list[tuple[int, _Node]] = []
    ordered: list[_Node] = []
    while sorter.is_active():
        for node in sorter.get_ready():
            heappush(ready, (rank[node], node))
        _, next_ = heappop(ready)
        sorter.done(next_)
        ordered.append(next_)
    return ordered


def find_cycles(needs: Mapping[_Node, Sequence[_Node]]) -> list[list[_Node]]:
    """Find cycles, each node in at most one of them, in the order of the nodes; each node needs the next.

    Every node that is needed must be a key.
    """
    done: set[_Node] = set()
    cycles = []
    for start in needs:
        trail: dict[_Node, int] = {}
        pending = [(start, 0)]
        while pending:
            node, depth = pending.pop()
            while len(trail) > depth:
                done.add(trail.popitem()[0])
            if node in trail:
                cycles.append(list(trail)[trail[node] :])
            elif node not in done:
                trail[node] = depth
                pending += ((need, depth + 1) for need in needs[node])
        done.update(trail)
    return cycles


def find_all_needs(needs: Mapping[_Node, Iterable[_Node]], *starts: _Node) -> set[_Node]:
    """Find all that must come before some nodes, directly or not, these included."""
    seen, open_ = set(starts), list(starts)
    while open_:
        for need in needs.get(open_.pop(), ()):
            if need not in seen:
                seen.add(need)
                open_.append(need)
    return seen
