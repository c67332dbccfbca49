"""`up` and `down` on a state folder that somebody has tampered with, or on a disk that takes no more."""

import asyncio
import contextlib
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

import ks_universal
from ks_universal.api.local import down, open_local, up
from ks_universal.errors import KsUniversalError
from ks_universal.plan.records import Outcome
from support.shell import Invoke, Write
from support.up_process import KSU, running, values

STATE = Path(".ks-universal/web")
REVISION = STATE / "revisions" / "000001.json"
JUNK = {"empty": b"", "junk": b"junk", "other": b"{}", "list": b"[]", "binary": b"\xff\xfe\0", "number": b"9" * 5000}


def run_up(*arguments: str) -> Outcome:
    """Bring the release up in this process, and stop it again."""
    loaded = ks_universal.load(["values.yaml"])

    async def main() -> Outcome:
        target = open_local(loaded, "web", directory=Path(), state=STATE, fresh="--fresh" in arguments)
        try:
            return (await up(loaded, target, lambda _: None, by="ann", wait_for_lock=False)).outcome
        finally:
            await target.close()

    return asyncio.run(main())


def run_down() -> bool:
    return asyncio.run(down("web", lambda _: None, state=STATE))


@pytest.fixture
def known(write: Write, folder: Path) -> Path:
    """The state of a release that has run, whose attempts are to be taken up."""
    written = values() | {"configs": {"settings": {"data": {"A": "b"}}}}
    written["deployments"]["web"]["replicas"] = 0
    written["deployments"]["web"]["migrations"]["steps"].pop()
    write({"values.yaml": written})
    assert run_up() is Outcome.SUCCEEDED
    for settled in STATE.rglob("settled"):
        settled.unlink()
    return folder


@pytest.mark.parametrize("content", JUNK.values(), ids=list(JUNK))
def test_the_latest_record_that_cannot_be_read_is_named(known: Path, ksu: Invoke, content: bytes) -> None:
    REVISION.write_bytes(content)
    done = ksu("up", "--engine=process", "web", "-f", "values.yaml")
    assert done.status == 1
    assert f"error[local/record]: {known / REVISION} cannot be read: " in done.err
    assert "remove it" in done.err
    assert ksu("down", "web").status == 0
    assert run_up("--fresh") is Outcome.SUCCEEDED


def test_other_records_are_read_beside_one_that_cannot_be(known: Path) -> None:
    assert run_up() is Outcome.SUCCEEDED
    REVISION.write_bytes(b"{")
    with running() as program:
        started = program.read_until("RunStarted")
        assert started["revision"] == 3
        assert [(found["code"], found["severity"]) for found in started["warnings"]] == [("local/record", "warning")]
        assert str(known / REVISION) in started["warnings"][0]["message"]
        assert program.read_until("RunEnded")["outcome"] == "succeeded"
    assert (known / "steps").read_text() == "schema\n"  # the second run's record is known: nothing migrates again


def test_nothing_in_the_state_can_break_the_program(known: Path) -> None:
    kept = known / "kept"
    shutil.copytree(STATE, kept)
    for path in [path.relative_to(kept) for path in kept.rglob("*")]:
        for damage in (become_the_other, become_junk if (kept / path).is_file() else remove):
            shutil.rmtree(STATE)
            shutil.copytree(kept, STATE)
            damage(STATE / path)
            for command in (run_up, run_down):
                with contextlib.suppress(KsUniversalError):  # any finding will do
                    command()


def become_the_other(path: Path) -> None:
    """Make a folder of a file, or a file of a folder."""
    was_file = path.is_file()
    remove(path)
    if was_file:
        path.mkdir()
    else:
        path.touch()


def become_junk(file: Path) -> None:
    file.write_bytes(b"\xff[]")


def remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()


@pytest.mark.parametrize(
    "inside", ["lock", "revisions", "revisions/000001.json.new", "attempts/web-migrations-schema", "."]
)
@pytest.mark.parametrize(
    "command", [("up", "--engine=process", "web", "-f", "values.yaml"), ("down", "web")], ids=["up", "down"]
)
def test_a_link_in_the_state_is_refused_and_not_followed(
    known: Path, ksu: Invoke, inside: str, command: tuple[str, ...]
) -> None:
    mine = known / "mine"
    mine.mkdir()
    (mine / "file").write_text("precious")
    link = STATE / inside
    is_file = inside in {"lock", "revisions/000001.json.new"}
    if link.exists():
        remove(link)
    link.symlink_to(mine / "file" if is_file else mine)
    done = ksu(*command)
    assert done.status == 1
    assert "is a symbolic link" in done.err
    assert [(path.name, path.read_text()) for path in mine.iterdir()] == [("file", "precious")]


