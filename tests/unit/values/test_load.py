import os
from collections.abc import Callable
from pathlib import Path

import pytest

from ks_universal.diagnostics import Position
from ks_universal.values.load import load_values
from ks_universal.values.nodes import Node, locate
from ks_universal.values.overrides import Override

ToPlain = Callable[[Node], object]


@pytest.fixture(autouse=True)
def _directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(**files: str) -> None:
    for name, text in files.items():
        Path(f"{name}.yaml").write_text(text)


def test_later_files_win_and_places_name_the_file_as_given(texts: ToPlain) -> None:
    write(a="x: {y: 1, z: 1}\n", b="x: {y: 2}\n")
    loaded = load_values(["a.yaml", "./b.yaml"])
    assert loaded.problems == ()
    assert texts(loaded.tree) == {"x": {"y": "2", "z": "1"}}
    assert locate(loaded.tree, ("x", "y")) == Position("./b.yaml", 1, 8)


def test_null_in_a_later_file_removes_a_key(texts: ToPlain) -> None:
    write(a="x: {y: 1, z: 1}\n", b="x: {y: null}\n")
    assert texts(load_values(["a.yaml", "b.yaml"]).tree) == {"x": {"z": "1"}}


def test_without_files_there_are_only_the_overrides(values: ToPlain) -> None:
    assert values(load_values([]).tree) == {}
    assert values(load_values([], [Override("--set", "a.b=1")]).tree) == {"a": {"b": 1}}


def test_overrides_are_laid_in_the_order_of_helm(texts: ToPlain) -> None:
    write(a="x: file\n")
    Path("x.txt").write_text("set-file")
    flags = {
        "--set-literal": "x=set-literal",
        "--set-file": "x=x.txt",
        "--set-string": "x=set-string",
        "--set": "x=set",
        "--set-json": 'x="set-json"',
    }
    while flags:
        loaded = load_values(["a.yaml"], [Override(flag, text) for flag, text in flags.items()])
        strongest = next(iter(flags))
        assert texts(loaded.tree) == {"x": strongest.removeprefix("--")}
        del flags[strongest]


def test_of_the_same_flag_the_last_wins(values: ToPlain) -> None:
    assert values(load_values([], [Override("--set", "a=1"), Override("--set", "a=2")]).tree) == {"a": 2}


def test_set_file_takes_the_text_of_files_unchanged(texts: ToPlain) -> None:
    Path("x.txt").write_bytes(b"a,{b}=1\r\n\xc3\xa9")
    loaded = load_values([], [Override("--set-file", "a=x.txt,b={x.txt,x.txt}")])
    assert loaded.problems == ()
    assert texts(loaded.tree) == {"a": "a,{b}=1\r\né", "b": ["a,{b}=1\r\né"] * 2}


def test_a_dash_is_standard_input(texts: ToPlain) -> None:
    write(a="x: 1\n")
    loaded = load_values(["a.yaml", "-"], stdin=lambda: "y: 2\nx: 3\n")
    assert texts(loaded.tree) == {"x": "3", "y": "2"}
    assert locate(loaded.tree, ("y",)) == Position("-", 1, 4)


def test_standard_input_can_be_read_once() -> None:
    loaded = load_values(["-", "-"], stdin=lambda: "y: 2\n")
    assert [p.code for p in loaded.problems] == ["values/unreadable"]
    assert [p.code for p in load_values(["-"]).problems] == ["values/unreadable"]


def test_standard_input_that_is_no_utf_8_is_a_finding() -> None:
    problem = load_values(["-"], stdin=lambda: b"a: \xff".decode()).problems[0]
    assert (problem.code, problem.where) == ("values/unreadable", Position("-", 1, 4))


def test_a_missing_file_is_a_finding() -> None:
    problem = load_values(["nowhere.yaml"]).problems[0]
    assert problem.code == "values/unreadable"
    assert problem.message == "nowhere.yaml cannot be read: no such file or directory"


def test_a_directory_is_a_finding() -> None:
    Path("dir").mkdir()
    assert load_values(["dir"]).problems[0].message == "dir cannot be read: is a directory"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_a_finding() -> None:
    write(a="x: 1\n")
    Path("a.yaml").chmod(0)
    assert load_values(["a.yaml"]).problems[0].message == "a.yaml cannot be read: permission denied"


@pytest.mark.parametrize("name", ["", "a\x00b", "x" * 5000])
def test_an_impossible_file_name_is_a_finding(name: str) -> None:
    assert [p.code for p in load_values([name]).problems] == ["values/unreadable"]


def test_a_file_that_never_ends_is_a_finding() -> None:
    problem = load_values(["/dev/zero"]).problems[0]
    assert (problem.code, "MiB" in problem.message) == ("values/unreadable", True)


def test_a_file_that_is_no_utf_8_is_a_finding_at_its_place() -> None:
    Path("a.yaml").write_bytes(b"a: 1\nb: caf\xe9\n")
    problem = load_values(["a.yaml"]).problems[0]
    assert (problem.code, problem.where) == ("values/unreadable", Position("a.yaml", 2, 7))
    assert "UTF-8" in problem.message


def test_all_findings_of_all_files_and_overrides_come_together() -> None:
    write(a="x: 1\nx: 2\n", b="y: 'z\n", c="- 1\n")
    files = ["a.yaml", "nowhere.yaml", "b.yaml", "c.yaml"]
    loaded = load_values(files, [Override("--set", "p"), Override("--set-file", "q=gone.txt")])
    assert [p.code for p in loaded.problems] == [
        "values/duplicate-key",
        "values/unreadable",
        "values/syntax",
        "values/not-a-map",
        "values/set",
        "values/unreadable",
    ]
    assert loaded.problems[-1].where == Position("--set-file q", 1, 3)
