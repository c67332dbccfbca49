"""How many examples a property is tried with: few on a second Python (`--hypothesis-profile=few`, see conftest.py)."""

from hypothesis import settings


def examples(count: int) -> int:
    """Give the number of examples for a property that is usually tried with `count`: Hypothesis's own usual is 100."""
    return count * settings().max_examples // 100
