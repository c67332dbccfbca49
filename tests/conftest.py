"""What all tests share."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the command that rewrites expected texts: `pytest tests/golden --update-goldens`, then read the diff."""
    parser.addoption("--update-goldens", action="store_true", help="rewrite the expected texts of tests/golden")


@pytest.fixture
def update_goldens(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--update-goldens"))
