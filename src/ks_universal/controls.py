"""Control characters and sequences (ECMA-48) in what other programs write. Patterns are compiled when one is needed."""

import re
from functools import cache

CONTROLS = (
    r"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b\[[0-?]*[ -/]*[@-~]?|\x1b[ -/]*[0-~]?"  # sequences
    r"|[\x00-\x08\x0b-\x1f\x7f-\x9f]"
)
"""Each of them, as a pattern."""
_OVERWRITTEN = r"^(\S* +\| )?[^\n]*\r(?=[^\r\n])"
"""What a terminal would write over; not the margin before the lines of a log."""
_COLOURS = r"(\x1b\[[\d;:]*m)"


def remove_controls(text: str) -> str:
    """Take out all of them, colours included; tabs and line ends stay."""
    return text if text.isprintable() else _compile_all().sub("", text)


def keep_colours(text: str) -> str:
    """Take out what moves a terminal's cursor, rings its bell or switches its letters, and what is written over."""
    return text if text.isprintable() else _compile_all_but_colours().sub(r"\1\2", text)


@cache
def _compile_all() -> re.Pattern[str]:
    return re.compile(CONTROLS)


@cache
def _compile_all_but_colours() -> re.Pattern[str]:
    return re.compile(f"{_OVERWRITTEN}|{_COLOURS}|{CONTROLS}", re.MULTILINE)
