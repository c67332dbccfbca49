"""What all tests share."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from support.fake_api_server import FakeApiServer

# No example has a time limit: the machine may be busy.
settings.register_profile("all", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("few", settings.get_profile("all"), max_examples=20)
settings.load_profile("all")
FETCHED_HELM = Path(__file__).parents[1] / ".venv" / "tools" / "helm"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the command that rewrites expected texts: `pytest tests/golden --update-goldens`, then read the diff."""
    parser.addoption("--update-goldens", action="store_true", help="rewrite the expected texts of tests/golden")


@pytest.fixture
def update_goldens(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--update-goldens"))


@pytest.fixture(scope="session")
def helm() -> str:
    """Give the path of a real Helm: that of KSU_HELM, else the one that `make test` fetches; skip without."""
    found = shutil.which(os.environ.get("KSU_HELM", str(FETCHED_HELM)))
    if found is None:
        pytest.skip("no helm: run tools/get_helm.py, or set KSU_HELM to its path")
    return found


@pytest.fixture
def api_server(tmp_path: Path) -> Iterator[FakeApiServer]:
    """An API server in memory with the namespace `ns`; what went wrong in it is raised at the end."""
    server = FakeApiServer(tmp_path, "ns")
    yield server
    server.close()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if "KUBECONFIG" not in os.environ:
        terminalreporter.write_line("The tests on a cluster are left out: `make test-cluster`, `make test-gitops`.")
