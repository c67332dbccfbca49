"""The steps of a plan while it is built: what needs what."""

from collections.abc import Iterable

import msgspec

from ks_universal.order import find_all_needs, sort_by_needs
from ks_universal.plan.steps import Step


class Graph:
    """Steps with their needs; needs may be added as long as the plan is built."""

    def __init__(self) -> None:
        self._steps: dict[str, Step] = {}
        self._needs: dict[str, dict[str, None]] = {}

    def add(self, step: Step, needs: Iterable[str] = ()) -> None:
        """Add a step; ids that are no steps in the end are left out of its needs."""
        self._steps[step.id] = step
        self._needs[step.id] = dict.fromkeys(needs)

    def add_first(self, step: Step) -> None:
        """Add a step for which all those wait that are there."""
        for needs in self._needs.values():
            needs[step.id] = None
        self.add(step)

    def add_before(self, step: Step, other: str) -> None:
        """Add a step between another one and all that this waits for."""
        self.add(step, self._needs[other])
        self.require(other, step.id)

    def require(self, step: str, need: str) -> None:
        """Have a step wait for another one."""
        self._needs[step][need] = None

    def find_all_needs(self, *steps: str) -> set[str]:
        """Find the steps that must come before some, directly or not, these included."""
        return find_all_needs(self._needs, *steps)

    def find_last(self) -> list[str]:
        """Find the steps that no other waits for: when they have succeeded, all have."""
        needed = {need for needs in self._needs.values() for need in needs}
        return [step for step in self._steps if step not in needed]

    def sort(self) -> tuple[Step, ...]:
        """Give the steps in an order that respects their needs. Raises order.Circle."""
        needs = {step: [need for need in needs if need in self._steps] for step, needs in self._needs.items()}
        ordered = sort_by_needs(needs)
        return tuple(msgspec.structs.replace(self._steps[step], needs=tuple(needs[step])) for step in ordered)
