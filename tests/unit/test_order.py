import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ks_universal.order import CycleError, sort_by_needs


def test_what_needs_nothing_keeps_its_order() -> None:
    assert sort_by_needs({"c": [], "a": [], "b": []}) == ["c", "a", "b"]


def test_a_step_follows_what_it_needs_and_nothing_else_moves() -> None:
    assert sort_by_needs({"c": ["a"], "b": [], "a": []}) == ["b", "a", "c"]


def test_the_circle_is_named_each_step_before_what_it_needs() -> None:
    with pytest.raises(CycleError) as found:
        sort_by_needs({"x": ["a"], "a": ["b"], "b": ["c"], "c": ["a"]})
    steps = found.value.nodes
    assert steps[0] == steps[-1]
    assert set(itertools.pairwise(steps)) == {("a", "b"), ("b", "c"), ("c", "a")}


def test_a_chain_of_thousands_is_sorted() -> None:
    needs = {str(n): [str(n + 1)] for n in range(5000)} | {"5000": []}
    assert sort_by_needs(needs) == [str(n) for n in reversed(range(5001))]


@given(st.dictionaries(st.integers(0, 12), st.sets(st.integers(0, 12)), max_size=13))
def test_every_order_respects_all_needs(graph: dict[int, set[int]]) -> None:
    # A need is always of a smaller number, so that there is no circle.
    needs = {str(n): [str(m) for m in sorted(ms) if m < n and m in graph] for n, ms in graph.items()}
    ordered = sort_by_needs(needs)
    assert sorted(ordered) == sorted(needs)
    assert all(ordered.index(need) < ordered.index(step) for step, ns in needs.items() for need in ns)
