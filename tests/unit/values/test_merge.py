from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from ks_universal.diagnostics import Position
from ks_universal.values.merge import merge
from ks_universal.values.nodes import Mapping, Node, Scalar, Sequence, Written, locate
from ks_universal.values.parse import parse_yaml

ToPlain = Callable[[Node], object]


def read(text: str, name: str = "values.yaml") -> Mapping:
    tree, problems = parse_yaml(text, name)
    assert problems == []
    return tree


def test_maps_merge_deeply_and_keep_the_order_of_the_base(texts: ToPlain) -> None:
    merged = merge(read("b: {y: 1, x: 1}\na: 1\n"), read("c: 3\na: 2\nb: {z: 2, x: 2}\n"))
    assert texts(merged) == {"b": {"y": "1", "x": "2", "z": "2"}, "a": "2", "c": "3"}
    assert list(merged.entries) == ["b", "a", "c"]


def test_lists_are_replaced_whole(texts: ToPlain) -> None:
    assert texts(merge(read("l: [1, 2, 3]"), read("l: [4]"))) == {"l": ["4"]}


def test_a_value_of_another_kind_replaces(texts: ToPlain) -> None:
    assert texts(merge(read("a: {b: 1}\nc: 1"), read("a: 1\nc: {d: 2}"))) == {"a": "1", "c": {"d": "2"}}


def test_null_removes_what_the_base_has(texts: ToPlain) -> None:
    assert texts(merge(read("a: 1\nb: {c: 1, d: 1}\n"), read("a: null\nb: {c: ~}\n"))) == {"b": {"d": "1"}}


def test_null_that_removes_nothing_stays(values: ToPlain) -> None:
    assert values(merge(read("a: ~\n"), read("a: null\nb:\nc: {d: ~}\n"))) == {"a": None, "b": None, "c": {"d": None}}


def test_empty_values_replace(texts: ToPlain) -> None:
    assert texts(merge(read("a: 1\nb: [1]\nc: 2"), read("a: ''\nb: []\nc: false"))) == {"a": "", "b": [], "c": "false"}


def test_each_part_keeps_the_place_that_it_comes_from() -> None:
    merged = merge(read("a:\n  b: 1\n"), read("a: {c: 1}\n", "more.yaml"))
    assert locate(merged, ("a",)) == Position("values.yaml", 2, 3)
    assert locate(merged, ("a", "c")) == Position("more.yaml", 1, 8)


TREES = st.recursive(
    st.sampled_from(["", "x", "null"]).map(lambda text: Scalar(text, plain=True, at=Written("t"))),
    lambda inner: (
        st.lists(inner, max_size=2).map(lambda items: Sequence(items, Written("t")))
        | st.dictionaries(st.sampled_from("abc"), inner, max_size=3).map(lambda e: Mapping(e, Written("t")))
    ),
    max_leaves=8,
)
MAPS = st.dictionaries(st.sampled_from("abc"), TREES, max_size=3).map(lambda e: Mapping(e, Written("t")))


@given(MAPS, MAPS)
@settings(deadline=None)
def test_merging_changes_neither_layer(values: ToPlain, base: Mapping, over: Mapping) -> None:
    before = values(base), values(over)
    merge(base, over)
    assert (values(base), values(over)) == before


@given(MAPS)
@settings(deadline=None)
def test_an_empty_layer_changes_nothing(values: ToPlain, tree: Mapping) -> None:
    empty = Mapping({}, Written("t"))
    assert values(merge(tree, empty)) == values(merge(empty, tree)) == values(tree)
