"""Measures `ks-universal template` beside `helm template`, as whole processes, one of each in turn.

usage: run.py     in the checkout, with the Python of `.venv` (make bench); takes about three minutes

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
NAMES = ("ks-universal", "helm")

USUAL = {1: 31, 100: 5, 1000: 5}
EVERYTHING = {1: 31, 100: 3, 1000: 3, 3000: 3}
"""How many applications, and how many pairs of each."""


class Run(NamedTuple):
    """What a process took: seconds on the wall and of the processors, and the most memory that it held at once."""

    wall_s: float
    cpu_s: float
    peak_bytes: int


Pairs = list[tuple[Run, Run]]


def main() -> int:
    """Measure and print. Raises CalledProcessError when the two do not make the same objects."""
    helm, program = fetch_helm(), install()
    with tempfile.TemporaryDirectory() as folder:
        for title, words, counts in (("the usual objects", [], USUAL), ("every object", ["everything"], EVERYTHING)):
            print(f"== Applications with {title}\n", flush=True)
            files = {count: _write(Path(folder), count, words) for count in counts}
            # 3,000 are more of the same, and take a minute to compare.
            for count in (1, 1000):
                subprocess.run([sys.executable, str(HERE / "equality.py"), helm, program, files[count]], check=True)
            print("both make the same objects for 1 and for 1,000 applications\n", flush=True)
            compare([program, "template", "bench"], [helm, "template", "bench", str(HERE / "chart")], files, counts)
    return 0


def compare(ours: list[str], theirs: list[str], files: dict[int, str], counts: dict[int, int]) -> None:
    """Measure both commands with each of the files, and print what each count takes and how that grows."""
    pairs: dict[int, Pairs] = {}
    for count, repetitions in counts.items():
        pairs[count] = measure([*ours, "-f", files[count]], [*theirs, "-f", files[count]], repetitions)
        show(f"{count:,} application{'s' if count > 1 else ''}", pairs[count])
    for count in list(counts)[2:]:
        linear = (count - 1) / 99
        print(f"growth from 100 to {count:,}, start-up taken off, in processor time (linear: {linear:.1f})")
        for number, name in enumerate(NAMES):
            one, hundred, many = ([pair[number].cpu_s for pair in pairs[each]] for each in (1, 100, count))
            start = statistics.median(one)
            growth = [(more - start) / (less - start) for less, more in zip(hundred, many, strict=True)]
            print(f"  {name:14} {_spread(growth)} times")
    print(flush=True)


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
    cpu_s = usage.ru_utime + usage.ru_stime
    return Run(wall_s, cpu_s, usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024))


def show(what: str, pairs: Pairs) -> None:
    """Print the medians of both, and the ratios of the pairs."""
    print(f"{what} ({len(pairs)} pairs)")
    for name, runs in zip(NAMES, zip(*pairs, strict=True), strict=True):
        wall_ms, cpu_ms = [each.wall_s * 1000 for each in runs], [each.cpu_s * 1000 for each in runs]
        peak = max(each.peak_bytes for each in runs) / 2**20
        print(f"  {name:14} {_spread(wall_ms, 0)} ms, processor {_spread(cpu_ms, 0)} ms, at most {peak:.0f} MiB")
    for what, field in (("time", "wall_s"), ("processor time", "cpu_s"), ("memory", "peak_bytes")):
        ratios = [getattr(ours, field) / getattr(theirs, field) for ours, theirs in pairs]
        print(f"  {what:14} {_spread(ratios)} of helm's")
    print(flush=True)


def _write(folder: Path, count: int, words: list[str]) -> str:
    file = folder / f"values-{count}.yaml"
    with file.open("wb") as output:
        subprocess.run([sys.executable, str(HERE / "values.py"), str(count), *words], check=True, stdout=output)
    return str(file)


def _spread(numbers: Sequence[float], digits: int = 2) -> str:
    """Write a median, and the range in brackets."""
    low, middle, high = min(numbers), statistics.median(numbers), max(numbers)
    return f"{middle:.{digits}f} ({low:.{digits}f}-{high:.{digits}f})"


if __name__ == "__main__":
    sys.exit(main())
