"""Markdown of text that anybody may have written: it stays text, in a cell of a table or in a block of code."""

import re


def escape_cell(text: str) -> str:
    """Give text for a cell of a table, in one line."""
    return _put_into_cell(text).replace("<", "&lt;")


def quote_cell(text: str) -> str:
    """Give text as code for a cell of a table, in one line; nothing in code is HTML."""
    return f"`{_put_into_cell(text)}`"


def _put_into_cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("`", "'")


def write_code(text: str, language: str = "") -> str:
    """Write a block of code whose fence is longer than any in the text."""
    fence = "`" * max(3, *(len(run) + 1 for run in re.findall(r"`+", text)), 3)
    return f"{fence}{language}\n{text}\n{fence}"
