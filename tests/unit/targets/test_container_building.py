from pathlib import Path

import pytest

from ks_universal.model.format.local import LocalBuild
from ks_universal.targets.containers.building import find_context_problem


@pytest.mark.parametrize(
    ("context", "ignored", "warns"),
    [
        (".", None, True),
        ("..", "# .ks-universal\nother\n", True),
        (".", ".git\n.ks-universal/\n", False),
        (".", "**/.ks-universal\n", False),
        (".", "*\n!src\n", False),
        ("app", None, False),
    ],
)
def test_the_state_of_releases_in_a_build_s_context_is_warned_of(
    tmp_path: Path, context: str, ignored: str | None, warns: bool
) -> None:
    folder = tmp_path / "project"
    (folder / "app").mkdir(parents=True)
    if ignored is not None:
        ((folder / context).resolve() / ".dockerignore").write_text(ignored)
    problem = find_context_problem("shop:1", LocalBuild(context=context), folder, folder / ".ks-universal" / "shop")
    assert (problem is not None) is warns
    if problem is not None:
        assert (problem.code, problem.severity.value) == ("local/build-context", "warning")
