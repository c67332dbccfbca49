"""Measures `ks-universal template` beside `helm template`, as whole processes, one of each in turn.

usage: run.py     in the checkout, with the Python of `.venv` (make bench); takes under three minutes

Ratios are those of neighbours in time: a machine that slows down slows both. See README.md. What needs memory is
done by other processes: until it runs its program, a process counts as its own the memory of the one that started it.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent
ROOT = HERE.parent
VENV = ROOT / ".venv" / "benchmarks"

_PAIRS_OF_ONE = 31
_PAIRS_OF_MANY = 5


class Run(NamedTuple):
    """What a process took: seconds on the wall, and the most memory that it held at once."""

    wall_s: float
    peak_bytes: int


Pairs = list[tuple[Run, Run]]


def main() -> int:
    """Measure and print. Raises CalledProcessError when the two do not make the same objects."""
    helm, program = fetch_helm(), install()
    with tempfile.TemporaryDirectory() as folder:
        files = {count: _write(Path(folder), count) for count in (1, 100, 1000)}
        for file in files.values():
            subprocess.run([sys.executable, str(HERE / "equality.py"), helm, program, file], check=True)
        print("the same objects for 1, 100 and 1,000 applications\n")
        ours = {count: [program, "template", "bench", "-f", file] for count, file in files.items()}
        theirs = {count: [helm, "template", "bench", str(HERE / "chart"), "-f", file] for count, file in files.items()}
        show("1 application", measure(ours[1], theirs[1], _PAIRS_OF_ONE))
        show("1,000 applications", measure(ours[1000], theirs[1000], _PAIRS_OF_MANY))
        growth = [_grow(*(run(command).wall_s for command in ours.values())) for _ in range(_PAIRS_OF_MANY)]
        print(f"growth from 100 to 1,000 applications, start-up taken off: {_spread(growth)} times (linear: 10.1)")
    return 0


def fetch_helm() -> str:
    """Return the path of a Helm binary; downloads it once."""
    command = [sys.executable, str(ROOT / "tools" / "get_helm.py")]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def install() -> str:
    """Install the checkout as users have it (an editable installation starts more slowly); returns the program."""
    if not (VENV / "bin" / "python").exists():
        subprocess.run([sys.executable, "-m", "venv", str(VENV)], check=True)
    options = ["--quiet", "--disable-pip-version-check"]
    subprocess.run([str(VENV / "bin" / "python"), "-m", "pip", "install", *options, str(ROOT)], check=True)
    return str(VENV / "bin" / "ks-universal")


def measure(ours: list[str], theirs: list[str], pairs: int) -> Pairs:
    """Run both in turn; the first pair, which fills the disk's cache, is not counted."""
    return [(run(ours), run(theirs)) for _ in range(pairs + 1)][1:]


def run(command: list[str]) -> Run:
    """Run a command to its end. Raises ChildProcessError when it fails."""
    # The clock is read beside the fork and the wait: nothing of this process lies between.
    with open(os.devnull, "wb") as nowhere:  # noqa: PTH123 - a device
        actions = [(os.POSIX_SPAWN_DUP2, nowhere.fileno(), 1)]
        start = time.perf_counter()
        pid = os.posix_spawn(command[0], command, os.environ, file_actions=actions)
        _, status, usage = os.wait4(pid, 0)
        wall_s = time.perf_counter() - start
    if status:
        raise ChildProcessError(f"exit status {os.waitstatus_to_exitcode(status)}: {command}")
    return Run(wall_s, usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024))


def show(what: str, pairs: Pairs) -> None:
    """Print the medians of both, and the ratios of the pairs."""
    print(f"{what} ({len(pairs)} pairs)")
    for name, runs in zip(("ks-universal", "helm"), zip(*pairs, strict=True), strict=True):
        wall_ms = [each.wall_s * 1000 for each in runs]
        peak = max(each.peak_bytes for each in runs) / 2**20
        print(f"  {name:13} {_spread(wall_ms, 0)} ms, at most {peak:.0f} MiB")
    print(f"  {'time':13} {_spread([ours.wall_s / theirs.wall_s for ours, theirs in pairs])} of helm's")
    print(f"  {'memory':13} {_spread([ours.peak_bytes / theirs.peak_bytes for ours, theirs in pairs])} of helm's\n")


def _write(folder: Path, count: int) -> str:
    file = folder / f"values-{count}.yaml"
    with file.open("wb") as output:
        subprocess.run([sys.executable, str(HERE / "values.py"), str(count)], check=True, stdout=output)
    return str(file)


def _grow(one_s: float, hundred_s: float, thousand_s: float) -> float:
    """Say how much longer 1,000 take than 100, start-up and the first application taken off."""
    return (thousand_s - one_s) / (hundred_s - one_s)


def _spread(numbers: Sequence[float], digits: int = 2) -> str:
    """Write a median, and the range in brackets."""
    low, middle, high = min(numbers), statistics.median(numbers), max(numbers)
    return f"{middle:.{digits}f} ({low:.{digits}f}-{high:.{digits}f})"


if __name__ == "__main__":
    sys.exit(main())
