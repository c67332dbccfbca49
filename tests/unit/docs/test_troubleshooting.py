"""`docs/troubleshooting.md` has a section for every cause that a run names, and a line for every other code."""

import re
from pathlib import Path

import pytest

from ks_universal.diagnosis.rule import Rule
from ks_universal.diagnosis.rules import RULES
from ks_universal.finding_codes import read_codes
from support.source_codes import find_codes

PAGE = Path(__file__).parents[3] / "docs" / "troubleshooting.md"
OF_INPUT = {
    "convert", "env", "expressions", "folder", "hosts", "images", "import", "names", "pod-security", "probes",
    "project", "references", "request", "services", "values",
}  # fmt: skip
"""Areas of what is found in the input, or in files made of it, alone; a finding of these names its position itself."""
BEFORE_PLAN = {"model", "resources", "values"}


def read_described() -> list[str]:
    return re.findall(r"^### `(.+)`$", PAGE.read_text(), re.MULTILINE)


def test_every_code_that_a_run_may_name_has_a_section() -> None:
    of_runs = {code for code, folders in find_codes().items() if folders - BEFORE_PLAN}
    codes = {code for code in of_runs if code.partition("/")[0] not in OF_INPUT}
    assert len(codes) > 120
    assert codes - set(read_described()) == set()


def test_every_code_is_in_the_page_once() -> None:
    in_table = re.findall(r"^\| `(.+?)` \|", PAGE.read_text(), re.MULTILINE)
    assert sorted([*read_described(), *in_table]) == sorted(read_codes())


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_what_a_rule_says_is_what_the_page_says(rule: Rule) -> None:
    page = PAGE.read_text()
    assert f"error[{rule.code}]: {rule.message}: " in page
    assert f"      hint: {rule.hint}\n" in page
