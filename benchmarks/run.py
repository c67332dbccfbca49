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

PAIRS = {1: 7, 100: 3, 1000: 1, 3000: 1}
"""In each round, by the number of applications: what is short varies more."""
CASES = (("the usual objects", (), (1, 100, 1000), 5), ("every object", ("everything",), (1, 100, 1000, 3000), 3))
"""What the applications have, how `values.py` is told, how many there are, and how many rounds."""


class Run(NamedTuple):
    """What a process took: seconds on the wall and of the processors, and the most memory that it held at once."""

    wall_s: float
    cpu_s: float
    peak_bytes: int


Pairs = list[tuple[Run, Run]]
Round = dict[int, Pairs]
"""Pairs by the number of applications."""


def main() -> int:
    """Measure and print. Raises CalledProcessError when the two do not make the same objects."""
    helm, program = fetch_helm(), install()
    with tempfile.TemporaryDirectory() as folder:
        for title, words, counts, rounds in CASES:
            print(f"== Applications with {title}\n", flush=True)
            files = {count: _write(Path(folder), count, words) for count in counts}
            # 3,000 are more of the same, and take a minute to compare.
            for count in (1, 1000):
                subprocess.run([sys.executable, str(HERE / "equality.py"), helm, program, files[count]], check=True)
            print("both make the same objects for 1 and for 1,000 applications\n", flush=True)
            chart = str(HERE / "chart")
            ours = {count: [program, "template", "bench", "-f", file] for count, file in files.items()}
            theirs = {count: [helm, "template", "bench", chart, "-f", file] for count, file in files.items()}
            report(
                [{count: measure(ours[count], theirs[count], PAIRS[count]) for count in counts} for _ in range(rounds)]
            )
    return 0


def report(rounds: list[Round]) -> None:
    """Print what each number of applications took in all rounds, and how that grew within each."""
    counts = list(rounds[0])
    for count in counts:
        pairs = [pair for each in rounds for pair in each[count]]
        show(f"{count:,} application{'s' if count > 1 else ''}", pairs)
    for count in counts[2:]:
        linear = (count - 1) / (counts[1] - 1)
        print(f"growth of the processor time from 100 to {count:,}, start-up taken off (linear: {linear:.1f})")
        for number, name in enumerate(NAMES):
            print(f"  {name:14} {_spread([_grow(each, number, count) for each in rounds])} times")
    print(flush=True)


def _grow(taken: Round, program: int, count: int) -> float:
    """Say how much longer `count` take than 100, start-up and the first application taken off."""
    one, hundred, many = (statistics.median(pair[program].cpu_s for pair in taken[each]) for each in (1, 100, count))
    return (many - one) / (hundred - one)


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
    """Run both in turn."""
    return [(run(ours), run(theirs)) for _ in range(pairs)]


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


def _write(folder: Path, count: int, words: Sequence[str]) -> str:
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
