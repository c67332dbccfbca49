from collections.abc import Callable

import pytest
import yaml
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from ks_universal.diagnostics import Position, Problem
from ks_universal.values import parse
from ks_universal.values.nodes import Mapping, Node, Scalar, locate
from ks_universal.values.parse import MAX_DEPTH, parse_yaml
from support.examples import examples

ToPlain = Callable[[Node], object]


@pytest.fixture(params=["libyaml", "pure Python"], autouse=True)
def _parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "pure Python":
        monkeypatch.setattr(parse, "_Parser", yaml.BaseLoader)


def read(text: str) -> Mapping:
    tree, problems = parse_yaml(text, "values.yaml")
    assert problems == []
    return tree


def problem_of(text: str) -> Problem:
    _, problems = parse_yaml(text, "values.yaml")
    assert len(problems) == 1
    return problems[0]


def test_scalars_keep_the_characters_as_written_and_whether_they_were_quoted() -> None:
    tree = read("a: 1.10\nb: '1.10'\nc: |\n  0644\nd: !!str 08\n")
    a, b, c, d = tree.entries.values()
    assert isinstance(a, Scalar)
    assert isinstance(b, Scalar)
    assert isinstance(c, Scalar)
    assert isinstance(d, Scalar)
    assert (a.text, a.plain, a.tag) == ("1.10", True, None)
    assert (b.text, b.plain) == ("1.10", False)
    assert (c.text, c.plain) == ("0644\n", False)
    assert (d.text, d.tag) == ("08", "!!str")


def test_every_value_and_key_knows_its_place() -> None:
    tree = read("a:\n  - x\n  - b: {c: 1}\n")
    assert locate(tree, ("a", 0)) == Position("values.yaml", 2, 5)
    assert locate(tree, ("a", 1, "b", "c")) == Position("values.yaml", 3, 12)
    assert locate(tree, ("a", 1, "b", "c"), key=True) == Position("values.yaml", 3, 9)
    assert locate(tree, ("a",), key=True) == Position("values.yaml", 1, 1)


def test_columns_count_characters() -> None:
    assert locate(read("ключ: 'é'\n"), ("ключ",)) == Position("values.yaml", 1, 7)


def test_keys_are_their_characters(texts: ToPlain) -> None:
    tree = read("on: a\ny: b\n1.10: c\n0123: d\ntrue: e\n~: f\n'': g\n2024-01-01: h\n0x10: i\n")
    assert list(tree.entries) == ["on", "y", "1.10", "0123", "true", "~", "", "2024-01-01", "0x10"]
    assert texts(tree.entries["on"]) == "a"


def test_a_repeated_key_is_a_finding_that_names_both_places() -> None:
    problem = problem_of("a:\n  b: 1\n  c: 2\n  b: 3\n")
    assert problem.code == "values/duplicate-key"
    assert problem.where == Position("values.yaml", 4, 3)
    assert "'b'" in problem.message
    assert "values.yaml:2:3" in problem.message


def test_all_repeated_keys_are_found_at_once() -> None:
    _, problems = parse_yaml("a: 1\na: 2\nb: {c: 1, 'c': 2}\n", "values.yaml")
    assert [p.where.line for p in problems if p.where] == [2, 3]


def test_the_same_key_in_different_maps_is_fine(texts: ToPlain) -> None:
    assert texts(read("- a: 1\n- a: 2\n".join(["x:\n", ""]))) == {"x": [{"a": "1"}, {"a": "2"}]}


def test_an_alias_is_a_copy_at_its_own_place(texts: ToPlain) -> None:
    tree = read("a: &x {k: v}\nb: *x\nc: &y [1]\nd: *y\ne: &z 0644\nf: *z\n")
    assert texts(tree) == {"a": {"k": "v"}, "b": {"k": "v"}, "c": ["1"], "d": ["1"], "e": "0644", "f": "0644"}
    assert locate(tree, ("b",), key=True) == Position("values.yaml", 2, 1)
    assert locate(tree, ("b",)) == Position("values.yaml", 2, 4)
    assert locate(tree, ("b", "k")) == Position("values.yaml", 1, 11)
    assert locate(tree, ("f",)) == Position("values.yaml", 6, 4)


def test_keys_may_be_anchors_and_aliases(texts: ToPlain) -> None:
    assert texts(read("&k name: 1\nx: {*k : 2}\n")) == {"name": "1", "x": {"name": "2"}}


def test_a_later_anchor_of_the_same_name_replaces_the_earlier(texts: ToPlain) -> None:
    text = "a: &x {n: 1}\nb: *x\nc: &x {n: {m: 2}}\nd: *x\n"
    assert texts(read(text)) == {"a": {"n": "1"}, "b": {"n": "1"}, "c": {"n": {"m": "2"}}, "d": {"n": {"m": "2"}}}


