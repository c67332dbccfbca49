"""What is wrong with a text that is not YAML, said for people.

libyaml speaks of tokens and contexts; this module turns its errors into findings with a place and a likely cause.
"""

import re

import yaml

from ks_universal.diagnostics import Position, Problem

# What YAML 1.1 calls printable, which is all that a file may have unescaped.
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

_INDENTATION = "the indentation does not fit the lines above: entries of one map or list start in the same column"
_QUOTE_START = "a text that starts with {character} needs quotes"
_TAB = "indent with spaces: YAML does not allow tabs there"

# (libyaml's problem, libyaml's context, hint): the first row whose two texts are contained in the error is taken.
_HINTS = (
    (
        "mapping values are not allowed",
        "",
        "quote a text that contains ': ', write a space after each key's colon, "
        "and start keys of one map in the same column",
    ),
    ("unexpected end of stream", "quoted scalar", "a quote is opened here and never closed"),
    ("document indicator", "quoted scalar", "a quote is opened here and never closed"),
    ("unknown escape character", "", "in double quotes a backslash starts an escape: use single quotes, or '\\\\'"),
    ("hexdecimal", "quoted scalar", "in double quotes a backslash starts an escape: use single quotes, or '\\\\'"),
    ("Unicode character escape", "", "write the character itself instead of a surrogate pair"),
    ("expected ':'", "simple key", "is a colon, or the space after it, missing?"),
    ("'-' indicator", "", _INDENTATION),
    ("expected key", "block mapping", _INDENTATION),
    ("expected <block end>", "", _INDENTATION),  # as PyYAML's own parser says it
    (
        "expected ',' or",
        "",
        "a bracket or brace is opened here and never closed, or a comma is missing; "
        "a text that contains brackets or '{{' needs quotes",
    ),
    ("undefined tag handle", "", "a text that starts with '!' needs quotes"),
    ("", "scanning a tag", "a text that starts with '!' needs quotes"),
    ("", "scanning an alias", "a text that starts with '*' needs quotes"),
    ("", "scanning an anchor", "a text that starts with '&' needs quotes"),
    ("", "directive", "a line that starts with '%' needs quotes or indentation"),
    ("", "block scalar", "after '|' or '>' the text starts on the next line, indented"),
)


def describe_syntax_error(error: yaml.YAMLError, text: str, name: str) -> Problem:
    """Turn what the parser says about `text` into the finding `values/syntax`, at the place that is to be mended."""
    if not isinstance(error, yaml.MarkedYAMLError):
        return describe_unprintable(text, name)
    mark = error.problem_mark
    if error.context_mark is not None and _is_opened_earlier(error):
        mark = error.context_mark
    where = None if mark is None else Position(name, mark.line + 1, mark.column + 1)
    hint = _hint(error, _character_at(text, error.problem_mark))
    return Problem("values/syntax", f"this is not YAML: {error.problem}", where, hint)


def describe_unprintable(text: str, name: str) -> Problem:
    """Name the first character that YAML does not allow."""
    found = _UNPRINTABLE.search(text)
    if found is None:
        return Problem("values/syntax", "this is not YAML: it cannot be read", Position(name, 1, 1))
    before = text[: found.start()]
    where = Position(name, before.count("\n") + 1, found.start() - before.rfind("\n"))
    message = f"this is not YAML: the character U+{ord(found.group()):04X} is not allowed in it"
    return Problem("values/syntax", message, where, 'in double quotes it can be written as an escape, such as "\\x1b"')


def _is_opened_earlier(error: yaml.MarkedYAMLError) -> bool:
    problem, context = error.problem or "", error.context or ""
    if "escape" in problem or "hexdecimal" in problem:
        return False
    return "expected ',' or" in problem or "quoted scalar" in context or "simple key" in context


def _character_at(text: str, mark: yaml.error.Mark | None) -> str:
    if mark is None:
        return ""
    line = re.split("\r\n|[\r\n\x85\u2028\u2029]", text)[mark.line : mark.line + 1]
    return line[0][mark.column : mark.column + 1] if line else ""


def _hint(error: yaml.MarkedYAMLError, character: str) -> str | None:
    problem, context = error.problem or "", error.context or ""
    if character == "\t":
        return _TAB
    if "cannot start any token" in problem:
        return _QUOTE_START.format(character=f"'{character}'")
    rows = (hint for in_problem, in_context, hint in _HINTS if in_problem in problem and in_context in context)
    return next(rows, None)
