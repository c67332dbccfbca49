"""Claims of storage: `persistentVolumeClaims`, and those that each pod of a StatefulSet gets (section 8)."""

from typing import Annotated

from ks_universal.json_types import Json
from ks_universal.model.format.types import Format, Inline, Labels


class ClaimSettings(Format, frozen=True, kw_only=True):
    """What a PersistentVolumeClaim asks for."""

    access_modes: tuple[str, ...] = ()
    size: str | None = None
    storage_class_name: str | None = None
    labels: Labels = {}
    annotations: Labels = {}
    kubernetes: Annotated[Json, Inline("PersistentVolumeClaimSpec")] = {}


class Claim(ClaimSettings, frozen=True, kw_only=True):
    """A PersistentVolumeClaim."""

    namespace: str | None = None


class ClaimTemplate(ClaimSettings, frozen=True, kw_only=True):
    """An entry of `statefulSets.NAME.volumeClaimTemplates`; containers mount it by its name."""

    name: str = ""
