"""The flavour for tools that know nothing of an order, in stages between which a script waits."""

from collections.abc import Iterator, Sequence

from ks_universal.json_types import Json
from ks_universal.manifest.flavors import PlainStage
from ks_universal.manifest.gates import find_first_applications
from ks_universal.manifest.one_off_jobs import name_by_content
from ks_universal.manifest.parts import divide
from ks_universal.manifest.uses import find_needed
from ks_universal.manifest.waves import Waves, assign_waves, sort_by_wave
from ks_universal.model.format.migrations import Phase
from ks_universal.resources.keeping import CLAIM
from ks_universal.resources.objects import Migration, Rendered, Resource, object_ref
from ks_universal.resources.precedence import find_precedence


def build_plain(rendered: Rendered, stage: PlainStage | None = None) -> tuple[Json, ...]:
    """Give the objects of a stage in apply order; without one those of all stages, one after the other."""
    first = find_first_applications(find_precedence(rendered))
    parts = divide(rendered, first)
    waves = assign_waves(rendered)
    workloads = [resource.body for name, resource in rendered.workloads.items() if name in first]
    claims = {ref for ref in find_needed(rendered, workloads) if ref.kind == CLAIM}
    come_first: list[Resource] = []
    rest: list[Resource] = []
    for resource in parts.rest:
        is_first = resource.application in first or object_ref(resource.body) in claims
        (come_first if is_first else rest).append(resource)
    stages = {
        PlainStage.NEEDS: [*(each.body for each in parts.needs), *_sort_workloads(come_first, waves)],
        PlainStage.MIGRATIONS: _sort(parts.list_jobs(Phase.PRE), waves),
        PlainStage.APPLICATION: [name_by_content(body) for body in _sort_workloads(rest, waves)],
        PlainStage.POST: _sort(parts.list_jobs(Phase.POST), waves),
    }
    chosen = tuple(PlainStage) if stage is None else (stage,)
    return tuple(body for each in chosen for body in stages[each])


def _sort(jobs: Sequence[tuple[Migration, Json]], waves: Waves) -> list[Json]:
    ordered = sorted(jobs, key=lambda job: waves[object_ref(job[0].body)])
    return [body for _, body in ordered]


def _sort_workloads(rest: Sequence[Resource], waves: Waves) -> Iterator[Json]:
    """Sort the workloads among the other objects, which stay where they are."""
    workloads = iter(sort_by_wave(waves, (resource.body for resource in rest if resource.is_rolled_out)))
    yield from (next(workloads) if resource.is_rolled_out else resource.body for resource in rest)
