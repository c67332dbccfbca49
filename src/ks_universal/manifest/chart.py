"""What makes a chart of the manifests of the Helm flavour: Chart.yaml, and the notes that Helm prints."""

from collections.abc import Iterator, Sequence

from ks_universal.digests import digest_json
from ks_universal.json_types import Json
from ks_universal.manifest.helm import is_left_behind
from ks_universal.manifest.yaml import write_yaml
from ks_universal.metadata_keys import VERSION
from ks_universal.resources.objects import Rendered, object_ref

_DIGEST_LENGTH = 8


def chart_files(rendered: Rendered, bodies: Sequence[Json]) -> dict[str, str]:
    """Give the texts of the files of a chart beside its manifests, which are `bodies`, by their paths in it.

    The version says what is in the chart: whoever looks for a new version of it (Flux) finds one when that changes.
    """
    chart: Json = {
        "apiVersion": "v2",
        "name": rendered.release,
        "version": f"1.0.0+{digest_json(bodies, _DIGEST_LENGTH)}",
    }
    if versions := _list_versions(rendered):
        chart["appVersion"] = ", ".join(versions)
    return {"Chart.yaml": write_yaml([chart]), "templates/NOTES.txt": "\n".join(_write_notes(rendered, bodies)) + "\n"}


def _list_versions(rendered: Rendered) -> list[str]:
    labels = (resource.body["metadata"].get("labels") or {} for resource in rendered.workloads.values())
    return list(dict.fromkeys(label[VERSION] for label in labels if VERSION in label))


def _write_notes(rendered: Rendered, bodies: Sequence[Json]) -> Iterator[str]:
    yield f"{rendered.release} was written by 'ks-universal template --flavor helm'."
    if rendered.migrations:
        yield ""
        yield "Its migrations have succeeded. They run in each upgrade, and not in a rollback. What they said:"
        yield from (f"  kubectl logs{_place(each.body)} {_name(each.body)}" for each in rendered.migrations)
    if left := [body for body in bodies if is_left_behind(body)]:
        yield ""
        yield "After 'helm uninstall' these stay. To remove them, claims with their data:"
        yield from (f"  kubectl delete{_place(body)} {_name(body)}" for body in left)


def _place(body: Json) -> str:
    return f" -n {body['metadata'].get('namespace') or '{{ .Release.Namespace }}'}"


def _name(body: Json) -> str:
    ref = object_ref(body)
    return f"{ref.kind.lower()}/{ref.name}"
