"""Brings steps into an order in which each comes after all that it needs."""

from collections.abc import Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from heapq import heappop, heappush


class Circle(Exception):  # noqa: N818 - named by what was found
    """Steps wait for each other; `steps` names the circle, each needing the next, the last one equal to the first."""

    def __init__(self, steps: Sequence[str]) -> None:
        """Keep the circle."""
        super().__init__(steps)
        self.steps = tuple(steps)


def sort_by_needs(needs: Mapping[str, Sequence[str]]) -> list[str]:
    """Sort ids so that each follows all that it needs, and else as they are given. Raises Circle.

    Every id that is needed must be a key.

    Example: `{"c": ["a"], "b": [], "a": []}` gives `["b", "a", "c"]`.
    """
    sorter = TopologicalSorter(needs)
    try:
        sorter.prepare()
    except CycleError as error:
        raise Circle(error.args[1][::-1]) from None
    rank = {step: number for number, step in enumerate(needs)}
    ready: list[tuple[int, str]] = []
    ordered: list[str] = []
    while sorter.is_active():
        for step in sorter.get_ready():
            heappush(ready, (rank[step], step))
        _, first = heappop(ready)
        sorter.done(first)
        ordered.append(first)
    return ordered
