"""Functions on regular expressions, in Go's syntax as far as Python's `re` has it."""

import re
from functools import lru_cache
from typing import Any

from ks_universal.values.expressions.errors import ExpressionError
from ks_universal.values.expressions.functions.signature import Function, function

_ONLY_PYTHON = re.compile(r"\(\?(?:=|!|<[=!]|P=|P>|\(|#)|\\[1-9]|[*+?}]\+")
_ONLY_GO = re.compile(r"\\[pPQCz]|\[\[:")
_PLACEHOLDER = re.compile(r"\$(?:\$|\{(\w+)\}|(\w+))")
_ESCAPED = re.compile(r"([\\.+*?()|\[\]{}^$])")
_UNIT = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\$|.", re.DOTALL)


@lru_cache(maxsize=256)
def _compile(pattern: str) -> re.Pattern[str]:
    if _ONLY_PYTHON.search(pattern) or _ONLY_GO.search(pattern):
        hint = "look-around, references, possessive repeats and Unicode classes are not known"
        raise ExpressionError("this regular expression cannot be evaluated here", hint=hint)
    # Go's '$' is the end of the text; Python's is also the place before a last newline.
    units = ("\\Z" if unit == "$" and "(?m" not in pattern else unit for unit in _UNIT.findall(pattern))
    try:
        return re.compile("".join(units), re.ASCII)
    except (re.error, RecursionError, OverflowError) as error:
        raise ExpressionError("this is no regular expression") from error


def _match(pattern: str, text: str) -> bool:
    return _compile(pattern).search(text) is not None


def _find(pattern: str, text: str) -> str:
    found = _compile(pattern).search(text)
    return found.group() if found else ""


def _find_all(pattern: str, text: str, count: int) -> list[str]:
    found = [match.group() for match in _compile(pattern).finditer(text)]
    return found if count < 0 else found[:count]


def _replace_all(pattern: str, text: str, replacement: str) -> str:
    return _compile(pattern).sub(lambda match: _expand(replacement, match), text)


def _replace_all_literal(pattern: str, text: str, replacement: str) -> str:
    return _compile(pattern).sub(lambda _: replacement, text)


def _split(pattern: str, text: str, count: int) -> list[str]:
    if count == 0:
        return []
    parts: list[str] = []
    end = 0
    for match in _compile(pattern).finditer(text):
        if 0 < count <= len(parts) + 1:
            break
        if match.end() == 0 or (match.start() == match.end() == len(text)):
            continue
        parts.append(text[end : match.start()])
        end = match.end()
    return [*parts, text[end:]]


def _expand(replacement: str, match: re.Match[str]) -> str:
    """Fill in `$1` and `${name}`; a group that does not exist is empty, as in Go."""

    def fill(placeholder: re.Match[str]) -> str:
        name: Any = placeholder[1] or placeholder[2]
        if name is None:
            return "$"
        try:
            return match[int(name) if name.isdecimal() else name] or ""
        except IndexError:
            return ""

    return _PLACEHOLDER.sub(fill, replacement)


PATTERNS: dict[str, Function] = {
    "regexFind": function(_find, "text text"),
    "regexFindAll": function(_find_all, "text text int"),
    "regexMatch": function(_match, "text text"),
    "regexQuoteMeta": function(lambda text: _ESCAPED.sub(r"\\\1", text), "text"),
    "regexReplaceAll": function(_replace_all, "text text text"),
    "regexReplaceAllLiteral": function(_replace_all_literal, "text text text"),
    "regexSplit": function(_split, "text text int"),
}
