"""How an error is known by its text."""

from collections.abc import Mapping

import msgspec


class Rule(msgspec.Struct, frozen=True):
    r"""One kind of error: how it is known, what it means, what to do next.

    `patterns` are regular expressions for a part of a line. One pattern for each text, not one alternation of all: with
    a whole word in it (`\b` says where one begins or ends) a pattern is only tried on lines that have the word.

    `names` identify the error in any language: SQLSTATEs and MySQL's numbers, and what drivers call them (psycopg
    `errors.NAME`, Ruby's pg `PG::NAME`, asyncpg `NAMEError`, Node.js's mysql2 `ER_NAME`). They, and the `vague`
    patterns, count only where no text nearby tells more.

    `commands` are what to do with one tool, beside the hint: tool to clause. `passes`: another attempt may succeed
    though nobody does anything.
    """

    code: str
    message: str
    hint: str
    patterns: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    vague: tuple[str, ...] = ()
    commands: Mapping[str, str] = {}
    passes: bool = False
