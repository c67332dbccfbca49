"""The finding codes that the source contains, found in its syntax trees."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import ks_universal

PACKAGE = Path(ks_universal.__file__).parent
CODE = re.compile(r"[a-z]+(?:-[a-z]+)*/[a-z]+(?:-[a-z]+)*")
NOT_CODES = {
    "bin/rails",
    "db/migrations",
    "flyway/flyway",
    "migrate/migrate",
    "venv/bin",
    "application/json",
    "pods/log",
    "runtime/default",
    "text/html",
}
"""Other texts of this form."""
_MADE_WITH_CODES = {"ExpressionError", "Problem", "Rule", "Violation", "error", "warn"}


@cache
def find_codes() -> dict[str, set[str]]:
    """Find each code that is written as a text, and the top folders of the package that have it.

    A code that is only compared with another one is no code that anything produces.
    """
    found = defaultdict(set)
    for path, tree in _read_trees():
        compared = {id(part) for node in ast.walk(tree) if isinstance(node, ast.Compare) for part in ast.walk(node)}
        texts = (node for node in ast.walk(tree) if isinstance(node, ast.Constant) and id(node) not in compared)
        for code in (str(text.value) for text in texts):
            if CODE.fullmatch(code) and code not in NOT_CODES:
                found[code].add(path.relative_to(PACKAGE).parts[0])
    return dict(found)


def find_computed() -> Iterator[str]:
    """Find where a finding's code is put together from parts, so that nobody can search for it."""
    for path, tree in _read_trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and _name(node.func) in _MADE_WITH_CODES:
                given = [*node.args[:1], *(keyword.value for keyword in node.keywords if keyword.arg == "code")]
                if _name(node.func) == "ExpressionError":
                    given = given[1:]
                for code in given:
                    if any(isinstance(part, ast.JoinedStr | ast.BinOp) for part in ast.walk(code)):
                        yield f"{path}:{node.lineno}"


def _name(function: ast.expr) -> str:
    return getattr(function, "attr", getattr(function, "id", ""))


def _read_trees() -> Iterator[tuple[Path, ast.Module]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        yield path, ast.parse(path.read_text())
