"""Which fields Kubernetes knows, and what they take: a table made from its OpenAPI by `tools/kubernetes_fields.py`.

The kinds of other projects (HTTPRoute, Certificate, ServiceMonitor, DexAuthenticator) have a table of their own, by
`tools/other_fields.py`, which is only read where values use them.

A type is `text`, `bool`, `int32`, `int64`, `number`, `quantity`, `int-or-text`, `any` or the name of a definition;
`[]` before it is a list of them, `{}` a map to them; `!` after it marks a required field. A definition whose only field
is called "" is a plain type under another name (`Time`).
"""

from functools import cache

import msgspec

Fields = dict[str, str]


@cache
def load_table() -> dict[str, Fields]:
    """Read the table: {definition: {field: type}}."""
    return _read("kubernetes.json")


def fields_of(definition: str) -> Fields:
    """Give the fields of a definition (`Container`, `HTTPRouteSpec.rules`) with their types."""
    fields = load_table().get(definition)
    return _load_others()[definition] if fields is None else fields


def has_definition(definition: str) -> bool:
    """Tell whether the fields of a definition are known."""
    return definition in load_table() or definition in _load_others()


@cache
def _load_others() -> dict[str, Fields]:
    return _read("others.json")


def _read(name: str) -> dict[str, Fields]:
    # pathlib and importlib.resources would cost `template` five to nine milliseconds at each start.
    with open(__file__.removesuffix("fields.py") + name, "rb") as file:  # noqa: PTH123
        return msgspec.json.decode(file.read(), type=dict[str, Fields])
