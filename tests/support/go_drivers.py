"""Go programs that tests use, built once from their modules into the cache of the project's own node.

usage: go_drivers.py FOLDER...    builds each, and prints where it is; more than a minute each on two cores
"""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

CACHE = Path(os.environ.get("KSU_CLUSTER_CACHE", Path.home() / ".cache" / "ksu-cluster")) / "drivers"


def build_driver(folder: Path) -> Path:
    """Build the program that has the name of its folder, unless that was done; gives its path.

    The folder has go.mod, go.sum and either a `package main`, or a file that imports the program of another module
    (`_ "github.com/fluxcd/kustomize-controller"`).
    """
    sources = sorted([*folder.glob("go.*"), *folder.glob("*.go")])
    texts = [source.read_text() for source in sources]
    built = CACHE / hashlib.sha256("\0".join(texts).encode()).hexdigest()[:16] / folder.name
    built.parent.mkdir(parents=True, exist_ok=True)
    with (built.parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not built.exists():
            imported = re.findall(r'^\s*(?:import )?_ "(.+)"$', "\n".join(texts), re.MULTILINE)
            aside = built.with_suffix(".new")
            flags = {"CGO_ENABLED": "0", "GOFLAGS": "-trimpath -buildvcs=false"}
            argv = ["nice", find_go(), "build", "-ldflags", "-s -w", "-o", str(aside), *(imported or ["."])]
            subprocess.run(argv, cwd=folder, env={**os.environ, **flags}, check=True)
            aside.rename(built)
    return built


def find_go() -> str:
    """Give the path of Go, which may be installed where PATH does not look."""
    found = shutil.which("go", path=os.environ["PATH"] + ":/usr/local/go/bin")
    if found is None:
        raise FileNotFoundError("there is no Go on this machine: https://go.dev/dl")
    return found


if __name__ == "__main__":
    for name in sys.argv[1:]:
        print(build_driver(Path(name)), flush=True)  # noqa: T201 - a program
