import subprocess
import time
from pathlib import Path

import pytest

from ks_universal.targets.local.processes.process_table import (
    MARK,
    RUN,
    Entry,
    find_daemons,
    group_is_alive,
    group_is_ours,
    is_running,
    read_entry,
    read_start,
)


def test_a_process_writes_its_entry_before_it_becomes_the_command(tmp_path: Path) -> None:
    file = tmp_path / "entry"
    with subprocess.Popen(["sh", "-c", RUN, str(file), "sh", "-c", "echo up; read x"], stdin=-1, stderr=-1) as process:
        assert process.stderr is not None
        process.stderr.close()
        subprocess.run(["sh", "-c", 'until [ -e "$0" ]; do sleep 0.01; done', str(file)], check=True, timeout=60)
        entry = read_entry(file)
        assert entry == Entry(process.pid, read_start(process.pid) or "")
        assert entry is not None
        assert is_running(entry)
        assert not is_running(Entry(process.pid, "another time"))
        process.kill()
    assert not is_running(entry)


@pytest.mark.parametrize("ours", [True, False])
def test_a_group_whose_leader_has_ended_is_ours_only_if_its_members_say_so(tmp_path: Path, ours: bool) -> None:
    mark = {MARK: str(tmp_path / "entry") if ours else "/elsewhere"}
    leader = subprocess.run(
        ["sh", "-c", "sleep 60 >/dev/null & echo $$"], env=mark | {"PATH": "/bin:/usr/bin"}, start_new_session=True,
        stdout=subprocess.PIPE, text=True, check=True,
    )  # fmt: skip
    pgid = int(leader.stdout)
    assert group_is_alive(pgid)
    assert group_is_ours(Entry(pgid, "1"), tmp_path / "entry") is ours
    subprocess.run(["kill", "-9", "--", f"-{pgid}"], check=True)


def test_daemons_are_found_by_the_entry_that_they_were_started_with(tmp_path: Path) -> None:
    def start(mark: str) -> int:
        script = "setsid sleep 60 >/dev/null 2>&1 & echo $!"
        env = {MARK: mark, "PATH": "/bin:/usr/bin"}
        return int(subprocess.run(["sh", "-c", script], env=env, capture_output=True, text=True, check=True).stdout)

    pids = [start(str(tmp_path / name)) for name in ("a", "a/b", "ab")]
    try:
        assert sorted(daemon.pid for daemon in find_daemons(tmp_path / "a")) == pids[:2]
        assert [daemon.pid for daemon in find_daemons(tmp_path, group=pids[0])] == pids[1:]
    finally:
        subprocess.run(["kill", "-9", *map(str, pids)], check=True)
    while find_daemons(tmp_path):  # a killed process ends when it is scheduled; one that never does ends the test
        time.sleep(0.01)
