"""Draws what `make demo` prints when a migration fails, as docs/demo.svg for the README.

usage: python tools/demo_picture.py
"""

import io
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).parents[1]
WIDTH = 118


def main() -> None:
    """Run the demo and draw it."""
    demo = [sys.executable, str(ROOT / "examples" / "shop" / "demo.py")]
    environment = {**os.environ, "FORCE_COLOR": "1", "COLUMNS": str(WIDTH)}
    printed = subprocess.run(demo, capture_output=True, text=True, check=True, env=environment).stdout
    printed = re.sub(r"/tmp/shop-\w+/", "", printed)
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True)
    for text in choose(Text.from_ansi(line) for line in printed.splitlines()):
        text.truncate(WIDTH, overflow="ellipsis")
        console.print(text)
    drawn = console.export_svg(title="make demo", unique_id="demo")
    (ROOT / "docs" / "demo.svg").write_text(re.sub(r"\s*@font-face \{.*?\}", "", drawn, flags=re.DOTALL))


def choose(lines: Iterable[Text]) -> Iterator[Text]:
    """Give the lines about the version that fails, without what its log says before the report does."""
    wanted = False
    for text in lines:
        said = text.plain.strip()
        if said.startswith("== Ctrl-C"):
            return
        is_log = " | " in f"{said} " and not said.startswith("|") and not re.search(r"\| (attempt \d|failed)", said)
        if wanted and not is_log and not re.search(r"revision 1: is up", said):
            yield text
        wanted = wanted or said.startswith("== Version 2")


if __name__ == "__main__":
    main()
