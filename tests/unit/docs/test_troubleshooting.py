"""`docs/troubleshooting.md` names every cause that the program names."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from ks_universal.engine.database_errors.rule import Rule
from ks_universal.engine.database_errors.rules import RULES
from ks_universal.targets.kubernetes.refusals import refuse

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "troubleshooting.md"
CODE = re.compile(
    r"(?:kubernetes|database|flavor|jobs|migrations|local|process|record|rollout|rollback|run|release|plan)/[a-z][a-z-]+"
)
HTTP_ERRORS = (400, 401, 403, 404, 409, 413, 422, 500, 503)


def find_sources() -> Iterator[Path]:
    for folder in ("targets/kubernetes", "targets/local", "engine", "plan", "manifest", "api", "cli"):
        yield from sorted((ROOT / "src" / "ks_universal" / folder).rglob("*.py"))


def find_codes(path: Path) -> set[str]:
    constants = (node.value for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Constant))
    return {text for text in constants if isinstance(text, str) and CODE.fullmatch(text)}


def read_described() -> list[str]:
    return re.findall(r"^### `(.+)`$", PAGE.read_text(), re.MULTILINE)


def test_every_code_in_the_source_stands_in_the_page() -> None:
    codes = set().union(*(find_codes(path) for path in find_sources()))
    assert len(codes) > 60
    assert codes - set(read_described()) == set()


def test_every_answer_of_the_api_server_stands_in_the_page() -> None:
    codes = {refuse(status, b"{}", "Job/a").problem.code for status in HTTP_ERRORS}
    assert len(codes) > 6
    assert codes - set(read_described()) == set()


def test_every_described_code_is_one_that_the_program_names() -> None:
    codes = {refuse(status, b"{}", "Job/a").problem.code for status in HTTP_ERRORS}
    codes = codes.union(*(find_codes(path) for path in find_sources()))
    assert set(read_described()) - codes == set()


def test_no_code_is_described_twice() -> None:
    described = read_described()
    assert len(described) == len(set(described))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_what_a_rule_says_is_what_the_page_says(rule: Rule) -> None:
    page = PAGE.read_text()
    assert f"error[{rule.code}]: {rule.message}: " in page
    assert f"      hint: {rule.hint}\n" in page
