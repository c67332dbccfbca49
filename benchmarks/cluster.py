"""Measures `ks-universal deploy` beside `helm upgrade --install --wait` on the cluster of KUBECONFIG, each in turn.

usage: cluster.py [APPLICATIONS [PAIRS]]     default: 1 application, 5 pairs

Helm gets the same objects, as a chart whose migrations are hooks (`ks-universal template --flavor helm`). Each sample
has a namespace of its own: a first deploy, then the same again, unchanged. Nothing else should use the cluster.
"""

import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import yaml

ROOT = Path(__file__).parents[1]
PROGRAM = str(ROOT / ".venv" / "bin" / "ks-universal")
RELEASE = "bench"


class Sample(NamedTuple):
    """Seconds on the wall: of a first deploy, and of the same again."""

    first_s: float
    again_s: float


def main(count: int, pairs: int) -> int:
    """Measure and print. Raises CalledProcessError when a deploy fails."""
    helm = fetch_helm()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        values = folder / "values.yaml"
        values.write_text(yaml.safe_dump(make_values(count)))
        ours = [PROGRAM, "deploy", RELEASE, "-f", str(values), "--yes"]
        theirs = [helm, "upgrade", RELEASE, str(write_chart(folder / "chart", values)), "--install", "--wait"]
        samples = [(measure(ours), measure([*theirs, "--timeout", "20m"])) for _ in range(pairs)]
    print(f"{count} application(s), {pairs} pair(s): ks-universal, helm, ratio of pairs")
    show("first deploy", [(one.first_s, other.first_s) for one, other in samples])
    show("again, unchanged", [(one.again_s, other.again_s) for one, other in samples])
    return 0


def fetch_helm() -> str:
    """Return the path of a Helm binary; downloads it once."""
    command = [sys.executable, str(ROOT / "tools" / "get_helm.py")]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def make_values(count: int) -> dict[str, object]:
    """Make values with `count` applications: a configuration, a migration of one second, one pod."""
    names = [f"app-{number:03}" for number in range(count)]
    return {
        "configs": {f"{name}-settings": {"type": "configMap", "data": {"NAME": name}} for name in names},
        "deployments": {name: _make_deployment(name) for name in names},
    }


def _make_deployment(name: str) -> dict[str, object]:
    serve = "trap 'exit 0' TERM; httpd -f -p 8080 -h /tmp & wait"
    main = {
        "image": "busybox",
        "imageTag": "local",
        "command": ["sh"],
        "args": ["-c", serve],
        "envFrom": [{"type": "configMap", "configName": f"{name}-settings"}],
        "readinessProbe": {"tcpSocket": {"port": 8080}, "periodSeconds": 1},
    }
    migrations = {"enabled": True, "args": ["-c", "sleep 1"], "backoffLimit": 0}
    return {"replicas": 1, "migrations": migrations, "containers": {"main": main}}


def write_chart(folder: Path, values: Path) -> Path:
    """Write a chart that makes what ks-universal makes of the values."""
    (folder / "templates").mkdir(parents=True)
    (folder / "Chart.yaml").write_text("apiVersion: v2\nname: bench\nversion: 1.0.0\n")
    command = [PROGRAM, "template", RELEASE, "-f", str(values), "--flavor", "helm"]
    manifests = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
    (folder / "templates" / "all.yaml").write_bytes(manifests)
    return folder


def measure(command: list[str]) -> Sample:
    """Time a command twice in a fresh namespace."""
    namespace = f"bench-{uuid.uuid4().hex[:8]}"
    subprocess.run(["kubectl", "create", "namespace", namespace], check=True, stdout=subprocess.DEVNULL)
    try:
        return Sample(_time([*command, "-n", namespace]), _time([*command, "-n", namespace]))
    finally:
        subprocess.run(
            ["kubectl", "delete", "namespace", namespace, "--wait=false"], check=True, stdout=subprocess.DEVNULL
        )


def _time(command: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def show(what: str, pairs: list[tuple[float, float]]) -> None:
    """Print the medians of both, the ranges in brackets, and the ratios of the pairs."""
    ratios = [ours / theirs for ours, theirs in pairs]
    spreads = [_spread(numbers) for numbers in (*zip(*pairs, strict=True), ratios)]
    print(f"  {what:17} {spreads[0]} s, {spreads[1]} s, {spreads[2]}")


def _spread(numbers: Sequence[float]) -> str:
    return f"{statistics.median(numbers):.2f} ({min(numbers):.2f}-{max(numbers):.2f})"


if __name__ == "__main__":
    words = [int(word) for word in sys.argv[1:]]
    sys.exit(main(*(words + [1, 5][len(words) :])))
