"""Quotes a line of a log in a message: short, around what tells, and without the passwords that can be seen as such."""

import re

QUOTE_LENGTH = 200
"""Characters of the telling line that are quoted, about."""

_CREDENTIAL = (
    r"(?i)(?P<url>://[^/\s:@]*:)\S+(?=@)"
    r"|(?P<key>(?:password|passwd|pwd)[\"']?\s*[=:]\s*)(?:'[^']*'|\"[^\"]*\"|[^\s&;,)'\"]+)"
)


def quote(line: str, telling: str = "") -> str:
    """Mask passwords first, then cut around `telling`, between words: a value that is cut in two is not masked."""
    masked = re.sub(_CREDENTIAL, lambda m: (m["url"] or m["key"]) + "***", line.strip())
    if len(masked) <= QUOTE_LENGTH:
        return masked
    at = max(0, masked.find(telling))
    begin = max(0, at - QUOTE_LENGTH // 4)
    if begin:
        begin = _find_gap(masked, begin, at)
    end = begin + QUOTE_LENGTH
    if end < len(masked):
        end = max(masked.rfind(" ", at + len(telling), end), at + len(telling))
    cut = masked[begin:end].strip()
    return ("…" if begin else "") + cut + ("…" if end < len(masked) else "")


def _find_gap(text: str, begin: int, end: int) -> int:
    """Find where a word begins between two positions; the latter where none does."""
    gap = text.find(" ", begin, end)
    return end if gap < 0 else gap + 1
