"""A plan as Markdown, for a comment on a pull request or the summary of a pipeline."""

import re
from collections.abc import Iterable, Iterator

from ks_universal import Preview
from ks_universal.cli.show.plan_lines import count_changes, format_plan

_SIGNS = {"+": "+", "-": "-", "~": "!", ">": "#"}
"""What a line of a plan begins with, to what a block of the language `diff` colours."""
_LONGEST = 60_000
"""Characters of a block: GitHub takes 65,536 in a comment."""
_FOLDED_FROM = 30
"""Lines of a plan."""


def write_plan_markdown(preview: Preview) -> str:
    """Write the counts as a heading, then what was found, then the plan, folded where it is long."""
    _, *lines, _ = format_plan(preview)
    parts = [f"### {preview.release} in {preview.namespace}, revision {preview.revision}: {count_changes(preview)}"]
    if preview.problems:
        parts.append(_write_block("text", (str(problem) for problem in preview.problems)))
    if lines:
        block = _write_block("diff", map(_sign, lines))
        is_folded = len(lines) >= _FOLDED_FROM
        parts.append(f"<details><summary>All changes</summary>\n\n{block}\n\n</details>" if is_folded else block)
    return "\n\n".join(parts) + "\n"


def _sign(line: str) -> str:
    return f"{_SIGNS.get(line.lstrip()[:1], ' ')} {line.removeprefix('  ')}"


def _write_block(language: str, lines: Iterable[str]) -> str:
    """Write lines between fences that are longer than any in them."""
    text = "\n".join(_limit(lines))
    fence = "`" * max(3, *(len(run) + 1 for run in re.findall("`+", text)), 0)
    return f"{fence}{language}\n{text}\n{fence}"


def _limit(lines: Iterable[str]) -> Iterator[str]:
    left = _LONGEST
    for line in lines:
        left -= len(line) + 1
        if left < 0:
            yield "  … and more: see the plan in the log"
            return
        yield line
