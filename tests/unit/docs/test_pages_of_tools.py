"""The values that the guides show are valid: those of the migration tools and of expanding and contracting."""

import re
from pathlib import Path

import pytest

import ks_universal

DOCS = Path(__file__).parents[3] / "docs"
EXAMPLES = [
    pytest.param(text, id=f"{page.name}-{number}")
    for page in [*sorted((DOCS / "tools").glob("*.md")), DOCS / "expand-contract.md"]
    for number, text in enumerate(re.findall(r"^```yaml\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL))
]


@pytest.mark.parametrize("text", EXAMPLES)
def test_the_values_of_a_guide_are_valid_and_render(text: str, tmp_path: Path) -> None:
    path = tmp_path / "values.yaml"
    path.write_text(text)
    assert ks_universal.validate([str(path)]) == ()
    manifests = ks_universal.template(ks_universal.render(ks_universal.load([str(path)]), "my-app"))
    assert "kind: Job\n" in manifests


def test_each_tool_has_a_page_that_the_overview_names() -> None:
    pages = {page.stem for page in (DOCS / "tools").glob("*.md")} - {"index"}
    assert len(pages) == len(EXAMPLES) - 2
    named = set(re.findall(r"\(tools/([\w-]+)\.md\)", (DOCS / "index.md").read_text()))
    assert pages == named
