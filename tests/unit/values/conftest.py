import os
import shutil
from collections.abc import Callable
from pathlib import Path

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


@pytest.fixture(scope="session")
def helm() -> str:
    """Give the path of a real Helm, or skip."""
    candidates = (os.environ.get("KSU_HELM", ""), str(Path.home() / ".cache/ksu-tools/bin/helm"))
    found = next((path for path in candidates if path and shutil.which(path)), None)
    if found is None:
        pytest.skip("no helm: set KSU_HELM to its path")
    return found
