"""What `write_folder` does to a folder, and what it leaves alone."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ks_universal
from ks_universal import Flavor, InputError, Rendered, TargetError, check_folder, check_for_files, write_folder
from support.examples import examples

NAMES = ("app", "web", "worker")


def make_values(**deployments: Any) -> str:
    main = {"image": "app", "imageTag": "v1"}
    return json.dumps({"deployments": {n: {"containers": {"main": main}, **more} for n, more in deployments.items()}})


def render(text: str, release: str = "shop", now_s: int | None = None) -> Rendered:
    values = ks_universal.load(["-"], stdin=lambda: text, release=release, namespace="ns", now_s=now_s)
    assert values.application is not None, values.problems
    return ks_universal.render(values, release, "ns")


ONE = render(make_values(app={}))
TWO = render(make_values(app={"replicas": 2}, web={}))


def read(folder: Path) -> dict[str, str]:
    return {str(file.relative_to(folder)): file.read_text() for file in folder.rglob("*") if file.is_file()}


def codes(folder: Path, rendered: Rendered, flavor: Flavor = Flavor.PLAIN) -> list[str]:
    return [problem.code for problem in check_folder(rendered, flavor, str(folder))]


@st.composite
def releases(draw: st.DrawFn) -> tuple[Rendered, Flavor]:
    apps = draw(st.sets(st.sampled_from(NAMES), min_size=1))
    chosen: dict[str, Any] = {
        name: {"replicas": draw(st.integers(1, 2)), "autoCreateService": draw(st.booleans())} for name in apps
    }
    for options in chosen.values():
        if draw(st.booleans()):
            options["migrations"] = {"enabled": True, "args": ["migrate"]}
    return render(make_values(**chosen)), draw(st.sampled_from(list(Flavor)))


@settings(max_examples=examples(50))
@given(sequence=st.lists(releases(), min_size=1, max_size=5))
def test_after_any_sequence_of_values_a_folder_is_that_of_the_last(sequence: list[tuple[Rendered, Flavor]]) -> None:
    with tempfile.TemporaryDirectory() as used, tempfile.TemporaryDirectory() as fresh:
        stranger = Path(used, "notes.md")
        stranger.write_text("ours")
        for rendered, flavor in sequence:
            write_folder(rendered, flavor, used)
            assert check_folder(rendered, flavor, used) == ()
        assert stranger.read_text() == "ours"
        stranger.unlink()
        write_folder(*sequence[-1], fresh)
        assert read(Path(used)) == read(Path(fresh)) == ks_universal.template_files(*sequence[-1])
        assert sorted(p.name for p in Path(used).iterdir()) == sorted(p.name for p in Path(fresh).iterdir())


def test_what_has_not_changed_is_not_written(tmp_path: Path) -> None:
    write_folder(TWO, Flavor.PLAIN, str(tmp_path))
    for file in tmp_path.rglob("*.yaml"):
        os.utime(file, (1, 1))
    changes = write_folder(render(make_values(app={"replicas": 3}, web={})), Flavor.PLAIN, str(tmp_path))
    (written,) = changes.written
    assert written.endswith("deployment-app.yaml")
    assert {str(f.relative_to(tmp_path)) for f in tmp_path.rglob("*.yaml") if f.stat().st_mtime != 1} == {written}
    assert changes.unchanged == tuple(p for p in ks_universal.template_files(TWO) if p != written)


def test_an_edited_file_is_found_and_written_again(tmp_path: Path) -> None:
    write_folder(ONE, Flavor.PLAIN, str(tmp_path))
    (file,) = tmp_path.rglob("*.yaml")
    text = file.read_text()
    file.write_text(text + "# edited\n")
    assert codes(tmp_path, ONE) == ["folder/outdated"]
    write_folder(ONE, Flavor.PLAIN, str(tmp_path))
    assert file.read_text() == text


def make_link(path: Path) -> None:
    elsewhere = path.parent / "elsewhere"
    elsewhere.write_text("theirs")
    path.symlink_to(elsewhere)


STRANGERS = {
    "a file of somebody else": lambda path: path.write_text("apiVersion: v1\n"),
    "an empty file": lambda path: path.touch(),
    "a folder": lambda path: path.mkdir(),
    "a link": make_link,
    "a link to nowhere": lambda path: path.symlink_to("nowhere"),
    "a pipe": lambda path: os.mkfifo(path),
    "a copy of another file": lambda path: path.write_text("# other.yaml of release shop, written by 'ks-universal'\n"),
}


@pytest.mark.parametrize("make", STRANGERS.values(), ids=STRANGERS)
def test_nothing_is_changed_where_something_else_is_in_the_way(tmp_path: Path, make: Any) -> None:
    write_folder(ONE, Flavor.HELM, str(tmp_path))
    make(tmp_path / "templates" / "deployment-web.yaml")
    before = read(tmp_path)
    with pytest.raises(InputError) as caught:
        write_folder(TWO, Flavor.HELM, str(tmp_path))
    assert [p.code for p in caught.value.problems] == ["folder/stranger"]
    assert "deployment-web.yaml" in str(caught.value)
    assert read(tmp_path) == before
    assert "folder/stranger" in codes(tmp_path, TWO, Flavor.HELM)


@pytest.mark.parametrize("what", ["file", "link"])
def test_nothing_is_written_through_what_is_in_the_way_of_a_folder(tmp_path: Path, what: str) -> None:
    folder, elsewhere = tmp_path / "chart", tmp_path / "elsewhere"
    folder.mkdir()
    elsewhere.mkdir()
    if what == "file":
        (folder / "templates").touch()
    else:
        (folder / "templates").symlink_to(elsewhere)
    with pytest.raises(InputError, match="folder/stranger"):
        write_folder(ONE, Flavor.HELM, str(folder))
    assert list(elsewhere.iterdir()) == []


def test_files_of_others_stay_copies_of_its_own_included(tmp_path: Path) -> None:
    write_folder(TWO, Flavor.PLAIN, str(tmp_path))
    web = next(tmp_path.rglob("deployment-web.yaml"))
    copy = tmp_path / "deployment-copy.yaml"
    copy.write_text(web.read_text())
    (tmp_path / "link.yaml").symlink_to(web)
    (tmp_path / ".hidden").mkdir()
    write_folder(ONE, Flavor.PLAIN, str(tmp_path))
    assert copy.exists() and (tmp_path / "link.yaml").is_symlink() and (tmp_path / ".hidden").exists()
    assert not web.exists()


def test_two_releases_share_a_folder_and_refuse_to_take_each_others_files(tmp_path: Path) -> None:
    other = render(make_values(other={}), release="other")
    write_folder(ONE, Flavor.PLAIN, str(tmp_path))
    write_folder(other, Flavor.PLAIN, str(tmp_path))
    assert codes(tmp_path, ONE) == codes(tmp_path, other) == []
    with pytest.raises(InputError, match="a file of release shop"):
        write_folder(render(make_values(app={}), release="other"), Flavor.PLAIN, str(tmp_path))


@pytest.mark.parametrize("call", ["write", "check"])
def test_a_folder_that_cannot_be_used_is_a_finding(tmp_path: Path, call: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(TargetError, match="folder/unusable"):
        (write_folder if call == "write" else check_folder)(ONE, Flavor.PLAIN, str(tmp_path / "file"))


def test_a_full_disk_is_a_finding_and_leaves_whole_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_folder(ONE, Flavor.PLAIN, str(tmp_path))
    before = read(tmp_path)

    def fail(*_: Any) -> None:
        raise OSError(28, "No space left on device", "deployment")

    monkeypatch.setattr(Path, "rename", fail)
    with pytest.raises(TargetError, match="no space left on device"):
        write_folder(TWO, Flavor.PLAIN, str(tmp_path))
    assert read(tmp_path) == before


KILLED = """
import os, signal, sys
from pathlib import Path
import ks_universal as ks
count, folder, text, name = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4]
real = getattr(Path, name)
def kill(self, *arguments, **options):
    global count
    if ".ks-universal-new" in self.name and name == "unlink":
        return real(self, *arguments, **options)
    count -= 1
    if count < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return real(self, *arguments, **options)
