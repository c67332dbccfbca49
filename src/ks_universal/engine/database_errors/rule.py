"""How an error is known by its text."""

import msgspec


class Rule(msgspec.Struct, frozen=True):
    """`patterns` are regular expressions for a part of a line; `names` identify the error in any language.

    Names are SQLSTATEs and what psycopg (`errors.NAME`) and Ruby's pg (`PG::NAME`) call them.

    One pattern for each text, not one alternation of all: a search for what begins with letters is ten times as fast.
    """

    code: str
    message: str
    hint: str
    patterns: tuple[str, ...]
    names: tuple[str, ...] = ()
