from collections.abc import Callable

import pytest

from ks_universal.values.nodes import Mapping, Node, Scalar
from ks_universal.values.scalars import resolve


def _texts(node: Node) -> object:
    if isinstance(node, Scalar):
        return node.text
    if isinstance(node, Mapping):
        return {key: _texts(child) for key, child in node.entries.items()}
    return [_texts(item) for item in node.items]


def _values(node: Node) -> object:
    if isinstance(node, Scalar):
        return resolve(node)
    if isinstance(node, Mapping):
        return {key: _values(child) for key, child in node.entries.items()}
    return [_values(item) for item in node.items]


@pytest.fixture(scope="session")
def texts() -> Callable[[Node], object]:
    """Turn a tree into dicts and lists of the characters as written."""
    return _texts


@pytest.fixture(scope="session")
def values() -> Callable[[Node], object]:
    """Turn a tree into the dicts, lists and values that Kubernetes sees."""
    return _values
