"""Writes docs/values.md out of the model: python tools/values_docs.py. A test holds the two equal."""

from collections.abc import Iterator
from pathlib import Path

from ks_universal.model.format.workloads import DaemonSet, Deployment, StatefulSet
from ks_universal.model.reference.description import ROOT, FormatMap, Key, Kind, ListOf, MapOf, list_keys
from ks_universal.model.reference.explain import find_inner, name_default, name_kind

FILE = Path(__file__).parents[1] / "docs" / "values.md"
_HEAD = """# Values

Every key of a values file. Made from the model by `python tools/values_docs.py`; `ks-universal explain PATH` says the
same on a terminal, and `ks-universal schema` says it to editors.

`*` stands for a name that you choose, `[]` for each entry of a list. Where text is wanted, the characters count as
written: `imageTag: 1.10` is `1.10`. `null` is the same as leaving a key out, and removes what it would inherit; a
written `false`, `0`, `""`, `[]` or `{}` wins over what is inherited. Every field that Kubernetes knows there is
taken under its own name, too. A key at the top that begins with `x-` is yours: for anchors, and for expressions.

In `migrations`, `env`, `envFrom`, `volumes` and `volumeMounts` add to what the container has, also where they are `[]`;
there `inherit`, or an entry with nothing but its name (`- {name: DEBUG, value: null}`), takes away.
"""


def write_docs() -> str:
    """Give the text of the page: one table for each map of the format, where it first occurs."""
    places = _find_places()
    return "\n".join([_HEAD, *(line for kind, path in places.items() for line in _write_place(kind, path, places))])


def _find_places() -> dict[FormatMap, str]:
    """Find each map of the format with the path of its first place, a section with all that is below it."""
    places: dict[FormatMap, str] = {}

    def visit(kind: FormatMap, path: str) -> None:
        places[kind] = path
        # Containers are best known where they are the application's own.
        for name, key in sorted(list_keys(kind).items(), key=lambda item: item[0] != "containers"):
            inner = find_inner(key.kind)
            if isinstance(inner, FormatMap) and inner not in places and inner != general:
                visit(inner, f"{path}.{name}".lstrip(".") + _name_entries(key.kind))

    general = list_keys(ROOT)["deploymentsGeneral"].kind
    # What deployments inherit is better read where they say it themselves.
    visit(ROOT, "")
    return places | ({general: "deploymentsGeneral"} if isinstance(general, FormatMap) else {})


def _name_entries(kind: Kind) -> str:
    match kind:
        case ListOf(item):
            return f"[]{_name_entries(item)}"
        case MapOf(value):
            return f".*{_name_entries(value)}"
        case _:
            return ""


def _write_place(kind: FormatMap, path: str, places: dict[FormatMap, str]) -> Iterator[str]:
    keys = list_keys(kind)
    yield from (f"## {f'`{path}`' if path else 'Sections'}", "")
    shown = {name: key for name, key in keys.items() if key.origin is None}
    if kind in (FormatMap(StatefulSet), FormatMap(DaemonSet)):
        of_deployments = {name: key for name, key in list_keys(FormatMap(Deployment)).items() if key.origin is None}
        absent = ", ".join(f"`{name}`" for name in of_deployments if name not in keys)
        yield from (f"All that [`deployments.*`](#deployments) has but {absent}.", "")
        shown = {name: key for name, key in shown.items() if name not in of_deployments}
    if shown:
        yield from ("| key | takes | default | |", "| --- | --- | --- | --- |")
        yield from (_write_row(name, key, path, places) for name, key in shown.items())
        yield ""
    if origins := dict.fromkeys(key.origin for key in keys.values() if key.origin):
        yield from (f"Also the fields of {' and '.join(f'`{origin}`' for origin in origins)}.", "")


def _write_row(name: str, key: Key, path: str, places: dict[FormatMap, str]) -> str:
    inner = find_inner(key.kind)
    place = places.get(inner) if isinstance(inner, FormatMap) else None
    takes = name_kind(key.kind) + (", required" if key.required else "")
    if place and place != path:
        takes = f"{takes}: [`{place}`](#{_anchor(place)})"
    elif inner is not None and not isinstance(inner, FormatMap):
        takes = f"{takes}: `{inner.definition}`"
    default = name_default(key)
    return f"| `{name}` | {takes} | {'' if default is None else f'`{default}`'} | {key.description} |"


def _anchor(place: str) -> str:
    """Give the anchor that GitHub makes of a heading."""
    return "".join(character for character in place.lower() if character.isalnum() or character in "-_")


if __name__ == "__main__":
    FILE.write_text(write_docs())
