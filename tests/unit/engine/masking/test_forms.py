"""Whatever tool writes a Secret's value, and whatever stands around it, it is not in the output."""

import re

from hypothesis import example, given, settings
from hypothesis import strategies as st

from ks_universal.engine.masking import Mask
from support.encoders import ENCODERS

PRINTABLE = st.characters(codec="utf-8", categories=("L", "N", "P", "S"))
SPECIAL = st.sampled_from("%&+/\\'\"`$@:;=?#<>{}()[]*! ~^|,.-_\tä€😀0aA7nux")
VALUES = st.builds(
    "".join,
    st.tuples(
        st.text(st.one_of(SPECIAL, PRINTABLE), min_size=0, max_size=30), st.just("Zq7x"), st.text(SPECIAL, max_size=12)
    ),
)
LONG = st.text(st.sampled_from("abcXYZ0189+/=-_ %\\\"'é"), min_size=60, max_size=300).map(
    lambda text: f"{text}Zq7x{text[::-1]}Zq7x"
)
AROUND = st.text(st.one_of(SPECIAL, PRINTABLE), max_size=12).filter(lambda text: "Zq7x" not in text)

UNHURRIED = settings(deadline=None)
"""How long an example takes says more about what else the machine does."""


def make_mask(value: str) -> Mask:
    return Mask([{"kind": "Secret", "metadata": {"name": "s"}, "stringData": {"DB_PASSWORD": value}}])


@UNHURRIED
@given(value=VALUES, before=AROUND, after=AROUND, form=st.sampled_from(sorted(ENCODERS)))
def test_no_leaks_no_form_of_a_value_is_left(value: str, before: str, after: str, form: str) -> None:
    masked = make_mask(value).text(f"{before} {ENCODERS[form](value)} {after}")
    assert "***" in masked
    assert "Zq7x" not in masked


@UNHURRIED
@given(
    value=VALUES,
    before=AROUND,
    after=AROUND,
    form=st.sampled_from(sorted(set(ENCODERS) - {"shlex", "colours", "no width", "ascii"})),
)
@example(value="¡Zq7x", before="Ã", after="", form="escape of javascript")
@example(value="Zq7xÃ", before="", after="¡", form="escape of javascript")
def test_no_leaks_a_value_is_found_where_all_around_it_is_encoded_too(
    value: str, before: str, after: str, form: str
) -> None:
    masked = make_mask(value).text(ENCODERS[form](before + value + after))
    assert "***" in masked
    assert "Zq7x" not in masked


@UNHURRIED
@given(value=LONG, form=st.sampled_from(sorted(ENCODERS)))
def test_no_leaks_no_form_of_a_long_value_is_left(value: str, form: str) -> None:
    masked = make_mask(value).text(f"it is {ENCODERS[form](value)} there")
    assert "***" in masked
    assert re.search("Zq7x", masked) is None
