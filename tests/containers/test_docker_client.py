"""Docker's own client against the Docker-compatible socket of podman: what is asked of an engine, both understand."""

import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.cluster_release import wait_until
from support.container_engine import ENGINE, FOREVER, application, list_left, list_volumes, sh
from support.up_process import KSU, running

from .conftest import write_values

pytestmark = [
    pytest.mark.skipif(
        shutil.which("docker") is None, reason="Docker's client is not installed: apt-get install docker.io"
    ),
    pytest.mark.skipif(ENGINE != "podman", reason="its socket is podman's"),
]


@pytest.fixture(autouse=True)
def socket(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Podman's API, at the address where Docker's client looks."""
    path = folder / "docker.sock"
    service = subprocess.Popen(["podman", "system", "service", "--time=0", f"unix://{path}"], start_new_session=True)
    try:
        wait_until(path.exists)
        monkeypatch.setenv("DOCKER_HOST", f"unix://{path}")
        yield
        subprocess.run([*KSU, "down", "web", "--fresh"], capture_output=True, check=False)
    finally:
        service.terminate()
        service.wait()


def ask(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([*KSU, *arguments], capture_output=True, text=True, check=False)


def test_a_release_is_migrated_served_taken_up_and_removed_by_dockers_client(folder: Path) -> None:
    mounts = [{"name": "data", "mountPath": "/data"}, {"name": "files", "mountPath": "/files"}]
    main = sh(f"cat /files/page /data/steps; {FOREVER}", volumeMounts=mounts, env=[{"name": "COLOR", "value": "green"}])
    volumes = [
        {"name": "data", "persistentVolumeClaim": {"claimName": "data"}},
        {"name": "files", "configMap": {"name": "settings"}},
    ]
    steps = "echo begun; until [ -e /data/go ]; do sleep 0.1; done; echo migrated | tee -a /data/steps"
    write_values(
        {
            "configs": {"settings": {"type": "configMap", "data": {"page": "hello\n"}}},
            "persistentVolumeClaims": {
                "data": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}}
            },
            "deployments": {"web": application(main, steps, volumes=volumes)},
        }
    )
    with running("--engine=docker") as killed:
        killed.read_until_log("begun")
        killed.process.send_signal(signal.SIGKILL)
    with running("--engine=docker") as up:
        assert up.read_until("AttemptStarted")["resumed"] is True
        (volume,) = list_volumes(folder)
        command = [
            "docker",
            "run",
            "--rm",
            f"--volume={volume}:/data",
            "docker.io/library/busybox:1.37",
            "touch",
            "/data/go",
        ]
        subprocess.run(command, check=True, capture_output=True)
        assert up.read_until("RunEnded")["outcome"] == "succeeded"
        wait_until(lambda: "web | migrated\n" in ask("logs", "web", "web", "--local").stdout)
        assert "web | hello\n" in ask("logs", "web", "web", "--local").stdout
        ran = ask("exec", "web", "web", "--", "sh", "-c", "echo $COLOR; cat /data/steps; exit 9")
        assert (ran.returncode, ran.stdout) == (9, "green\nmigrated\n")
        assert up.interrupt() == 130
    assert list_left(folder) == {"ps": [], "network": []}
    assert list_volumes(folder) == [volume]
    assert f"volume {volume} of docker" in ask("down", "web", "--fresh").stderr
    assert list_volumes(folder) == []
