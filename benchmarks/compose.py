#!/usr/bin/env python3
"""Compares `ks-universal up --engine podman` with `docker-compose up -d`: a database, a migration, a shop with a port.

    eval "$(tests/containers/engine)" && python benchmarks/compose.py [PAIRS]

Needs podman and Debian's docker-compose, which speaks to podman's socket. Both start the same three: a database that is
awaited, a migration that needs it, and a shop that serves when that has succeeded. Measured is the time until the shop
answers, and the time until it answers with another version after that was written into the file. All are of busybox:
what images do is not compared. Compose does not look whether the database is healthy, for podman does that with systemd
only; its migration waits by itself, as ours does, too.
"""

import contextlib
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

IMAGE = "docker.io/library/busybox:1.37"
PORT = 18999
TRAP = "trap 'exit 0' TERM; "
DATABASE = TRAP + "while :; do nc -l -p 5432 -e true; done & while :; do sleep 0.1; done"
LISTENS = "nc -w 1 127.0.0.1 5432 -e true"
MIGRATION = "until nc -w 1 db 5432 -e true; do sleep 0.1; done; echo migrated"
SHOP = (
    TRAP
    + "mkdir -p /tmp/www; echo $VERSION > /tmp/www/index.html; httpd -p 8080 -h /tmp/www; while :; do sleep 0.1; done"
)


def main() -> None:
    """Measure pairs, one after the other, and print their ratios."""
    pairs = int(sys.argv[1]) if sys.argv[1:] else 3
    took: dict[str, list[tuple[float, float]]] = {"ours": [], "compose": []}
    for number in range(pairs):
        for name, measure in (("ours", measure_ours), ("compose", measure_compose)):
            with tempfile.TemporaryDirectory(prefix="ksu-compose-") as folder, podman_socket(Path(folder)):
                took[name].append(measure(Path(folder)))
        print(
            number + 1,
            *(f"{name} {ready:.1f} s, {again:.1f} s;" for name, [*_, (ready, again)] in took.items()),
            flush=True,
        )
    for place, what in enumerate(("ready", "changed")):
        ratios = [ours[place] / compose[place] for ours, compose in zip(took["ours"], took["compose"], strict=True)]
        median, least, most = statistics.median(ratios), min(ratios), max(ratios)
        print(f"{what}: ratio {median:.2f} ({least:.2f}-{most:.2f}); load {os.getloadavg()[0]:.1f}")


@contextlib.contextmanager
def podman_socket(folder: Path) -> Iterator[None]:
    """Run podman's API on a socket in the folder, where DOCKER_HOST finds it."""
    socket = folder / "docker.sock"
    service = subprocess.Popen(["podman", "system", "service", "--time=0", f"unix://{socket}"], start_new_session=True)
    try:
        until(socket.exists)
        os.environ["DOCKER_HOST"] = f"unix://{socket}"
        yield
    finally:
        service.terminate()
        service.wait()


def measure_ours(folder: Path) -> tuple[float, float]:
    """Give the seconds until the shop is ready, and until a change of its values is."""

    def write(version: str) -> None:
        probes = {"readinessProbe": {"exec": {"command": ["sh", "-c", LISTENS]}}}
        main = container(DATABASE, probes=probes, ports={"sql": {"containerPort": 5432, "servicePort": 5432}})
        database = {"autoCreateService": True, "containers": {"main": main}, "migrations": {"enabled": False}}
        web = container(
            SHOP,
            env=[{"name": "VERSION", "value": version}],
            ports={"http": {"containerPort": 8080, "servicePort": 80}},
        )
        migrations = {"enabled": True, "command": ["sh", "-c", MIGRATION], "dependsOn": ["db"]}
        shop = {"autoCreateService": True, "containers": {"main": web}, "migrations": migrations}
        values = {"deployments": {"db": database, "shop": shop}, "local": {"ports": {"shop": {"80": PORT}}}}
        (folder / "values.new").write_text(json.dumps(values))
        (folder / "values.new").rename(folder / "values.yaml")

    write("1")
    program = [sys.executable, "-m", "ks_universal"]
    began = time.monotonic()
    command = [*program, "up", "shop", "-f", "values.yaml", "--engine=podman", "--watch"]
    up = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, start_new_session=True)
    try:
        until(lambda: answers("1"))
        ready = time.monotonic() - began
        time.sleep(2)
        write("2")
        return ready, measure(lambda: answers("2"))
    finally:
        up.send_signal(signal.SIGTERM)
        up.wait()


def measure_compose(folder: Path) -> tuple[float, float]:
    """Give the same of compose."""

    def write(version: str) -> None:
        services = {
            "db": service(DATABASE),
            "migrate": service(MIGRATION, depends_on=["db"]),
            "shop": service(
                SHOP,
                environment={"VERSION": version},
                ports=[f"127.0.0.1:{PORT}:8080"],
                depends_on={"migrate": {"condition": "service_completed_successfully"}},
            ),
        }
        (folder / "docker-compose.yml").write_text(json.dumps({"version": "3.9", "services": services}))

    write("1")
    compose = ["docker-compose", "--project-name=ksubench", "--file=docker-compose.yml"]
    try:
        began = time.monotonic()
        subprocess.run([*compose, "up", "-d"], cwd=folder, check=True, capture_output=True)
        until(lambda: answers("1"))
        ready = time.monotonic() - began
        time.sleep(2)
        write("2")
        began = time.monotonic()
        subprocess.run([*compose, "up", "-d"], cwd=folder, check=True, capture_output=True)
        until(lambda: answers("2"))
        return ready, time.monotonic() - began
    finally:
        subprocess.run([*compose, "down", "--volumes", "--timeout=5"], cwd=folder, check=True, capture_output=True)


def container(script: str, **more: object) -> dict[str, object]:
    """Give a container of values."""
    name, _, tag = IMAGE.rpartition(":")
    return {"image": name, "imageTag": tag, "command": ["sh", "-c", script], **more}


def service(script: str, **more: object) -> dict[str, object]:
    """Give a service of a compose file."""
    return {"image": IMAGE, "command": ["sh", "-c", script.replace("$", "$$")], **more}


def measure(condition: Callable[[], bool]) -> float:
    """Give the seconds until a condition holds."""
    began = time.monotonic()
    until(condition)
    return time.monotonic() - began


def until(condition: Callable[[], bool]) -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + 240
    while not condition():
        if time.monotonic() > deadline:
            sys.exit("it took longer than 240 s")
        time.sleep(0.05)


def answers(version: str) -> bool:
    """Tell whether the shop answers with this version."""
    with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{PORT}/", timeout=1) as answer:
        return bool(answer.read().decode().strip() == version)
    return False


main()
