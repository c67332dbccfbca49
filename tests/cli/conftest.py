"""Runs commands in this process, in an empty folder, and gives back what a shell would see."""

import io
from pathlib import Path
from typing import Any

import pytest
import yaml

from ks_universal.cli import run
from support.shell import Invoke, Outcome, Write


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def write(folder: Path) -> Write:
    """Write files from a dict: text as it stands, anything else as YAML; each is replaced at once, as editors do."""

    def write_files(files: dict[str, Any]) -> None:
        for name, content in files.items():
            text = content if isinstance(content, str) else yaml.safe_dump(content, sort_keys=False)
            (folder / f"{name}.new").write_text(text)
            (folder / f"{name}.new").replace(folder / name)

    return write_files


@pytest.fixture
def ksu(folder: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Invoke:
    def invoke(*arguments: str, stdin: str = "") -> Outcome:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
        status = run(arguments)
        captured = capfd.readouterr()
        return Outcome(status, captured.out, captured.err)

    assert folder.is_dir()
    return invoke
