"""What expressions can read: the values as all layers give them (D58), the release, and who evaluates."""

from typing import Any

from ks_universal.values.expressions.data import FrozenDict, Value, read_node
from ks_universal.values.expressions.errors import ExpressionError
from ks_universal.values.expressions.functions.patterns import PatternTime
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


class Context:
    """The root of expressions. Maps and lists of the values are turned into plain ones once, when they are needed."""

    def __init__(self, tree: Mapping, release: str, namespace: str, *, version: str, now_s: int | None = None) -> None:
        """Take the merged tree before anything is inherited; `version` is the program's, `now_s` the time of the run.

        Which revision this will be is not known when values are read: it is the first, as `helm template` says.
        """
        chart = FrozenDict(Name=CHART_NAME, Version=version, AppVersion="")
        known = FrozenDict(
            Name=release, Namespace=namespace, Service=CHART_NAME, Revision=1, IsInstall=True, IsUpgrade=False
        )
        self.root = FrozenDict(Values=tree, Release=known, Chart=chart)
        self._now_s = now_s
        self._plain: dict[int, Value] = {}
        self.pattern_time = PatternTime()
        self.steps = 0
        """Those of all texts; `work` is theirs, too."""
        self.work = 0
        self.is_spent = False
        """The texts have taken what all of them may take together: none is evaluated any more."""

    def read_clock(self) -> int:
        """Give the time of the run, in seconds since 1970. Raises ExpressionError where it is not known."""
        if self._now_s is None:
            raise ExpressionError("the time is not known", hint="SOURCE_DATE_EPOCH takes whole seconds since 1970")
        return self._now_s

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


def _read(node: Node) -> Any:
    try:
        return read_node(node)
    except ValueError as error:
        raise ExpressionError(f"this value {error}") from error