def test_a_merge_key_brings_what_is_not_written(texts: ToPlain) -> None:
    tree = read("base: &b {a: 1, b: 2}\nx:\n  b: 3\n  <<: *b\n  c: 4\n")
    assert texts(tree.entries["x"]) == {"a": "1", "b": "3", "c": "4"}
    assert locate(tree, ("x", "a")) == Position("values.yaml", 1, 14)
    assert locate(tree, ("x", "b")) == Position("values.yaml", 3, 6)


def test_the_first_map_of_a_merged_list_wins(texts: ToPlain) -> None:
    tree = read("a: &a {k: 1, l: 1}\nb: &b {k: 2, m: 2}\nx:\n  <<: [*a, *b]\n")
    assert texts(tree.entries["x"]) == {"k": "1", "l": "1", "m": "2"}


def test_a_merge_key_takes_a_map_written_in_place(texts: ToPlain) -> None:
    assert texts(read("x: {<<: {a: 1}, b: 2}")) == {"x": {"a": "1", "b": "2"}}


def test_a_quoted_merge_key_is_a_key(texts: ToPlain) -> None:
    assert texts(read("x: {'<<': 1}")) == {"x": {"<<": "1"}}


@pytest.mark.parametrize("value", ["1", "[1]", "~", "[{a: 1}, x]", "[[{a: 1}]]"])
def test_a_merge_key_with_anything_but_maps_is_a_finding(value: str) -> None:
    assert problem_of(f"x: {{<<: {value}}}").code == "values/merge-key"


def test_a_merge_key_written_twice_is_a_finding_that_shows_the_list() -> None:
    problem = problem_of("a: &a {k: 1}\nb:\n  <<: *a\n  <<: *a\n")
    assert problem.code == "values/duplicate-key"
    assert problem.where == Position("values.yaml", 4, 3)
    assert "[*a, *b]" in (problem.hint or "")


@pytest.mark.parametrize("text", ["a: &a [*a]", "a: &a {b: *a}", "a: &a {b: {c: [*a]}}", "a: &a {<<: *a}"])
def test_an_alias_within_its_own_anchor_is_a_finding(text: str) -> None:
    _, problems = parse_yaml(text, "values.yaml")
    assert problems[0].code == "values/alias"
    assert "inside" in problems[0].message


def test_an_alias_without_anchor_is_a_finding() -> None:
    problem = problem_of("a: 1\nb: *nowhere\n")
    assert (problem.code, problem.where) == ("values/alias", Position("values.yaml", 2, 4))
    assert "'*nowhere'" in problem.message


def test_anchors_end_with_their_document() -> None:
    assert problem_of("a: &x 1\n---\nb: *x\n").code == "values/alias"


def test_aliases_of_aliases_that_would_grow_without_bound_are_refused() -> None:
    lines = ["a0: &a0 {k: v}"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    problem = problem_of("\n".join(lines))
    assert problem.code == "values/alias"
    assert "1,000,000" in problem.message


def test_one_default_for_a_thousand_applications_is_fine() -> None:
    text = "d: &d {a: {b: 1, c: 2}}\nx:\n" + "".join(f"  n{n}: {{<<: *d, z: *d}}\n" for n in range(1000))
    tree = read(text)
    applications = tree.entries["x"]
    assert isinstance(applications, Mapping)
    assert len(applications.entries) == 1000


@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "? "])
def test_deep_nesting_is_a_finding(opening: str) -> None:
    assert problem_of("a:\n  " + opening * 10_000).code in ("values/too-deep", "values/syntax")


def test_block_maps_nested_ten_thousand_deep_are_a_finding() -> None:
    text = "".join(" " * level + "a:\n" for level in range(2_000))
    assert problem_of(text).code == "values/too-deep"


def test_aliases_cannot_nest_deeper_either() -> None:
    lines = ["a0: &a0 {k: v}"] + [f"a{n}: &a{n} {{k: *a{n - 1}}}" for n in range(1, MAX_DEPTH + 5)]
    assert problem_of("\n".join(lines)).code == "values/too-deep"


def test_documents_merge_in_order(texts: ToPlain) -> None:
    text = "a: {b: 1, c: 1}\n---\na: {c: 2}\n---\n---\nd: 3\n...\n"
    assert texts(read(text)) == {"a": {"b": "1", "c": "2"}, "d": "3"}


@pytest.mark.parametrize("text", ["", "\n", "# nothing\n", "---\n", "---\n...\n", "null\n", "~", "{}", "\ufeff"])
def test_a_file_without_values_is_an_empty_map(text: str) -> None:
    assert read(text).entries == {}


@pytest.mark.parametrize(
    ("text", "found"), [("- a\n", "a list"), ("hello\n", "a single value"), ("''", "a single value")]
)
def test_a_top_that_is_no_map_is_a_finding(text: str, found: str) -> None:
    problem = problem_of(text)
    assert (problem.code, problem.where) == ("values/not-a-map", Position("values.yaml", 1, 1))
    assert found in problem.message


