"""Functions on texts."""

import re
from typing import Any

from ks_universal.values.expressions.data import WrittenFloat, WrittenInt
from ks_universal.values.expressions.errors import ExpressionError
from ks_universal.values.expressions.functions.signature import Function, bounded, function
from ks_universal.values.expressions.numbers import format_value
from ks_universal.values.expressions.printing import format_printf, print_values
from ks_universal.values.expressions.printing import quote as quote_text

_WORD = re.compile(r"(?<![^\s])\S")
_TITLE = re.compile(r"(?<![\w'])[^\W\d_]|(?<=_)\B(?!)")
_BLANKS = " \t\n\v\f\r\x85\xa0"


def _quote(*values: Any) -> str:
    return " ".join(quote_text(format_value(value)) for value in values if value is not None)


def _squote(*values: Any) -> str:
    return " ".join(f"'{format_value(value)}'" for value in values if value is not None)


def _title(text: str) -> str:
    return _TITLE.sub(lambda match: match.group().title(), text)


def _untitle(text: str) -> str:
    return _WORD.sub(lambda match: match.group().lower(), text)


def _swapcase(text: str) -> str:
    return "".join(c.lower() if c.isupper() else c.upper() if c.islower() else c for c in text)


def _trunc(length: int, text: str) -> str:
    if length < 0:
        return text[length:] if len(text) > -length else text
    return text[:length]


def _substr(start: int, end: int, text: str) -> str:
    if start < 0:
        return text[: max(end, 0)]
    if end < 0 or end > len(text):
        return text[start:]
    return text[start:end]


def _indent(count: int, text: str) -> str:
    bounded(bounded(count) * (text.count("\n") + 1))
    return (" " * count) + text.replace("\n", "\n" + " " * count)


def _nindent(count: int, text: str) -> str:
    return "\n" + _indent(count, text)


def _replace(old: str, new: str, text: str) -> str:
    bounded(len(text) + text.count(old) * max(0, len(new) - len(old)))
    return text.replace(old, new)


def _repeat(count: int, text: str) -> str:
    bounded(count * len(text))
    return text * count


def _split(separator: str, text: str) -> dict[str, Any]:
    return {f"_{index}": part for index, part in enumerate(_split_list(separator, text))}


def _splitn(separator: str, count: int, text: str) -> dict[str, Any]:
    if count == 0:
        return {}
    parts = text.split(separator, count - 1 if count > 0 else -1) if separator else list(text)
    return {f"_{index}": part for index, part in enumerate(parts)}


def _split_list(separator: str, text: str) -> list[str]:
    return text.split(separator) if separator else list(text)


def _join(separator: str, values: Any) -> str:
    items = values if isinstance(values, list) else [values]
    bounded(len(separator) * max(0, len(items) - 1))
    return separator.join(format_value(item) for item in items if item is not None)


def _cat(*values: Any) -> str:
    return " ".join(format_value(value) for value in values if value is not None)


def _trim_suffix(suffix: str, text: str) -> str:
    return text.removesuffix(suffix)


def _trim_prefix(prefix: str, text: str) -> str:
    return text.removeprefix(prefix)


def _trim_all(characters: str, text: str) -> str:
    return text.strip(characters) if characters else text


def _plural(one: str, many: str, count: int) -> str:
    return one if count == 1 else many


def _abbrev(width: int, text: str) -> str:
    return text if width < 4 or len(text) <= width else text[: width - 3] + "..."


def _initials(text: str) -> str:
    return "".join(word[0] for word in text.split())


def _nospace(text: str) -> str:
    return "".join(text.split())


def _to_string(value: Any) -> str:
    return format_value(value)


def _to_strings(values: Any) -> list[str]:
    items = values if isinstance(values, list) else [values]
    return [format_value(item) for item in items if item is not None]


def _length(value: Any) -> int:
    if isinstance(value, str):
        return len(value.encode())
    if isinstance(value, list | dict):
        return len(value)
    if isinstance(value, WrittenInt | WrittenFloat):
        raise ExpressionError("a number has no length", hint="make it a text first: toString")
    raise ExpressionError("this has no length")


STRINGS: dict[str, Function] = {
    "abbrev": function(_abbrev, "int text"),
    "cat": function(_cat, "any*", deep=True),
    "contains": function(lambda part, text: part in text, "text text"),
    "hasPrefix": function(lambda prefix, text: text.startswith(prefix), "text text"),
    "hasSuffix": function(lambda suffix, text: text.endswith(suffix), "text text"),
    "indent": function(_indent, "int text"),
    "initials": function(_initials, "text"),
    "join": function(_join, "text any"),
    "len": function(_length, "any"),
    "lower": function(str.lower, "text"),
    "nindent": function(_nindent, "int text"),
    "nospace": function(_nospace, "text"),
    "plural": function(_plural, "text text int"),
    "print": function(print_values, "any*", deep=True),
    "printf": function(format_printf, "text any*", deep=True),
    "println": function(lambda *values: " ".join(map(format_value, values)) + "\n", "any*", deep=True),
    "quote": function(_quote, "any*", deep=True),
    "repeat": function(_repeat, "int text"),
    "replace": function(_replace, "text text text"),
    "split": function(_split, "text text"),
    "splitList": function(_split_list, "text text"),
    "splitn": function(_splitn, "text int text"),
    "squote": function(_squote, "any*", deep=True),
    "substr": function(_substr, "int int text"),
    "swapcase": function(_swapcase, "text"),
    "title": function(_title, "text"),
    "toString": function(_to_string, "any"),
    "toStrings": function(_to_strings, "any"),
    "trim": function(lambda text: text.strip(_BLANKS), "text"),
    "trimAll": function(_trim_all, "text text"),
    "trimPrefix": function(_trim_prefix, "text text"),
    "trimSuffix": function(_trim_suffix, "text text"),
    "trunc": function(_trunc, "int text"),
    "untitle": function(_untitle, "text"),
    "upper": function(str.upper, "text"),
}
