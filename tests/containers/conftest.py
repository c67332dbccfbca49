"""Releases in a container engine that holds nothing but what these tests make."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.container_engine import ENGINE, ask, list_left, list_volumes
from support.up_process import KSU


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All of this folder need an engine."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.containers)
            if ENGINE is None:
                item.add_marker(pytest.mark.skip(reason="no container engine: make test-containers"))


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder to run `up` in; nothing of a release is left at the end, or the test fails."""
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    subprocess.run([*KSU, "down", "web"], capture_output=True, check=False)
    for volume in list_volumes(tmp_path):
        ask("volume", "rm", volume)
    assert list_left(tmp_path) == {"ps": [], "network": []}


def write_values(values: dict[str, Any]) -> None:
    """Write values.yaml, at once."""
    Path("values.new").write_text(yaml.safe_dump(values, sort_keys=False))
    Path("values.new").replace("values.yaml")
