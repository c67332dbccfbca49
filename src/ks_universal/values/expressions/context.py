"""What expressions can read: the values as all layers give them (D58), the release, and who evaluates."""

from typing import Any

import msgspec

from ks_universal.values.expressions.data import FrozenDict, Value, read_node
from ks_universal.values.expressions.errors import ExpressionError
from ks_universal.values.nodes import Mapping, Node

CHART_NAME = "ks-universal"
UNREAD = {
    "Capabilities": "what the cluster can do is not known when values are read",
    "Files": "the files of a chart are not there",
    "Subcharts": "there are no charts below this one",
    "Template": "there is no template of a chart",
}
"""What Helm's templates read and expressions here do not, with the reason."""
ROOTS = ("Values", "Release", "Chart", *UNREAD)


class Release(msgspec.Struct, frozen=True):
    """What is known of the release; placeholders are those of `helm template`, for a `revision` of None 1, too."""

    name: str = "release-name"
    namespace: str = "default"
    revision: int | None = None


class Context:
    """The root of expressions. Maps and lists of the values are turned into plain ones once, when they are needed."""

    def __init__(self, tree: Mapping, release: Release, version: str) -> None:
        """Take the merged tree before anything is inherited; `version` is the program's own."""
        chart = FrozenDict(Name=CHART_NAME, Version=version, AppVersion="")
        self.knows_revision = release.revision is not None
        self.root = FrozenDict(Values=tree, Release=_describe(release), Chart=chart)
        self._plain: dict[int, Value] = {}

    def read(self, value: Value) -> Value:
        """Give a plain value for a node of the tree; anything else stays. Raises ExpressionError."""
        if not isinstance(value, Node):
            return value
        known = self._plain.get(id(value))
        if known is None:
            known = self._plain[id(value)] = _read(value)
        return known

    def read_whole(self, value: Value) -> Value:
        """Give a plain value as `read` does, also for the root itself."""
        if value is not self.root:
            return self.read(value)
        return FrozenDict(self.root, Values=self.read(self.root["Values"]))


def _describe(release: Release) -> FrozenDict:
    revision = release.revision or 1
    return FrozenDict(
        Name=release.name,
        Namespace=release.namespace,
        Service=CHART_NAME,
        Revision=revision,
        IsInstall=revision == 1,
        IsUpgrade=revision > 1,
    )


def _read(node: Node) -> Any:
    try:
        return read_node(node)
    except ValueError as error:
        raise ExpressionError(f"this value {error}") from error
