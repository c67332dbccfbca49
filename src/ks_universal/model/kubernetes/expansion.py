"""`$(VAR)` in commands and variables, as Kubernetes reads it; `$$` is a `$`, so `$$(VAR)` is an escape."""

import re
from collections.abc import Iterator, Mapping

# Compiled when the first text needs it, not at each start.
_REFERENCE = r"\$(\$|\(([^)]*)\))"


def find_names(text: str) -> Iterator[str]:
    """Find the names between the parentheses, whatever they are."""
    if "$(" in text:
        for found in re.finditer(_REFERENCE, _split(text)[0]):
            if found[1] != "$":
                yield found[2]


def expand(text: str, known: Mapping[str, str]) -> str:
    """Expand a text: a name that is not known stays as it is written."""

    def replace(match: re.Match[str]) -> str:
        return "$" if match[1] == "$" else known.get(match[2], match[0])

    closed, rest = _split(text)
    return re.sub(_REFERENCE, replace, closed) + rest.replace("$$", "$")


def _split(text: str) -> tuple[str, str]:
    """Split after the last parenthesis: what follows closes nothing, and is not searched for each that it opens."""
    start, closing, rest = text.rpartition(")")
    return start + closing, rest
