import pytest

from ks_universal.cli.show.console import MAX_SHOWN, show_problems
from ks_universal.diagnostics import Problem, Severity


def test_of_very_many_findings_the_first_are_shown_errors_before_warnings(capsys: pytest.CaptureFixture[str]) -> None:
    warnings = [Problem("a/b", f"warning {number}", severity=Severity.WARNING) for number in range(100_000)]
    errors = [Problem("a/b", f"error {number}") for number in range(2)]
    show_problems([*warnings, *errors])
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == MAX_SHOWN + 1
    assert lines[:3] == ["error[a/b]: error 0", "error[a/b]: error 1", "warning[a/b]: warning 0"]
    assert lines[-1] == "and 99,902 more; 'ks-universal validate -o json' lists all findings about values"


def test_as_many_as_are_shown_stay_in_their_order(capsys: pytest.CaptureFixture[str]) -> None:
    warning = Problem("a/b", "first", severity=Severity.WARNING)
    show_problems([warning, *[Problem("a/b", "then")] * (MAX_SHOWN - 1)])
    lines = capsys.readouterr().err.splitlines()
    assert (len(lines), lines[0]) == (MAX_SHOWN, "warning[a/b]: first")