@pytest.mark.parametrize(
    "command", [("up", "--engine=process", "web", "-f", "values.yaml"), ("down", "web")], ids=["up", "down"]
)
def test_a_link_in_place_of_all_state_is_refused(
    write: Write, folder: Path, ksu: Invoke, command: tuple[str, ...]
) -> None:
    write({"values.yaml": values()})
    (folder / "mine" / "web").mkdir(parents=True)
    (folder / "mine" / "web" / "lock").touch()
    Path(".ks-universal").symlink_to(folder / "mine")
    done = ksu(*command)
    assert (done.status, "is a symbolic link" in done.err) == (1, True)
    assert [path.name for path in (folder / "mine").rglob("*")] == ["web", "lock"]


def test_what_git_is_to_ignore_is_not_written_through_a_link(write: Write, folder: Path, ksu: Invoke) -> None:
    write({"values.yaml": values(), "mine": "precious"})
    Path(".ks-universal").mkdir()
    Path(".ks-universal/.gitignore.new").symlink_to(folder / "mine")
    assert ksu("up", "--engine=process", "web", "-f", "values.yaml").status == 1
    assert (folder / "mine").read_text() == "precious"


def on_disk(folder: Path, options: str, *command: str) -> "subprocess.CompletedProcess[str]":
    """Run a command in a folder of its own file system."""
    (folder / "disk").mkdir()
    script = 'mount -t tmpfs -o "$0" none disk && cd disk && exec "$@"'
    mounted = ["unshare", "--mount", "sh", "-c", script, options]
    if os.getuid() != 0 or subprocess.run([*mounted, "true"], cwd=folder, capture_output=True, check=False).returncode:
        pytest.skip("needs a file system of its own: root, and the right to mount")
    return subprocess.run([*mounted, *command], cwd=folder, capture_output=True, text=True, check=False, timeout=100)


@pytest.mark.parametrize("until_ready", [(), ("--until-ready",)])
@pytest.mark.parametrize("size", ["size=4k", "size=16k", "size=24k", "size=40k"])
def test_a_full_disk_is_a_finding(write: Write, folder: Path, size: str, until_ready: tuple[str, ...]) -> None:
    write({"values.yaml": values(migration="head -c 60000 /dev/zero | tr '\\0' x | fold")})
    done = on_disk(folder, size, *KSU, "up", "--engine=process", "web", "-f", "../values.yaml", *until_ready)
    said = done.stdout + done.stderr
    assert "no space left on device" in said or "could not be written there" in said
    assert "Traceback" not in said
    if done.returncode != 4:  # 4: it was full when the application started, and its own words tell
        assert done.returncode == 1
        assert "error[local/disk]" in said
        assert "free some of the disk" in said


@pytest.mark.parametrize("until_ready", [(), ("--until-ready",)])
def test_a_disk_that_cannot_be_written_is_a_finding(write: Write, folder: Path, until_ready: tuple[str, ...]) -> None:
    write({"values.yaml": values()})
    done = on_disk(folder, "ro", *KSU, "up", "--engine=process", "web", "-f", "../values.yaml", *until_ready)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines() == [
        "error[local/disk]: .ks-universal: read-only file system",
        "  hint: run it from a folder that you may write to: the state of a release is in .ks-universal there",
    ]


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
def test_a_folder_of_another_user_is_a_finding(write: Write, folder: Path) -> None:
    write({"values.yaml": values()})
    other = ["setpriv", "--reuid=54321", "--clear-groups", "--bounding-set=-all", "--inh-caps=-all"]
    for parent in (folder, *folder.parents[:3]):
        parent.chmod(0o755)
    done = subprocess.run(
        [*other, *KSU, "up", "--engine=process", "web", "-f", "values.yaml"],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 1 or "No module named ks_universal" in done.stderr:
        pytest.skip("another user cannot run this Python, or read this checkout")
    assert done.returncode == 1
    assert "error[local/disk]: .ks-universal: permission denied" in done.stderr


def test_a_migration_that_succeeded_has_succeeded_where_its_status_cannot_be_written(
    write: Write,
) -> None:
    """The disk is full for the migration alone: its exit status comes to us otherwise."""
    fill = "cd .ks-universal/web/attempts/web-migrations-data/1/main/001; mkdir exit.new; cd - >&2"
    write({"values.yaml": values(migration=fill)})
    with running() as program:
        ended = program.read_until("AttemptEnded", lambda event: event["step"] == "web/migrations/data")
        assert ended["attempt"]["exit_code"] == 0
    assert json.loads(REVISION.read_text())["steps"]
