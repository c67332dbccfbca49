"""Values as text, with comments above the keys that they are about."""

import textwrap
from collections.abc import Mapping, Sequence

from ks_universal.json_types import Json
from ks_universal.manifest.yaml import write_yaml
from ks_universal.values.nodes import Path, find
from ks_universal.values.parse import parse_yaml

_WIDTH = 118


def write_values(values: Json, head: Sequence[str], comments: Mapping[Path, Sequence[str]]) -> str:
    """Write values; `head` are comments at the top, `comments` those above a key or, where it is gone, the one above.

    Equal input gives equal bytes.
    """
    text = write_yaml([values])
    tree, _ = parse_yaml(text, "values")
    lines = text.splitlines()
    above: dict[int, list[str]] = {}
    for path, comment in comments.items():
        node = find(tree, path)
        mark = None if node is None else node.key_at or node.at
        if mark is not None:
            pad = " " * (len(lines[mark.line]) - len(lines[mark.line].lstrip()))
            above.setdefault(mark.line, []).extend(_wrap(comment, pad))
    written = _wrap(head, "") + ([""] if head else [])
    for number, line in enumerate(lines):
        if number and line[:1].isalpha():
            written.append("")
        written += above.get(number, ())
        written.append(line)
    return "\n".join(written) + "\n"


def _wrap(comments: Sequence[str], pad: str) -> list[str]:
    return [
        line
        for comment in comments
        for line in textwrap.wrap(
            comment, _WIDTH, initial_indent=f"{pad}# ", subsequent_indent=f"{pad}#   ", break_on_hyphens=False
        )
    ]
