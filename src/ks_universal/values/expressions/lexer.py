"""Text to pieces: what is outside of `{{ ... }}`, and tokens of what is inside.

Never fails: what no token of the language matches becomes a token of kind `bad`, so that texts of other template
languages can be looked at, too.
"""

import re
from typing import NamedTuple

_TOKEN = re.compile(
    r"""(?P<space>[ \t\r\n]+)
      | (?P<number>[-+]?(?:0[xX][0-9a-fA-F_]+|0[oO][0-7_]+|0[bB][01_]+
                         |(?:[0-9][0-9_]*(?:\.[0-9_]*)?|\.[0-9][0-9_]*)(?:[eE][-+]?[0-9]+)?)(?!\w))
      | (?P<field>\.[^\W\d]\w*)
      | (?P<variable>\$\w*)
      | (?P<word>[^\W\d]\w*)
      | (?P<text>"(?:\\[^\n]|[^"\\\n])*"|`[^`]*`)
      | (?P<char>'(?:\\(?:[abfnrtv\\']|[0-7]{3}|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8})|[^'\\\n])')
      | (?P<mark>:=|[=|(),.])
      | (?P<bad>.)""",
    re.VERBOSE | re.DOTALL,
)
_COMMENT = re.compile(r"\{\{(-[ \t\r\n]+)?/\*.*?\*/([ \t\r\n]+-)?\}\}", re.DOTALL)
_OPENING = re.compile(r"\{\{(-(?=[ \t\r\n]))?")
_BLANKS = " \t\r\n"


class Token(NamedTuple):
    """`kind` is the name of a group in the pattern above."""

    kind: str
    text: str
    at: int


class Action(NamedTuple):
    """One `{{ ... }}`; the tokens of a comment are empty, those of one that is not `closed` reach to the end."""

    tokens: tuple[Token, ...]
    at: int
    comment: bool = False
    closed: bool = True


Piece = str | Action


def scan(text: str) -> list[Piece]:
    """Split a text into what is printed, already trimmed by `{{-` and `-}}`, and its actions, in order."""
    pieces: list[Piece] = []
    position, trim = 0, False
    while (start := text.find("{{", position)) >= 0:
        action, end, trims_before, trims_after = _read_action(text, start)
        pieces.append(_trimmed(text[position:start], left=trim, right=trims_before))
        pieces.append(action)
        position, trim = end, trims_after
    pieces.append(_trimmed(text[position:], left=trim, right=False))
    return [piece for piece in pieces if piece != ""]


def _read_action(text: str, start: int) -> tuple[Action, int, bool, bool]:
    comment = _COMMENT.match(text, start)
    if comment is not None:
        return Action((), start, comment=True), comment.end(), bool(comment[1]), bool(comment[2])
    opening = _OPENING.match(text, start)
    position = start + 2 if opening is None else opening.end()
    trims_before = opening is not None and opening[1] is not None
    tokens: list[Token] = []
    while not text.startswith("}}", position):
        match = _TOKEN.match(text, position)
        if match is None:
            return Action(tuple(tokens), start, closed=False), len(text), trims_before, False
        position = match.end()
        tokens.append(Token(match.lastgroup or "bad", match.group(), match.start()))
        if match.lastgroup == "space" and text.startswith("-}}", position):
            return Action(tuple(tokens), start), position + 3, trims_before, True
    return Action(tuple(tokens), start), position + 2, trims_before, False


def _trimmed(text: str, *, left: bool, right: bool) -> str:
    if left:
        text = text.lstrip(_BLANKS)
    return text.rstrip(_BLANKS) if right else text
