from collections.abc import Callable

import pytest

from ks_universal.values.expressions.context import Context
from ks_universal.values.expressions.expand import Expanded, expand_text
from ks_universal.values.parse import parse_yaml

Expand = Callable[..., Expanded]


@pytest.fixture(scope="session")
def expand() -> Expand:
    """Expand a text with values, given as YAML."""

    def expand_with(text: str, values: str = "", *, always: bool = False) -> Expanded:
        tree, problems = parse_yaml(values, "values.yaml")
        assert problems == []
        return expand_text(text, Context(tree, "my-release", "my-namespace", version="0.1.0"), always=always)

    return expand_with
