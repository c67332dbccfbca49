"""The expected results of FROM_HELM are those of `helm template` 4.3.1; test_a_real_helm_agrees checks them again."""

import base64
import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ks_universal.diagnostics import Position, Problem
from ks_universal.values.load import load_values
from ks_universal.values.nodes import Mapping, Node, Scalar, locate
from ks_universal.values.overrides import OVERRIDE_FLAGS, Override
from support.examples import examples

ToPlain = Callable[[Node], object]

BASE = "m: {a: 1, b: {c: x}}\nl: [1, {k: v}, [p, q]]\ns: text\n"
UNCHANGED = {"m": {"a": 1, "b": {"c": "x"}}, "l": [1, {"k": "v"}, ["p", "q"]], "s": "text"}

# (flag, expression, what differs from UNCHANGED)
FROM_HELM: list[tuple[str, str, dict[str, object]]] = [
    ("--set", "", {}),
    ("--set", "a=1", {"a": 1}),
    ("--set", "a=1,", {"a": 1}),
    ("--set", "a=", {"a": ""}),
    ("--set", "a=,b=2", {"a": "", "b": 2}),
    ("--set", "a={}", {"a": [""]}),
    ("--set", "a={x,y},b=1", {"a": ["x", "y"], "b": 1}),
    ("--set", "a={x},", {"a": ["x"]}),
    ("--set", "a={1,true,null,012}", {"a": [1, True, None, "012"]}),
    ("--set", r"a={x\,y,z}", {"a": ["x,y", "z"]}),
    ("--set", "a=0", {"a": 0}),
    ("--set", "a=00", {"a": "00"}),
    ("--set", "a=0123", {"a": "0123"}),
    ("--set", "a=1.10", {"a": "1.10"}),
    ("--set", "a=1e3", {"a": "1e3"}),
    ("--set", "a=1_000", {"a": "1_000"}),
    ("--set", "a=0x1F", {"a": "0x1F"}),
    ("--set", "a=+5", {"a": 5}),
    ("--set", "a=-5", {"a": -5}),
    ("--set", "a=-010", {"a": -10}),
    ("--set", "a=9223372036854775807", {"a": 2**63 - 1}),
    ("--set", "a=9223372036854775808", {"a": "9223372036854775808"}),
    ("--set", "a=TRUE,b=False", {"a": True, "b": False}),
    ("--set", "a=tRuE", {"a": True}),
    ("--set", "a=yes", {"a": "yes"}),
    ("--set", "a=  x ", {"a": "  x "}),
    ("--set", 'a="x y"', {"a": '"x y"'}),
    ("--set", "a=b=c", {"a": "b=c"}),
    ("--set", r"a=b\,c", {"a": "b,c"}),
    ("--set", r"a\.b=1", {"a.b": 1}),
    ("--set", r"a\=b=2", {"a=b": 2}),
    ("--set", "a=\\", {"a": ""}),
    ("--set", "a b=1", {"a b": 1}),
    ("--set", "a.b.c=1,a.b.d=2", {"a": {"b": {"c": 1, "d": 2}}}),
    ("--set", "a[0].b=1,a[0].c=2,a[1].b=3", {"a": [{"b": 1, "c": 2}, {"b": 3}]}),
    ("--set", "a[0][1]=x", {"a": [[None, "x"]]}),
    ("--set", "a[01]=2", {"a": [None, 2]}),
    ("--set", "a[0]={1,2}", {"a": [[1, 2]]}),
    ("--set", "m.a=2", {"m": {"a": 2, "b": {"c": "x"}}}),
    ("--set", "m.b.c=3", {"m": {"a": 1, "b": {"c": 3}}}),
    ("--set", "m=1", {"m": 1}),
    ("--set", "l[0]=9", {"l": [9, {"k": "v"}, ["p", "q"]]}),
    ("--set", "l[4]=9", {"l": [1, {"k": "v"}, ["p", "q"], None, 9]}),
    ("--set", "l[1].n=2", {"l": [1, {"k": "v", "n": 2}, ["p", "q"]]}),
    ("--set", "l[2][3]=z", {"l": [1, {"k": "v"}, ["p", "q", None, "z"]]}),
    ("--set", "l[0].x=1", {"l": [{"x": 1}, {"k": "v"}, ["p", "q"]]}),
    ("--set", "l[1]=null", {"l": [1, None, ["p", "q"]]}),
    ("--set", "l={}", {"l": [""]}),
    ("--set-string", "a=1,b=true,c=null,d=", {"a": "1", "b": "true", "c": "null", "d": ""}),
    ("--set-string", "a={1,2}", {"a": ["1", "2"]}),
    ("--set-string", "l[0]=5", {"l": ["5", {"k": "v"}, ["p", "q"]]}),
    ("--set-json", "a=1,b=[1,{}],c=true", {"a": 1, "b": [1, {}], "c": True}),
    ("--set-json", 'a={"x":1.10}', {"a": {"x": 1.1}}),
    ("--set-json", 'a= "x" ,b=2', {"a": "x", "b": 2}),
    ("--set-json", "a=1E3", {"a": 1000}),
    ("--set-json", 'm={"x":1}', {"m": {"x": 1}}),
    ("--set-json", 'l[1]={"z":1}', {"l": [1, {"z": 1}, ["p", "q"]]}),
    ("--set-json", ' {"m":{"a":5,"q":[1]},"x":2} ', {"m": {"a": 5, "b": {"c": "x"}, "q": [1]}, "x": 2}),
    ("--set-json", "{}", {}),
    ("--set-literal", "a=b,c=d", {"a": "b,c=d"}),
    ("--set-literal", r"a.b=\x,{y}", {"a": {"b": r"\x,{y}"}}),
    ("--set-literal", r"a\.b=1", {"a\\": {"b": "1"}}),
    ("--set-literal", "a,b=1", {"a,b": "1"}),
    ("--set-literal", "a[1]=", {"a": [None, ""]}),
]
REFUSED_BY_HELM = [
    *(("--set", text) for text in ("a", "a.b", "a..b=1", ",a=1", "a[x]=1", "a[-1]=1", "a[65537]=1", "a[0]x=1", "a={x")),
    *(("--set", text) for text in ("a={a,{b}}", "a\\", "a[ 1]=2", "s.x=1", "s[0]=1", "m[0]=1", "l.x=1")),
    *(("--set-json", text) for text in ("a=x", 'a={"x":1}}', '{"x":1} y', "a=1 2", "a=[", "a=NaN", "a=01", "a=1e400")),
    *(("--set-json", text) for text in ("{", "a=1,b", "a=" + "9" * 310, "a=[-" + "9" * 5000 + "]")),
    ("--set-file", "a=/does/not/exist"),
    ("--set-literal", "a"),
]
# Helm takes these for something that nobody can mean.
REFUSED_BEYOND_HELM = [
    *(("--set", text) for text in ("=1", ".a=1", "a[=1", "a[0]", "a[1=2", "a[0].=1", "[0]=1", "a[+1]=2", "a={x}y=1")),
    ("--set-json", 'a={"x":1,"x":2}'),
    ("--set-json", 'a="\\ud800"'),
    ("--set-file", "a="),
    ("--set-literal", "=1"),
    ("--set", "a=\udcff"),
    ("--set", ".".join("a" * 100) + "=1"),
    ("--set-json", "a=" + "[" * 10_000),
    ("--set-json", "a=" + "[" * 150 + "]" * 150),
]


