"""Which Kubernetes version brought which field: a table made from its OpenAPI by `tools/kubernetes_fields.py`."""

from functools import cache

import msgspec


class Versions(msgspec.Struct, frozen=True):
    """`versions` are those known, the oldest first (`1.25`); `since` has `Container.restartPolicy`: `1.28`.

    Fields that are not in `since` are older than the first of the versions.
    """

    versions: tuple[str, ...]
    since: dict[str, str]


@cache
def load_versions() -> Versions:
    """Read the table."""
    # As in `fields`: other ways to find a file cost milliseconds at each start.
    with open(__file__.removesuffix(".py") + ".json", "rb") as file:  # noqa: PTH123
        return msgspec.json.decode(file.read(), type=Versions)
