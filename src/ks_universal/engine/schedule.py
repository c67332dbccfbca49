"""Which steps of a plan may begin; pure."""

from collections.abc import Sequence

from ks_universal.plan.steps import Step


class Schedule:
    """The steps that have not begun yet, and what each still waits for."""

    def __init__(self, steps: Sequence[Step]) -> None:
        self._steps = {step.id: step for step in steps}
        self._open = {step.id: set(step.needs) for step in steps}
        self._dependents: dict[str, list[str]] = {step.id: [] for step in steps}
        for step in steps:
            for need in step.needs:
                self._dependents[need].append(step.id)
        self._ready = [step.id for step in steps if not step.needs]

    def take_ready(self) -> list[Step]:
        """Give the steps that may begin now, each once, in the order of the plan."""
        ready, self._ready = self._ready, []
        return [self._steps[step] for step in ready]

    def succeed(self, step: str) -> None:
        """Note that a step has succeeded."""
        for dependent in self._dependents[step]:
            needs = self._open.get(dependent, set())
            needs.discard(step)
            if dependent in self._open and not needs:
                self._ready.append(dependent)

    def fail(self, step: str) -> list[str]:
        """Note that a step has failed; gives those that now never begin, each once over all calls."""
        lost: list[str] = []
        causes = [step]
        while causes:
            for dependent in self._dependents[causes.pop(0)]:
                if self._open.pop(dependent, None) is not None:
                    lost.append(dependent)
                    causes.append(dependent)
        return lost