@pytest.fixture(name="base")
def _base(tmp_path: Path) -> str:
    path = tmp_path / "values.yaml"
    path.write_text(BASE)
    return str(path)


def problem_of(file: str, flag: str, text: str) -> Problem:
    problems = load_values([file], [Override(flag, text)]).problems
    assert len(problems) == 1
    return problems[0]


@pytest.mark.parametrize(("flag", "text", "changes"), FROM_HELM)
def test_expressions_mean_what_they_mean_to_helm(
    base: str, values: ToPlain, flag: str, text: str, changes: dict[str, object]
) -> None:
    loaded = load_values([base], [Override(flag, text)])
    assert loaded.problems == ()
    assert values(loaded.tree) == UNCHANGED | changes


@pytest.mark.parametrize(("flag", "text", "changes"), FROM_HELM)
def test_a_real_helm_agrees(
    base: str, helm: str, tmp_path: Path, flag: str, text: str, changes: dict[str, object]
) -> None:
    (tmp_path / "templates").mkdir()
    (tmp_path / "Chart.yaml").write_text("{apiVersion: v2, name: show, version: 1.0.0}")
    (tmp_path / "templates" / "values.yaml").write_text('{kind: X, values: "{{ .Values | toJson | b64enc }}"}')
    (tmp_path / "values.yaml").write_text("{}")
    Path(base).with_name("base.yaml").write_text(BASE)
    command = [helm, "template", "x", str(tmp_path), "-f", str(tmp_path / "base.yaml"), flag, text]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.search(r'values: "([^"]+)"', output)
    assert found is not None
    assert json.loads(base64.b64decode(found.group(1))) == UNCHANGED | changes


@pytest.mark.parametrize(("flag", "text"), REFUSED_BY_HELM + REFUSED_BEYOND_HELM)
def test_malformed_expressions_are_findings_with_a_place(base: str, flag: str, text: str) -> None:
    problem = problem_of(base, flag, text)
    assert problem.code in ("values/set", "values/unreadable")
    assert problem.where is not None
    assert problem.where.file.startswith(flag)
    assert str(problem).encode()


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("a=1,b", Position("--set a", 1, 5)),
        ("a[x]=1", Position("--set a[x]", 1, 3)),
        ("m.a=1,s.x=2", Position("--set s.x", 1, 7)),
        ("a={x", Position("--set a", 1, 3)),
    ],
)
def test_the_place_is_the_key_and_the_column_in_the_expression(base: str, text: str, where: Position) -> None:
    assert problem_of(base, "--set", text).where == where


