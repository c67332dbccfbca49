"""`docs/promises.md` names every promise, and only tests and modules that exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "promises.md").read_text()
PROMISES = (
    "order",
    "gate",
    "stand still",
    "when",
    "one at a time",
    "real stop",
    "resume",
    "exact retries",
    "early truth",
    "no leaks",
    "nothing orphaned",
    "a record",
)
SECTIONS = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL))


def find_tests(text: str) -> set[str]:
    return set(re.findall(r"`(test_\w+)`", text))


def read_defined_tests() -> set[str]:
    files = (ROOT / "tests").rglob("test_*.py")
    return {name for file in files for name in re.findall(r"def (test_\w+)\(", file.read_text())}


def test_the_page_has_the_promises_and_no_others() -> None:
    assert tuple(SECTIONS) == PROMISES


@pytest.mark.parametrize("promise", PROMISES)
def test_every_promise_has_tests_in_memory_and_on_a_cluster(promise: str) -> None:
    for place in ("memory", "cluster"):
        lists = re.findall(rf"^- {place}: (.*?)(?=^- |^$|\Z)", SECTIONS[promise], re.MULTILINE | re.DOTALL)
        assert any(find_tests(text) for text in lists), place


def test_every_named_test_exists() -> None:
    named = find_tests(PAGE)
    assert len(named) > 60
    assert named - read_defined_tests() == set()


def test_every_named_module_exists() -> None:
    modules = set(re.findall(r"`([a-z]+/\w[\w/]*\.py)`", PAGE))
    assert len(modules) > 10
    assert {module for module in modules if not (ROOT / "src" / "ks_universal" / module).is_file()} == set()
