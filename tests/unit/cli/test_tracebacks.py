"""Tracebacks keep the error and the way to it through own code."""

from ks_universal.cli.show.folding import fold_tracebacks

OWN = ['  File "/srv/app/migrations/versions/2_sku.py", line 18, in upgrade', '    op.add_column("products")']
LIBRARY = [
    '  File "/srv/.venv/lib/python3.11/site-packages/alembic/op.py", line 3, in add_column',
    "    return x(",
    "    ^^^^^^",
]
START = "Traceback (most recent call last):"
END = "psycopg.errors.NotNullViolation: column contains null values"


def test_frames_of_libraries_are_counted_and_own_ones_kept() -> None:
    assert fold_tracebacks([START, *LIBRARY, *LIBRARY, *OWN, *LIBRARY, END]) == [
        START, "  ... 2 of libraries left out", *OWN, "  ... 1 of libraries left out", END
    ]  # fmt: skip


def test_what_was_given_as_text_is_own_code_and_what_python_froze_is_not() -> None:
    own, frozen = '  File "<string>", line 4, in <module>', '  File "<frozen runpy>", line 198, in run'
    assert fold_tracebacks([START, frozen, own, END]) == [START, "  ... 1 of libraries left out", own, END]


def test_a_tail_that_begins_within_a_traceback_is_folded_too() -> None:
    assert fold_tracebacks(["    self.run(", *LIBRARY]) == ["    self.run(", "  ... 1 of libraries left out"]


def test_other_lines_stay_as_they_are() -> None:
    lines = ["", "  indented", "INFO  Running upgrade", '  File "notes.txt" was read']
    assert fold_tracebacks(lines) == lines
