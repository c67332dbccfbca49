"""What must come after what, as numbers: for formats that know an order but no graph."""

from collections.abc import Iterable

from ks_universal.json_types import Json
from ks_universal.model.format.migrations import Phase
from ks_universal.model.format.precedence import Node, Part, Precedence
from ks_universal.order import sort_by_needs
from ks_universal.resources.objects import ObjectRef, Rendered, object_ref
from ks_universal.resources.precedence import find_precedence

Waves = dict[ObjectRef, int]
"""From 1 up: what has a lower number comes first, what has the same does not depend on each other."""

_PARTS = {Phase.PRE: Part.BEFORE, Phase.POST: Part.AFTER}


def assign_waves(rendered: Rendered, needs: Precedence | None = None) -> Waves:
    """Number all migration Jobs and workloads, in the order of the release's graph, or of another one.

    The steps of a part follow each other. Raises order.CycleError.
    """
    bodies: dict[Node, list[Json]] = {}
    for resource in rendered.objects:
        if resource.application is not None and resource.is_rolled_out:
            bodies[Node(resource.application, Part.ROLLOUT)] = [resource.body]
    for migration in rendered.migrations:
        bodies.setdefault(Node(migration.application, _PARTS[migration.phase]), []).append(migration.body)
    needs = find_precedence(rendered) if needs is None else needs
    waves: Waves = {}
    last: dict[Node, int] = {}
    for node in sort_by_needs(needs):
        last[node] = max((last[need] for need in needs[node]), default=0)
        for body in bodies.get(node, ()):
            last[node] += 1
            waves[object_ref(body)] = last[node]
    return waves


def sort_by_wave(waves: Waves, bodies: Iterable[Json]) -> list[Json]:
    """Sort Jobs and workloads by their waves; those of one wave stay in the order given."""
    return sorted(bodies, key=lambda body: waves[object_ref(body)])
