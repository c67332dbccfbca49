"""Extra objects in a plan: what makes which configuration, and what has to be there before something can be made."""

from collections.abc import Iterator

from ks_universal.json_types import Json
from ks_universal.model.kubernetes.kind_names import group_of
from ks_universal.model.kubernetes.makers import Stage, find_stage, list_made
from ks_universal.resources.objects import ObjectRef, Rendered, object_ref


class Extras:
    """The extra objects of a release. `makers`: ConfigMaps and Secrets to what makes them."""

    def __init__(self, rendered: Rendered) -> None:
        extras = {object_ref(resource.body): resource.body for resource in rendered.objects if resource.is_extra}
        self.makers = {
            ObjectRef(kind, ref.namespace, name): ref for ref, body in extras.items() for kind, name in list_made(body)
        }
        self._stages = {ref: find_stage(body) for ref, body in extras.items()}
        self._definitions = {ref: extras[ref] for ref, stage in self._stages.items() if stage is Stage.DEFINITION}
        self._sources = [ref for ref, stage in self._stages.items() if stage is Stage.SOURCE]

    def find_definitions(self, body: Json) -> Iterator[ObjectRef]:
        """Find the definition of an object's kind, its namespace, and what makers ask."""
        ref = object_ref(body)
        yield from (
            other for other, definition in self._definitions.items() if other != ref and defines(definition, body)
        )
        if self._stages.get(ref) is Stage.MAKER:
            yield from self._sources


def defines(definition: Json, body: Json) -> bool:
    """Tell whether an object is of the kind, or in the namespace, that another one defines."""
    if definition["kind"] == "Namespace":
        return bool(body["metadata"].get("namespace") == definition["metadata"]["name"])
    spec = definition.get("spec") or {}
    return (spec.get("group"), (spec.get("names") or {}).get("kind")) == (group_of(body["apiVersion"]), body["kind"])
