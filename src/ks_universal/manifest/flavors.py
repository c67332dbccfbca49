"""The same release for those who deploy with kubectl, Helm or Argo CD."""

from enum import StrEnum
from itertools import takewhile

from ks_universal.json_types import Json
from ks_universal.manifest.waves import assign_waves, sort_by_wave
from ks_universal.resources.objects import Rendered


class Flavor(StrEnum):
    """What the manifests are for: any tool that applies in the order given, Helm's hooks, or Argo CD's sync waves."""

    PLAIN = "plain"
    HELM = "helm"
    ARGOCD = "argocd"


def flavor_objects(rendered: Rendered, flavor: Flavor) -> tuple[Json, ...]:
    """Give all objects of a release, migration Jobs included, in the order in which they are to be applied."""
    # What only another flavour needs is not loaded for this one.
    match flavor:
        case Flavor.PLAIN:
            return _order(rendered)
        case Flavor.HELM:
            from ks_universal.manifest.helm import build_hooks

            return build_hooks(rendered)
        case Flavor.ARGOCD:
            from ks_universal.manifest.argocd import build_sync_waves

            return build_sync_waves(rendered)


def _order(rendered: Rendered) -> tuple[Json, ...]:
    """Put the migrations among the workloads; what needs these stays behind them."""
    workloads = [resource.body for resource in rendered.objects if resource.is_rolled_out]
    before = list(takewhile(lambda resource: not resource.is_rolled_out, rendered.objects))
    first = [resource.body for resource in before]
    last = [resource.body for resource in rendered.objects[len(first) :] if not resource.is_rolled_out]
    jobs = [migration.body for migration in rendered.migrations]
    return (*first, *sort_by_wave(assign_waves(rendered), [*jobs, *workloads]), *last)