setattr(Path, name, kill)
values = ks.load(["-"], stdin=lambda: text, release="shop", namespace="ns")
ks.write_folder(ks.render(values, "shop", "ns"), ks.Flavor.HELM, folder)
"""


@pytest.mark.parametrize(("name", "after"), [("rename", 0), ("rename", 1), ("unlink", 0), ("unlink", 1)])
def test_a_run_after_one_that_was_killed_mends_the_folder(tmp_path: Path, name: str, after: int) -> None:
    old = render(make_values(app={}, web={}, worker={}))
    text = make_values(app={"replicas": 2, "autoCreateService": True, "migrations": {"enabled": True, "args": ["up"]}})
    write_folder(old, Flavor.HELM, str(tmp_path))
    killed = subprocess.run([sys.executable, "-c", KILLED, str(after), str(tmp_path), text, name], check=False)
    assert killed.returncode == -signal.SIGKILL
    new = render(text)
    assert codes(tmp_path, new, Flavor.HELM)
    write_folder(new, Flavor.HELM, str(tmp_path))
    assert read(tmp_path) == ks_universal.template_files(new, Flavor.HELM)


def test_the_values_of_secrets_in_files_are_warned_of_by_name_only() -> None:
    text = json.dumps({"configs": {"database": {"type": "secret", "data": {"PASSWORD": "hush"}}}})
    (problem,) = check_for_files(render(text))
    assert problem.code == "folder/plain-secrets"
    assert "Secret/database" in str(problem) and "hush" not in str(problem)
    assert check_for_files(render(text.replace('"data": {"PASSWORD": "hush"}', '"external": true'))) == ()


def test_values_that_read_the_clock_are_warned_of_unless_the_clock_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    text = make_values(app={}).replace("v1", "{{ now | unixEpoch }}")
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    assert [p.code for p in check_for_files(render(text))] == ["folder/clock"]
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1764356000")
    assert check_for_files(render(text)) == ()
