"""Functions on semantic versions, by the rules of the library that Helm uses (Masterminds/semver)."""

import re
from functools import total_ordering
from typing import Any

from ks_universal.values.expressions.errors import ExpressionError
from ks_universal.values.expressions.functions.signature import Function, function

_SUFFIX = (
    r"(?:-(?P<prerelease>[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?(?:\+(?P<metadata>[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?"
)
_VERSION = re.compile(rf"v?(?P<major>\d+)(?:\.(?P<minor>\d+))?(?:\.(?P<patch>\d+))?{_SUFFIX}", re.ASCII)
_PART = r"(?:\d+|[xX*])"
_TERM = re.compile(
    rf"(?P<operator>=>|=<|>=|<=|!=|[=<>~^]|~>)?\s*v?(?P<major>{_PART})(?:\.(?P<minor>{_PART}))?(?:\.(?P<patch>{_PART}))?{_SUFFIX}",
    re.ASCII,
)
_HYPHEN = re.compile(r"(\S+)\s+-\s+(\S+)")
_BEYOND = 2**63
_LONGEST = 1000
"""Characters of a version. Python makes no number of more than 4,300 digits."""


@total_ordering
class Version:
    """A version: ordered by semver's precedence, and read by the fields that Sprig's `semver` has."""

    def __init__(
        self, numbers: tuple[int, int, int], prerelease: str = "", metadata: str = "", original: str = ""
    ) -> None:
        self.numbers = numbers
        self.prerelease = prerelease
        self.metadata = metadata
        self._original = original

    def field(self, name: str) -> Any:
        """Read `.Major`, `.Minor`, `.Patch`, `.Prerelease`, `.Metadata` or `.Original`; None for others."""
        fields = dict(zip(("Major", "Minor", "Patch"), self.numbers, strict=True))
        return {**fields, "Prerelease": self.prerelease, "Metadata": self.metadata, "Original": self._original}.get(
            name
        )

    def __str__(self) -> str:
        text = ".".join(map(str, self.numbers))
        return (
            text + (f"-{self.prerelease}" if self.prerelease else "") + (f"+{self.metadata}" if self.metadata else "")
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Version) and self._key() == other._key()

    def __lt__(self, other: "Version") -> bool:
        return self._key() < other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def _key(self) -> tuple[Any, ...]:
        parts = self.prerelease.split(".") if self.prerelease else []
        ranked = tuple((0, int(part), "") if part.isdigit() else (1, 0, part) for part in parts)
        return self.numbers, not parts, ranked


def _parse(text: str) -> Version:
    found = _VERSION.fullmatch(text) if len(text) <= _LONGEST else None
    if found is None:
        raise ExpressionError("this is no version", hint="such as 1.2.3 or v1.2.3-rc.1")
    numbers = int(found["major"]), int(found["minor"] or 0), int(found["patch"] or 0)
    return Version(numbers, found["prerelease"] or "", found["metadata"] or "", text)


def _compare(constraint: str, version: str) -> bool:
    parsed = _parse(version)
    return any(_meets_all(parsed, group) for group in constraint.split("||"))


def _meets_all(version: Version, group: str) -> bool:
    # Looked at first: what the patterns do with a long text takes the square of its length.
    rewritten = _HYPHEN.sub(r">=\1 <=\2", group) if len(group) <= _LONGEST else ""
    terms = list(_TERM.finditer(rewritten))
    if _TERM.sub("", rewritten).strip(" ,") or not terms:
        raise ExpressionError("this is no condition on versions", hint="such as '>=1.2 <2' or '^1.2 || ~2.0'")
    return all(_meets(version, term) for term in terms)


def _meets(version: Version, term: re.Match[str]) -> bool:
    operator = {"=>": ">=", "=<": "<=", "~>": "~", None: "="}.get(term["operator"], term["operator"])
    if version.prerelease and not term["prerelease"]:
        return False
    written = [term["major"], term["minor"], term["patch"]]
    given = [int(part) for part in _until_wildcard(written)]
    lowest = Version((*given, *[0] * (3 - len(given)))[:3], term["prerelease"] or "")  # type: ignore[arg-type]  # three
    above = _first_above(given, len(given) - 1)
    if operator == "~":
        return lowest <= version < _first_above(given, min(1, len(given) - 1)) if given else True
    if operator == "^":
        return lowest <= version < _first_above(given, _leading(given)) if given else True
    tests = {
        "=": lowest <= version < above if len(given) < 3 else version == lowest,
        "!=": not lowest <= version < above if len(given) < 3 else version != lowest,
        ">": version >= above if len(given) < 3 else version > lowest,
        ">=": version >= lowest,
        "<": version < lowest,
        "<=": version < above if len(given) < 3 else version <= lowest,
    }
    return tests[str(operator)]


def _until_wildcard(parts: list[str | None]) -> list[str]:
    known: list[str] = []
    for part in parts:
        if part is None or not part.isdigit():
            break
        known.append(part)
    return known


def _leading(given: list[int]) -> int:
    """Find the part that `^` holds: the first that is not zero, else the last that is written."""
    return next((index for index, number in enumerate(given) if number), len(given) - 1)


def _first_above(given: list[int], held: int) -> Version:
    """Give the first version in which a part has grown; without a part there is none."""
    if held < 0:
        return Version((_BEYOND, 0, 0))
    numbers = [*given[:held], given[held] + 1, 0, 0][:3]
    return Version((numbers[0], numbers[1], numbers[2]))


VERSIONS: dict[str, Function] = {
    "semver": function(_parse, "text"),
    "semverCompare": function(_compare, "text text", weight=20),
}
