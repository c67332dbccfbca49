import stat
from pathlib import Path

import pytest

from ks_universal.api.plans import write_privately
from ks_universal.errors import InputError


def test_a_file_that_others_could_read_is_the_owners_alone(tmp_path: Path) -> None:
    file = tmp_path / "plan.json"
    for content in (b"a longer text", b"short"):
        file.touch()
        file.chmod(0o644)
        write_privately(str(file), content)
        assert (file.read_bytes(), stat.S_IMODE(file.stat().st_mode)) == (content, 0o600)


def test_a_symbolic_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("precious")
    (tmp_path / "plan.json").symlink_to(tmp_path / "mine")
    with pytest.raises(InputError, match=r"plan\.json cannot be written: it is a symbolic link"):
        write_privately(str(tmp_path / "plan.json"), b"plan")
    assert (tmp_path / "mine").read_text() == "precious"


def test_what_is_no_file_takes_a_plan(tmp_path: Path) -> None:
    write_privately("/dev/null", b"plan")
    with pytest.raises(InputError, match="Is a directory"):
        write_privately(str(tmp_path), b"plan")
