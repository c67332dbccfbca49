"""`docs/values.md` says what the model says."""

import runpy
from pathlib import Path

TOOL = Path(__file__).parents[3] / "tools" / "values_docs.py"


def test_the_page_is_the_one_that_the_model_makes() -> None:
    tool = runpy.run_path(str(TOOL))
    assert tool["FILE"].read_text() == tool["write_docs"](), "run: python tools/values_docs.py"


def test_every_link_has_its_heading() -> None:
    tool = runpy.run_path(str(TOOL))
    page = tool["write_docs"]()
    headings = {tool["_anchor"](line.removeprefix("## ")) for line in page.splitlines() if line.startswith("## ")}
    linked = {part.partition(")")[0] for part in page.split("](#")[1:]}
    assert len(linked) > 30
    assert linked - headings == set()
