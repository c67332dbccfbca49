"""The one shape of every finding, from a typo in the values to a pod that cannot start.

Knows nothing of where findings come from; everything else may import it.
"""

from enum import StrEnum
from typing import Any

import msgspec


class Severity(StrEnum):
    """How bad a finding is: an error stops the command, a warning does not."""

    ERROR = "error"
    WARNING = "warning"


class Position(msgspec.Struct, frozen=True, order=True):
    """A place in an input: line and column count from 1; `file` is what the user called it (`-`, `--set a.b=1`)."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """One finding: `code` is `area/kind` and stable, `message` a sentence, `hint` what to do about it."""

    code: str
    message: str
    where: Position | None = None
    hint: str | None = None
    severity: Severity = Severity.ERROR

    def __str__(self) -> str:
        lines = [f"{self.severity}[{self.code}]: {self.message}"]
        if self.where is not None:
            lines.append(f"  --> {self.where}")
        if self.hint is not None:
            lines.append(f"  hint: {self.hint}")
        return "\n".join(lines)


def sort_problems(problems: list[Problem]) -> tuple[Problem, ...]:
    """Order findings as a reader meets them: by file, line and column; those without a place last; each only once."""
    unique = dict.fromkeys(problems)
    return tuple(sorted(unique, key=lambda p: (p.where is None, p.where or Position("", 0, 0), p.code, p.message)))


def has_errors(problems: tuple[Problem, ...] | list[Problem]) -> bool:
    """Tell whether any of the findings stops the command."""
    return any(p.severity is Severity.ERROR for p in problems)


def describe_problem(problem: Problem) -> dict[str, Any]:
    """Give a finding for JSON: code, severity, message, where (file, line, column), hint; None where there is none."""
    where = problem.where
    return {
        "code": problem.code,
        "severity": problem.severity,
        "message": _printable(problem.message),
        "where": where and {"file": _printable(where.file), "line": where.line, "column": where.column},
        "hint": problem.hint and _printable(problem.hint),
    }


def _printable(text: str) -> str:
    """Escape what UTF-8 cannot hold: the bytes of a file name that is not text."""
    return text.encode("utf-8", "backslashreplace").decode()
