"""Which fields Kubernetes knows, and what they take: a table made from its OpenAPI by `tools/kubernetes_fields.py`.

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
    # pathlib and importlib.resources would cost `template` five to nine milliseconds at each start.
    with open(__file__.removesuffix("fields.py") + "kubernetes.json", "rb") as file:  # noqa: PTH123
        return msgspec.json.decode(file.read(), type=dict[str, Fields])


def fields_of(definition: str) -> Fields:
    """Give the fields of a definition (`Container`) with their types."""
    return load_table()[definition]
