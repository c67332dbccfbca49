import asyncio
import os
import shlex
from pathlib import Path

import pytest

from ks_universal.targets.containers.client import Client, ClientError

SLEEPS = "#!/bin/sh\necho $$ > {pid}\nexec sleep 1000\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose programs are found first."""
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    return tmp_path


def write_client(folder: Path, script: str) -> Client:
    (folder / "podman").write_text(script)
    (folder / "podman").chmod(0o755)
    return Client("podman")


def test_values_are_passed_in_the_environment_and_in_a_private_file_and_never_as_arguments(folder: Path) -> None:
    shows_file = 'for w; do case $w in --env-file=*) cat "${w#*=}";; esac; done'
    script = f'echo "$@" | sed "s|--env-file=.*/env|FILE|"; echo "$SECRET"; {shows_file}'
    client = write_client(folder, f"#!/bin/sh\n{script}\n")
    said = asyncio.run(client.call("run", "--detach", "image", variables={"SECRET": "one\ntwo", "HOME": "/elsewhere"}))
    assert said.splitlines() == ["run --env=SECRET FILE --detach image", "one", "two", "HOME=/elsewhere"]


def test_what_the_engine_says_last_is_the_error(folder: Path) -> None:
    client = write_client(folder, "#!/bin/sh\necho 'Trying to pull' >&2; echo 'Error: no such image' >&2; exit 125\n")
    with pytest.raises(ClientError) as failed:
        asyncio.run(client.call("pull", "x"))
    assert (failed.value.message, failed.value.status) == ("no such image", 125)


def test_a_call_that_may_be_given_up_ends_with_whoever_waits_for_it(folder: Path) -> None:
    client, pid = write_client(folder, SLEEPS.format(pid=folder / "pid")), folder / "pid"

    async def main() -> None:
        task = asyncio.ensure_future(client.call_until_cancelled("pull", "x"))
        while not (pid.exists() and pid.read_text()):
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(asyncio.wait_for(main(), 60))
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)


@pytest.mark.parametrize(
    "said",
    [
        'Error: creating container storage: the container name "a" is already in use by 12ab. You have to remove that'
        " container to be able to reuse that name: that name is already in use",
        'docker: Error response from daemon: Conflict. The container name "/a" is already in use by container "12ab".',
    ],
)
def test_a_container_takes_the_place_of_one_of_its_name(said: str, folder: Path) -> None:
    script = (
        f'echo "$1" >> {folder}/calls; [ "$1" = rm ] && touch {folder}/removed; [ -e {folder}/removed ] || '
        f"{{ echo {shlex.quote(said)} >&2; exit 125; }}"
    )
    asyncio.run(write_client(folder, f"#!/bin/sh\n{script}\n").run_container("a", "image"))
    assert (folder / "calls").read_text().split() == ["run", "rm", "run"]


def test_a_port_that_is_taken_is_no_name_that_is(folder: Path) -> None:
    said = "Error: rootlessport listen tcp 127.0.0.1:80: bind: address already in use"
    client = write_client(folder, f'#!/bin/sh\necho "$1" >> {folder}/calls; echo {shlex.quote(said)} >&2; exit 126\n')
    with pytest.raises(ClientError, match="address already in use"):
        asyncio.run(client.run_container("a", "image"))
    assert (folder / "calls").read_text().split() == ["run"]
