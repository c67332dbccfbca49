"""Which workloads a Service leads to."""

from collections.abc import Iterable, Iterator

from ks_universal.json_types import Json


def find_selected(service: Json, workloads: Iterable[tuple[str, Json]]) -> Iterator[str]:
    """Find the names of those whose pods a Service selects."""
    selector = (service.get("spec") or {}).get("selector") or {}
    for name, body in workloads:
        labels = body["spec"]["template"]["metadata"].get("labels", {})
        if selector and selector.items() <= labels.items():
            yield name
