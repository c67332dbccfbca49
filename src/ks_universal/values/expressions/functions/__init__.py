"""The functions of expressions: one module for each reason to change, one table of all."""

from ks_universal.values.expressions.functions.comparisons import COMPARISONS
from ks_universal.values.expressions.functions.dates import DATES
from ks_universal.values.expressions.functions.defaults import DEFAULTS
from ks_universal.values.expressions.functions.dicts import DICTS
from ks_universal.values.expressions.functions.encoding import ENCODING
from ks_universal.values.expressions.functions.lists import LISTS
from ks_universal.values.expressions.functions.math import MATH
from ks_universal.values.expressions.functions.paths import PATHS
from ks_universal.values.expressions.functions.patterns import PATTERNS
from ks_universal.values.expressions.functions.signature import Function
from ks_universal.values.expressions.functions.strings import STRINGS
from ks_universal.values.expressions.functions.versions import VERSIONS

GROUPS: dict[str, dict[str, Function]] = {
    "Texts": STRINGS,
    "Defaults, kinds and checks": DEFAULTS,
    "Comparison": COMPARISONS,
    "Lists": LISTS,
    "Maps": DICTS,
    "Numbers": MATH,
    "Encoding": ENCODING,
    "Regular expressions": PATTERNS,
    "Times": DATES,
    "Versions": VERSIONS,
    "Paths": PATHS,
}
"""All functions that take their arguments as values, by the headings of the documentation."""

LAZY = ("and", "or", "tpl")
"""Those that the evaluator knows itself: they look at their arguments one by one, or evaluate again."""

_OTHER_SPELLINGS = {
    "date_in_zone": "dateInZone",
    "date_modify": "dateModify",
    "push": "append",
    "trimall": "trimAll",
}
_ALSO_MUST = (
    "append",
    "chunk",
    "compact",
    "concat",
    "dateModify",
    "deepCopy",
    "first",
    "fromJson",
    "has",
    "initial",
    "last",
    "merge",
    "mergeOverwrite",
    "prepend",
    "push",
    "regexFind",
    "regexFindAll",
    "regexMatch",
    "regexReplaceAll",
    "regexReplaceAllLiteral",
    "regexSplit",
    "rest",
    "reverse",
    "slice",
    "toDate",
    "toJson",
    "toPrettyJson",
    "toRawJson",
    "toYaml",
    "uniq",
    "without",
)


def must_name(name: str) -> str:
    """Write the name of the twin that fails where a function of Helm is silent; ours all fail."""
    return f"must{name[0].upper()}{name[1:]}"


def _all_functions() -> dict[str, Function]:
    functions = {name: signature for group in GROUPS.values() for name, signature in group.items()}
    functions.update({name: functions[of] for name, of in _OTHER_SPELLINGS.items()})
    functions.update({must_name(name): functions[name] for name in _ALSO_MUST})
    return functions


FUNCTIONS: dict[str, Function] = _all_functions()
"""All functions by name, their other spellings and their `must` twins included."""
