import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ks_universal.values.nodes import Mapping, Scalar, Sequence, Written
from ks_universal.values.scalars import is_null, resolve

AT = Written("values.yaml")
TRUE = ["y", "Y", "yes", "Yes", "YES", "on", "On", "ON", "true", "True", "TRUE"]
FALSE = ["n", "N", "no", "No", "NO", "off", "Off", "OFF", "false", "False", "FALSE"]


def plain(text: str) -> Scalar:
    return Scalar(text, plain=True, at=AT)


@pytest.mark.parametrize("text", TRUE)
def test_yaml_1_1_words_for_true_are_true(text: str) -> None:
    assert resolve(plain(text)) is True


@pytest.mark.parametrize("text", FALSE)
def test_yaml_1_1_words_for_false_are_false(text: str) -> None:
    assert resolve(plain(text)) is False


@pytest.mark.parametrize("text", ["", "~", "null", "Null", "NULL"])
def test_nothing_and_the_words_for_null_are_null(text: str) -> None:
    assert resolve(plain(text)) is None
    assert is_null(plain(text))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0),
        ("0123", 83),
        ("0644", 420),
        ("0o17", 15),
        ("0x1F", 31),
        ("-0x1f", -31),
        ("0b11", 3),
        ("1_000", 1000),
        ("+5", 5),
        ("08", 8),
        ("09", 9),
        ("08.5", 8.5),
        ("1.10", 1.1),
        ("5.", 5),
        (".5", 0.5),
        (".1_5", 0.15),
        ("1e3", 1000),
        ("1.5e10", 15000000000),
        ("1.0", 1),
        ("1e21", 1e21),
        ("1e-400", 0),
        ("9007199254740993", 9007199254740993),
        ("9223372036854775807", 2**63 - 1),
        ("-9223372036854775808", -(2**63)),
        ("18446744073709551615", 2**64 - 1),
        ("0xffffffffffffffff", 2**64 - 1),
        ("0x" + "0" * 5000 + "1", 1),
    ],
)
def test_numbers_have_the_value_that_kubernetes_reads(text: str, value: float) -> None:
    assert resolve(plain(text)) == value
    assert type(resolve(plain(text))) is type(value)


@pytest.mark.parametrize(
    "text",
    [
        *("tRue", "yES", "nULL", "12:30", "12:30:45", "2024-01-15", "2024-01-15T10:00:00Z", "2024-01-15 10:00:00"),
        *("1.2.3", "1,000", "100Mi", "=", "<<", "8e12345", "-8e12345", "_1", "0x", "0b2", "0o8", "+", "-", ".", "..5"),
        *(
            "._5",
            ".5_",
            "1e",
            "0x1p3",
            "0x10000000000000000",
            "+18446744073709551615abc",
            "\uff11\uff12",
            "v1.0.0",
            "1 2",
        ),
    ],
)
def test_what_only_resembles_something_else_is_text(text: str) -> None:
    assert resolve(plain(text)) == text


@pytest.mark.parametrize("digits", [20, 22, 320])
def test_integers_beyond_64_bits_are_read_as_floats_or_text(digits: int) -> None:
    text = "9" * digits
    assert resolve(plain(text)) == (float(text) if digits < 309 else text)


@pytest.mark.parametrize("text", [".inf", "-.Inf", "+.INF", ".nan", ".NaN", ".NAN"])
def test_what_json_cannot_hold_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="finite"):
        resolve(plain(text))


@pytest.mark.parametrize("text", ["true", "5", "", "null", ".inf", "0644"])
def test_quoted_scalars_are_text(text: str) -> None:
    assert resolve(Scalar(text, plain=False, at=AT)) == text
    assert not is_null(Scalar(text, plain=False, at=AT))


@pytest.mark.parametrize(
    ("tag", "text", "value"),
    [
        ("!!str", "5", "5"),
        ("!!str", "", ""),
        ("!!binary", "aGVsbG8=", "hello"),
        ("!!binary", "aGVs\n bG8=", "hello"),
        ("!!int", "0x10", 16),
        ("!!float", "5", 5),
        ("!!bool", "yes", True),
        ("!!null", "~", None),
        ("!!timestamp", "2001-01-01", "2001-01-01"),
        ("!", "5", "5"),
        ("!vault", "secret", "secret"),
    ],
)
def test_an_explicit_tag_decides(tag: str, text: str, value: object) -> None:
    result = resolve(Scalar(text, plain=True, at=AT, tag=tag))
    assert (result, type(result)) == (value, type(value))


@pytest.mark.parametrize(
    ("tag", "text"),
    [
        ("!!int", "hunter2"),
        ("!!int", "1.5"),
        ("!!bool", "1"),
        ("!!float", "x"),
        ("!!null", "x"),
        ("!!binary", "*hunter2"),
    ],
)
def test_a_scalar_that_contradicts_its_tag_is_refused_without_being_repeated(tag: str, text: str) -> None:
    with pytest.raises(ValueError, match=tag) as caught:
        resolve(Scalar(text, plain=True, at=AT, tag=tag))
    assert "hunter2" not in str(caught.value)


def test_binary_that_is_no_text_is_refused() -> None:
    with pytest.raises(ValueError, match="base64"):
        resolve(Scalar("/w==", plain=True, at=AT, tag="!!binary"))


def test_a_tagged_empty_text_is_not_null() -> None:
    assert not is_null(Scalar("", plain=True, at=AT, tag="!!str"))
    assert is_null(Scalar("", plain=True, at=AT, tag="!!null"))


def test_maps_and_lists_are_not_null() -> None:
    assert not is_null(Mapping({}, AT))
    assert not is_null(Sequence([], AT))


@given(st.one_of(st.text(), st.from_regex(r"[-+.0-9_eExXoObB:]{1,12}", fullmatch=True)))
@example("1" * 5000)
@example("0x" + "f" * 5000)
@settings(deadline=None)
def test_every_text_has_a_value_or_is_refused(text: str) -> None:
    try:
        value = resolve(plain(text))
    except ValueError as error:
        assert "finite" in str(error)
    else:
        assert value is None or isinstance(value, bool | int | float | str)