@pytest.mark.parametrize("text", ["? [a]\n: b\n", "? {a: 1}\n: b\n", "{[a]: b}"])
def test_a_key_that_is_no_text_is_a_finding(text: str) -> None:
    assert problem_of(text).code == "values/key"


def test_an_unquoted_template_is_explained() -> None:
    problem = problem_of("a: {{ .Values.x }}\n")
    assert (problem.code, problem.where) == ("values/key", Position("values.yaml", 1, 5))
    assert "'{{'" in (problem.hint or "")


def test_a_missing_key_is_a_finding() -> None:
    assert problem_of("a: 1\n: 2\n").where == Position("values.yaml", 2, 1)


@pytest.mark.parametrize(
    ("text", "line", "column", "hint"),
    [
        ("a:\n\tb: 1\n", 2, 1, "spaces"),
        ("a: 'x\nb: 1\n", 1, 4, "never closed"),
        ('a: "x\nb: 1\n', 1, 4, "never closed"),
        ("a:b\nc: 1\n", 2, 2, "space"),
        ("a: b: c\n", 1, 5, "quote"),
        ("a: 1\n  b: 2\n", 2, 4, "column"),
        ("a:\n  b: 1\n c: 2\n", 3, 2, "indentation"),
        ("a:\n- b\nc\n", 3, 1, "colon"),
        ("a: {x: 1\nb: 2\n", 1, 4, "closed"),
        ("a: [1, 2\n", 1, 4, "closed"),
        ("a: @x\n", 1, 4, "'@' needs quotes"),
        ("a: `x`\n", 1, 4, "'`' needs quotes"),
        ("a: %x\n", 1, 4, "'%' needs quotes"),
        ('a: "\\d"\n', 1, 5, "single quotes"),
        ("a: !x!y 1\n", 1, 4, "'!' needs quotes"),
        ("a: * b\n", 1, 5, "'*' needs quotes"),
        ("a: |x\n  b\n", 1, 5, "next line"),
    ],
)
def test_a_syntax_error_has_a_place_and_a_likely_cause(text: str, line: int, column: int, hint: str) -> None:
    problem = problem_of(text)
    assert problem.code == "values/syntax"
    assert problem.where is not None
    assert (problem.where.line, problem.hint is not None) == (line, True)
    assert abs(problem.where.column - column) <= 1  # the two parsers differ by one in places
    assert hint in (problem.hint or "")


def test_findings_before_a_syntax_error_are_kept() -> None:
    _, problems = parse_yaml("a: 1\na: 2\nb: 'x\n", "values.yaml")
    assert [p.code for p in problems] == ["values/duplicate-key", "values/syntax"]


@pytest.mark.parametrize(
    ("character", "name"), [("\x00", "0000"), ("\x1b", "001B"), ("\x7f", "007F"), ("\ud800", "D800")]
)
def test_characters_that_yaml_forbids_are_named_with_their_place(character: str, name: str) -> None:
    problem = problem_of(f"a: 1\nb: x{character}y\n")
    assert (problem.code, problem.where) == ("values/syntax", Position("values.yaml", 2, 5))
    assert f"U+{name}" in problem.message


def test_a_byte_order_mark_and_windows_line_ends_are_read(texts: ToPlain) -> None:
    tree = read("\ufeffa: 1\r\nb:\r\n  - x\r\nc: |\r\n  l1\r\n  l2\r\n")
    assert texts(tree) == {"a": "1", "b": ["x"], "c": "l1\nl2\n"}
    assert locate(tree, ("a",)) == Position("values.yaml", 1, 4)
    assert locate(tree, ("b", 0)) == Position("values.yaml", 3, 5)


TREES = st.recursive(
    st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.text(min_size=1, max_size=5), TREES, max_size=4), st.booleans())
@settings(deadline=None, max_examples=examples(60))
def test_trees_read_as_the_yaml_library_reads_them(texts: ToPlain, tree: dict[str, object], flow: bool) -> None:
    text = yaml.safe_dump(tree, allow_unicode=True, default_flow_style=flow, sort_keys=False)
    assume(yaml.load(text, Loader=yaml.CSafeLoader) == tree)  # PyYAML writes the keys " " and U+0085 alike
    found, problems = parse_yaml(text, "values.yaml")
    assert problems == []
    assert texts(found) == yaml.load(text, Loader=yaml.CBaseLoader)


YAML_LIKE = st.text(st.sampled_from(list("ab:-?,[]{}#&*!|>'\"%@` \n\t<~0\\\x00\x85\u2028\ufeff\ud800é")), max_size=40)


@given(st.one_of(st.text(), YAML_LIKE))
@example("\x85\t- a: 'b")
@example("? \n? \n")
@settings(deadline=None, max_examples=examples(400))
def test_no_text_raises(text: str) -> None:
    tree, problems = parse_yaml(text, "values.yaml")
    assert isinstance(tree, Mapping)
    assert all(p.where is not None and p.where.file == "values.yaml" and str(p).encode() for p in problems)
