"""Gets the definitions (CustomResourceDefinitions) of other projects' kinds from their Go modules, for tools and tests.

usage: get_definitions.py     prints the path of each, one a line

Needs a Go toolchain, once a version: what was taken out of a module is kept in ~/.cache/ksu-definitions. Deckhouse's
module is not served; the definition of DexAuthenticator lies beside this file, with its source.
"""

import json
import subprocess
import sys
from pathlib import Path

CACHE = Path.home() / ".cache" / "ksu-definitions"
MODULES = {
    "sigs.k8s.io/gateway-api@v1.4.0": "config/crd/standard/gateway.networking.k8s.io_httproutes.yaml",
    "github.com/prometheus-operator/prometheus-operator@v0.85.0": (
        "example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml"
    ),
    "github.com/cert-manager/cert-manager@v1.21.2": "deploy/crds/cert-manager.io_certificates.yaml",
}
WRITTEN_HERE = Path(__file__).parent / "dexauthenticators.deckhouse.io.yaml"


def get_definitions() -> list[Path]:
    """Give the paths of all definitions, one file each."""
    return [*(get_definition(module, file) for module, file in MODULES.items()), WRITTEN_HERE]


def get_definition(module: str, file: str) -> Path:
    """Give the path of a file of a module's version; downloads the module unless the file is there."""
    kept = CACHE / module / Path(file).name
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        # Moved into place whole: an interrupted write must not pass for the file.
        aside = kept.with_suffix(".new")
        aside.write_bytes((download(module) / file).read_bytes())
        aside.replace(kept)
    return kept


def download(module: str) -> Path:
    """Download a Go module, or find it where it was downloaded before."""
    answer = subprocess.run(["go", "mod", "download", "-json", module], check=True, stdout=subprocess.PIPE)
    return Path(json.loads(answer.stdout)["Dir"])


if __name__ == "__main__":
    sys.stdout.writelines(f"{path}\n" for path in get_definitions())
