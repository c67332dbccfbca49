"""The contract of `engine.target.Target`: one suite, run at every place."""

from pathlib import Path

import pytest

from places import Here, Memory, Place


@pytest.fixture(params=["memory", "local"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    return Memory() if request.param == "memory" else Here(tmp_path)
