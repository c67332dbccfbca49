"""What must come after what, as numbers: for formats that know an order but no graph."""

from collections.abc import Iterable

from ks_universal.model.migrations import Phase
from ks_universal.resources.objects import Identity, Json, Migration, Rendered, identity

Waves = dict[Identity, int]
"""From 1 up: what has a lower number comes first, what has the same does not depend on each other."""


def assign_waves(rendered: Rendered) -> Waves:
    """Number all migration Jobs and Deployments.

    The steps of an application follow each other, its Deployment follows those of phase `pre`, those of phase `post`
    follow it; a step also follows the Deployments that it depends on.
    """
    return _Numbering(rendered).number_all()


def sort_by_wave(waves: Waves, bodies: Iterable[Json]) -> list[Json]:
    """Sort Jobs and Deployments by their waves; those of one wave stay in the order given."""
    return sorted(bodies, key=lambda body: waves[identity(body)])


class _Numbering:
    """The numbers given so far; `_deployed` says after which wave an application runs."""

    def __init__(self, rendered: Rendered) -> None:
        self._deployments = {r.application: r.body for r in rendered.objects if r.body["kind"] == "Deployment"}
        self._steps: dict[str, list[Migration]] = {}
        for migration in rendered.migrations:
            self._steps.setdefault(migration.application, []).append(migration)
        self._deployed: dict[str, int] = {}
        self._waves: Waves = {}

    def number_all(self) -> Waves:
        for application in self._deployments:
            if application is not None:
                self._number_application(application)
        return self._waves

    def _number_application(self, application: str) -> int:
        if application in self._deployed:
            return self._deployed[application]
        # Stands while its own dependencies are numbered: a circle, which the plan reports, must not recurse forever.
        self._deployed[application] = 0
        steps = self._steps.get(application, [])
        last = self._number_steps((step for step in steps if step.phase is Phase.PRE), 0)
        self._deployed[application] = last + 1
        if application in self._deployments:
            self._waves[identity(self._deployments[application])] = last + 1
        self._number_steps((step for step in steps if step.phase is Phase.POST), last + 1)
        return last + 1

    def _number_steps(self, steps: Iterable[Migration], last: int) -> int:
        for step in steps:
            last = 1 + max([last, *map(self._number_application, step.depends_on)])
            self._waves[identity(step.body)] = last
        return last