def test_values_know_their_expression(base: str) -> None:
    tree = load_values([base], [Override("--set", "m.a=2,l[1].n=x")]).tree
    assert locate(tree, ("m", "a")) == Position("--set m.a", 1, 5)
    assert locate(tree, ("m", "a"), key=True) == Position("--set m.a", 1, 1)
    assert locate(tree, ("l", 1, "n")) == Position("--set l[1].n", 1, 14)
    assert locate(tree, ("m", "b")) == Position(base, 1, 14)


@pytest.mark.parametrize(
    ("flag", "text"),
    [
        ("--set", "s.x=hunter2"),
        ("--set", "a=hun,ter2hunter2"),
        ("--set", "a={hunter2"),
        ("--set", "a={x}hunter2"),
        ("--set-string", "s[0]={hunter2}"),
        ("--set-json", '{"password": "hunter2"'),
        ("--set-json", "a=hunter2"),
        ("--set-literal", "s.x=hunter2"),
    ],
)
def test_a_finding_does_not_repeat_the_value(base: str, flag: str, text: str) -> None:
    assert "hunter2" not in str(problem_of(base, flag, text))


def test_the_characters_are_kept_for_places_that_want_text(base: str, texts: ToPlain) -> None:
    tree = load_values([base], [Override("--set", "a=TRUE,b=+5,c=1.10"), Override("--set-json", 'd={"x":1.10}')]).tree
    assert [texts(tree.entries[key]) for key in "abcd"] == ["TRUE", "+5", "1.10", {"x": "1.10"}]


@pytest.mark.parametrize(
    ("flag", "text"),
    [("--set", "m.a=null"), ("--set-json", "m.a=null"), ("--set-json", "m.a="), ("--set-json", '{"m":{"a":null}}')],
)
def test_null_removes_a_key(base: str, values: ToPlain, flag: str, text: str) -> None:
    tree = load_values([base], [Override(flag, text)]).tree
    assert values(tree) == UNCHANGED | {"m": {"b": {"c": "x"}}}


def test_null_that_removes_nothing_stays(base: str, values: ToPlain) -> None:
    tree = load_values([base], [Override("--set", "a=null,m.z=null")]).tree
    assert values(tree) == UNCHANGED | {"a": None, "m": {"a": 1, "b": {"c": "x"}, "z": None}}


@pytest.mark.parametrize(("text", "expected"), [("n.x=1", {"x": 1}), ("n[1]=1", [None, 1])])
def test_a_null_makes_way_for_maps_and_lists(tmp_path: Path, values: ToPlain, text: str, expected: object) -> None:
    (tmp_path / "values.yaml").write_text("n:\n")
    loaded = load_values([str(tmp_path / "values.yaml")], [Override("--set", text)])
    assert (loaded.problems, values(loaded.tree)) == ((), {"n": expected})


def test_the_highest_index_is_accepted_and_cheap(base: str) -> None:
    loaded = load_values([base], [Override("--set", "a" + "[65536]" * 20 + "=x")])
    assert loaded.problems == ()


def test_what_stands_in_the_way_is_shown_with_its_place(base: str) -> None:
    problem = problem_of(base, "--set", "m.b.c.d=1")
    assert problem.message == "m.b.c is a single value, not a map: m.b.c.d cannot be set"
    assert problem.hint == f"it was written at {base}:1:18"


EXPRESSIONS = st.text(st.sampled_from(list('ab.=,[]{}\\01-"x ntrue:\x00\udc80é')), max_size=30)


@given(st.sampled_from([flag for flag in OVERRIDE_FLAGS if flag != "--set-file"]), st.one_of(EXPRESSIONS, st.text()))
@example("--set-json", 'a="\\')
@example("--set", "a=\\")
@settings(deadline=None, max_examples=examples(500))
def test_no_expression_raises(flag: str, text: str) -> None:
    loaded = load_values([], [Override(flag, text)])
    assert isinstance(loaded.tree, Mapping)
    assert all(str(p).encode() for p in loaded.problems)


@given(st.dictionaries(st.text("abc.,=[]\\ é", min_size=1), st.text(st.characters(codec="utf-8")), max_size=4))
@settings(deadline=None)
def test_escaped_text_comes_back(texts: ToPlain, entries: dict[str, str]) -> None:
    def escape(text: str) -> str:
        return re.sub(r"[\\.,=\[\]{}]", r"\\\g<0>", text)

    text = ",".join(f"{escape(key)}={escape(value)}" for key, value in entries.items())
    loaded = load_values([], [Override("--set-string", text)])
    assert loaded.problems == ()
    assert texts(loaded.tree) == entries


def test_scalars_of_set_string_are_quoted(base: str) -> None:
    node = load_values([base], [Override("--set-string", "a=5")]).tree.entries["a"]
    assert isinstance(node, Scalar)
    assert not node.plain
