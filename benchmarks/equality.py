"""Checks that the chart and ks-universal make the same objects of the same values: else their times compare nothing.

usage: equality.py HELM KS_UNIVERSAL VALUES     exit status 1 names the objects that differ
"""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

CHART = Path(__file__).parent / "chart"

# Each program says its own name here, and hashes the configuration in its own way.
_OWN = ("app.kubernetes.io/managed-by", "ks-universal.io/config-digest")


def find_differences(first: Sequence[str], second: Sequence[str]) -> list[str]:
    """Run two commands and list the objects (`Deployment/my-app`) that differ, or that only one of them prints.

    Raises CalledProcessError when a command fails, and AssertionError when they print nothing at all.
    """
    objects, others = _read_objects(first), _read_objects(second)
    assert objects, "no objects: there is nothing to compare"
    return [name for name in sorted(objects.keys() | others.keys()) if objects.get(name) != others.get(name)]


def _read_objects(command: Sequence[str]) -> dict[str, Any]:
    text = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
    documents = [document for document in yaml.load_all(text, Loader=yaml.CSafeLoader) if document]
    return {f"{body['kind']}/{body['metadata']['name']}": _without_own(body) for body in documents}


def _without_own(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_own(item) for key, item in value.items() if key not in _OWN}
    return [_without_own(item) for item in value] if isinstance(value, list) else value


if __name__ == "__main__":
    helm, program, values = sys.argv[1:]
    theirs = [helm, "template", "bench", str(CHART), "-f", values]
    differences = find_differences(theirs, [program, "template", "bench", "-f", values])
    for name in differences:
        print(f"differs: {name}")
    sys.exit(1 if differences else 0)
