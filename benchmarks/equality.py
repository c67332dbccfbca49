"""Checks that the chart and ks-universal make the same objects of the same values: else their times compare nothing.

usage: equality.py HELM KS_UNIVERSAL VALUES     exit status 1 names the objects that differ
"""

import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

CHART = Path(__file__).parent / "chart"

# Each program says its own name here, and hashes the configuration in its own way.
# Of the flavor plain alone are Jobs that are named by their content, and copies of what migrations read.
_BY_CONTENT = re.compile(r"(.+)-[0-9a-f]{8}").fullmatch
_COPY = re.compile(r"(.+)-migrations-[0-9a-f]{8}").fullmatch
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
    names = {name: match[1] for name in map(_name, documents) if (match := _BY_CONTENT(name))}
    copies = {name: match[1] for name in map(_name, documents) if (match := _COPY(name))}
    objects = [body for body in documents if body["kind"] == "Job" or _name(body) not in copies]
    jobs = {name for body in objects if body["kind"] == "Job" and (name := _name(body)) in names}
    plain = {name: names[name] if name in jobs else copies[name] for name in jobs | copies.keys()}
    return {f"{body['kind']}/{_name(body)}": body for body in (_simplify(each, plain) for each in objects)}


def _name(body: dict[str, Any]) -> str:
    return str(body["metadata"]["name"])


def _simplify(value: Any, names: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _simplify(item, names) for key, item in value.items() if key not in _OWN}
    if isinstance(value, list):
        return [_simplify(item, names) for item in value]
    return names.get(value, value) if isinstance(value, str) else value


if __name__ == "__main__":
    helm, program, values = sys.argv[1:]
    theirs = [helm, "template", "bench", str(CHART), "-f", values]
    differences = find_differences(theirs, [program, "template", "bench", "-f", values])
    for name in differences:
        print(f"differs: {name}")
    sys.exit(1 if differences else 0)
