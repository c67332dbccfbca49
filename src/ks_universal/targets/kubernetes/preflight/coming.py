"""Definitions that a plan makes first: what is of their kind, or in their namespace, cannot be tried before."""

from collections.abc import Iterable, Mapping

from ks_universal.json_types import Json
from ks_universal.model.kubernetes.makers import DEFINITION_KINDS
from ks_universal.plan.extras import defines
from ks_universal.resources.objects import ObjectRef, object_ref


class Coming:
    """The definitions among the objects of a plan that are not there yet."""

    def __init__(self, bodies: Iterable[Json], live: Mapping[ObjectRef, Json]) -> None:
        refs = ((body, object_ref(body)) for body in bodies)
        self._definitions = [body for body, ref in refs if ref.kind in DEFINITION_KINDS and ref not in live]

    def brings(self, body: Json) -> bool:
        """Tell whether an object can only be made when one of them has been."""
        return any(defines(definition, body) for definition in self._definitions)
