"""What is written is read back the same: by YAML 1.1 (PyYAML) and by YAML 1.2 (ruamel.yaml)."""

import io
from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from ks_universal.manifest.yaml import write_yaml

TRAPS = (
    "y", "N", "yes", "No", "ON", "off", "true", "FALSE", "null", "Null", "~", "", " ", "=", "<<", "-", "--",
    "---", "...", "0", "-1", "+1", "007", "0o17", "0644", "0x1F", "0b11", "1_000", "1e3", "1E3", "1.10", ".5",
    "5.", "+.5", "1e", "e1", ".inf", "-.INF", ".nan", ".NaN", "12:30", "12:30:45", "190:20:30.15",
    "2001-01-01", "2001-12-14t21:59:43.10-05:00", "a: b", "a:", ":a", "a #b", "#a", "a#b", "- a", "? a",
    "a b ", " a", "*a", "&a", "!a", "|", ">", "%a", "@a", "`a", "[a]", "{a}", "a, b", "'a'", '"a"', 'a"b',
    "\\", "a\\n", "$(A)", "{{ a }}", "-c", "-1m", "256Mi", "10.0.0.0/8", "\t", "a\tb", "\x00", "\x07", "\x1b",
    "\x7f", "\x85", "a\x85b", "\xa0", "\u2028", "\u2029", "\ufeff", "\uffff", "😀", "\n", "\n\n", "a\n",
    "a\n\n", "\na", " \n", " \na", "a\n ", "a\n \n", "a\n\tb", "\ta\nb", "a\r\nb", "a\nb\x85c", "a\n b\nc",
    "  a\nb\n", "---\na\n", "#a\nb", "a\n...\n", "a: b\nc: d\n", "%a\nb",
)  # fmt: skip
TEXTS = st.one_of(
    st.sampled_from(TRAPS),
    st.text(alphabet=st.characters(codec="utf-8"), max_size=30),
    st.text(alphabet="ab01.-+_:#eExX \n\t\r'\"|>%@&*!?,[]{}~=<", max_size=12),
)
NUMBERS = st.one_of(st.integers(-(2**63), 2**63), st.floats(allow_nan=False, allow_infinity=False))
VALUES = st.recursive(
    st.one_of(TEXTS, st.none(), st.booleans(), NUMBERS),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(TEXTS, inner, max_size=4)),
    max_leaves=20,
)
DOCUMENTS = st.lists(st.dictionaries(TEXTS, VALUES, max_size=5), min_size=1, max_size=3)


def read_1_1(text: str) -> list[Any]:
    return list(yaml.safe_load_all(text))


def read_1_2(text: str) -> list[Any]:
    return list(YAML(typ="safe", pure=True).load_all(io.StringIO(text)))


@settings(deadline=None)
@given(documents=DOCUMENTS)
def test_yaml_1_1_readers_read_back_what_was_written(documents: list[dict[str, Any]]) -> None:
    assert read_1_1(write_yaml(documents)) == documents


@settings(deadline=None)
@given(documents=DOCUMENTS)
def test_yaml_1_2_readers_read_back_what_was_written(documents: list[dict[str, Any]]) -> None:
    assert read_1_2(write_yaml(documents)) == documents


@pytest.mark.parametrize("text", TRAPS)
@pytest.mark.parametrize("read", [read_1_1, read_1_2])
def test_text_that_looks_like_something_else_stays_text_everywhere(read: Any, text: str) -> None:
    document = {text: text, "list": [text, [text], {text: text}], "after": {"a": text, "b": [text]}}
    assert read(write_yaml([document, document])) == [document, document]


@given(value=st.floats(allow_nan=False, allow_infinity=False))
@example(value=1e16)
@example(value=1e-07)
def test_numbers_stay_numbers_in_every_reader(value: float) -> None:
    text = write_yaml([{"number": value}])
    assert [type(read(text)[0]["number"]) for read in (read_1_1, read_1_2)] == [float, float]


def test_text_of_several_lines_is_shown_as_it_is() -> None:
    assert write_yaml([{"script": "#!/bin/sh\necho a\n"}]) == "script: |\n  #!/bin/sh\n  echo a\n"


def test_ordinary_words_are_not_quoted() -> None:
    document = {"image": "registry:5000/app:v1.2", "cpu": "100m", "args": ["--port", "-c", "$(A)"], "path": "/a/b"}
    expected = "image: registry:5000/app:v1.2\ncpu: 100m\nargs:\n- --port\n- -c\n- $(A)\npath: /a/b\n"
    assert write_yaml([document]) == expected


def test_empty_maps_and_lists_are_written() -> None:
    assert write_yaml([{"a": {}, "b": [], "c": [{}, [], ()], "d": ()}, {}]) == (
        "a: {}\nb: []\nc:\n- {}\n- []\n- []\nd: []\n---\n{}\n"
    )
