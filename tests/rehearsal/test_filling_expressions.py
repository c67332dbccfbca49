"""What is read from conditions and patterns, without a server."""

import re

import pytest

from ks_universal.rehearsal.filling.expressions import conjuncts, find_equality, find_hints, find_orders, names_in
from ks_universal.rehearsal.filling.patterns import slots_of_like, slots_of_regex


@pytest.mark.parametrize("run", [1, 2, 6])
@pytest.mark.parametrize(
    "pattern",
    [
        r"^[a-z0-9-]+$",
        r"^\d{5}(-\d{4})?$",
        r"^[^@\s]+@[^@\s]+\.[a-z]{2,}$",
        r"^(https?|ftp)://[^/]+/.*$",
        r"^#[0-9A-Fa-f]{6}$",
        r"^\+?[0-9]{7,15}$",
        r"^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$",
        r"^(?:a|bc)*d{0,3}e?$",
        r"^[]x-]{2}[a-]$",
        r"^$",
    ],
)
def test_texts_match_the_regular_expression_that_they_are_made_of(pattern: str, run: int) -> None:
    slots = slots_of_regex(pattern, run=run)
    assert slots is not None
    for place in (0, -1):
        text = "".join(chars[place] for chars in slots)
        assert re.search(pattern, text), text


def test_posix_classes_are_known_and_what_is_not_understood_makes_no_texts() -> None:
    assert slots_of_regex("^[[:digit:]_]$", run=1) == ["0123456789_"]
    for pattern in ("^(?!x)", r"(a)\1", "(", "[a", "a{"):
        assert slots_of_regex(pattern, run=1) is None or pattern == "a{"


def test_like_stands_for_letters() -> None:
    letters = "abcdefghijklmnopqrstuvwxyz"
    assert slots_of_like(r"+49%x_\_", run=2) == ["+", "4", "9", letters, letters, "x", letters, "_"]


def test_hints_of_a_column_are_its_comparisons_patterns_and_lengths() -> None:
    condition = (
        "((a >= 5) AND ((a)::numeric < 10.5) AND (7 <> a) AND (b > 3) AND (char_length((a)::text) <= 4)"
        " AND ((a)::text ~ '^\\d+$'::text) AND ((c)::text = ANY ((ARRAY['x'::varchar, 'y''z'::text])::text[])))"
    )
    hints = find_hints(condition, "a")
    assert hints.bounds == [(">=", "5"), ("<", "10.5"), ("<>", "7")]
    assert (hints.low, hints.high, hints.lengths) == ("5", "10.5", [4])
    assert hints.patterns == [("~", r"^\d+$")]
    assert {"x", "y'z", "3"} <= set(hints.literals)


def test_a_domain_and_an_operator_of_another_schema_are_understood() -> None:
    condition = "((VALUE)::public.citext OPERATOR(public.~) '^a'::public.citext)"
    assert find_hints(condition, "VALUE").patterns == [("~", "^a")]


def test_names_orders_and_equalities_of_columns_are_found() -> None:
    assert names_in("""(("odd "" name" > x) AND (y = 'z'::text))""") == ('"odd "" name"', "x", "AND", "y")
    assert list(find_orders("((low < high) OR (mid >= low))", ("low", "mid", "high"))) == [
        ("low", "high"),
        ("low", "mid"),
    ]
    assert list(find_orders("tsrange(a, b)", ("a", "b"))) == [("a", "b")]
    assert find_equality("(total = (price * (qty)::numeric))", ("total",)) == ("total", "(price * (qty)::numeric)")
    assert find_equality("((a = b) OR (b = c))", ("a", "c")) is None


def test_conjuncts_are_split_outside_of_parentheses_and_texts() -> None:
    condition = "((a IS NOT NULL) AND ((b = 'x AND y'::text) OR ((c > 1) AND (d > 2))) AND (e < 3))"
    assert list(conjuncts(condition)) == [
        "(a IS NOT NULL)",
        "((b = 'x AND y'::text) OR ((c > 1) AND (d > 2)))",
        "(e < 3)",
    ]
