"""The same release for those who deploy with kubectl, Helm, Argo CD or Flux."""

from enum import StrEnum

import msgspec

from ks_universal.json_types import Json
from ks_universal.resources.objects import Rendered


class Flavor(StrEnum):
    """What the manifests are for: tools without an order of their own, Helm's hooks, Argo CD's sync waves, or Flux."""

    PLAIN = "plain"
    HELM = "helm"
    ARGOCD = "argocd"
    FLUX = "flux"


class PlainStage(StrEnum):
    """A part of what `plain` prints: what migrations need, they, what waits for them, and those of the phase `post`."""

    NEEDS = "needs"
    MIGRATIONS = "migrations"
    APPLICATION = "application"
    POST = "post"


class FluxSource(msgspec.Struct, frozen=True):
    """Where Flux finds a release: the source, and the folder in it; `namespace` is that of both in the cluster."""

    kind: str = "GitRepository"
    name: str = "flux-system"
    namespace: str = "flux-system"
    path: str = "."


def flavor_objects(
    rendered: Rendered, flavor: Flavor, *, stage: PlainStage | None = None, flux: FluxSource | None = None
) -> tuple[Json, ...]:
    """Give all objects of a release, migration Jobs included, in the order in which they are to be applied.

    Of the flavour `plain` those of a stage, where one is given; `flux` is for the Kustomizations of that flavour.
    """
    # What only another flavour needs is not loaded for this one.
    match flavor:
        case Flavor.PLAIN:
            from ks_universal.manifest.plain import build_plain

            return build_plain(rendered, stage)
        case Flavor.HELM:
            from ks_universal.manifest.helm import build_hooks

            return build_hooks(rendered)
        case Flavor.ARGOCD:
            from ks_universal.manifest.argocd import build_sync_waves

            return build_sync_waves(rendered)
        case Flavor.FLUX:
            from ks_universal.manifest.flux import list_objects

            return list_objects(rendered, flux)
