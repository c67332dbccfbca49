"""What is compared for speed must be equal: the chart of the benchmarks and ks-universal make the same objects."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
BENCHMARKS = ROOT / "benchmarks"
PROGRAM = Path(sys.executable).with_name("ks-universal")
EVERYTHING = (
    "Certificate",
    "ConfigMap",
    "Deployment",
    "HTTPRoute",
    "HorizontalPodAutoscaler",
    "Ingress",
    "Job",
    "PodDisruptionBudget",
    "Secret",
    "Service",
    "ServiceAccount",
    "ServiceMonitor",
)


def make_values(folder: Path, count: int, *words: str) -> Path:
    command = [sys.executable, str(BENCHMARKS / "values.py"), str(count), *words]
    file = folder / "values.yaml"
    file.write_text(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
    return file


def compare(helm: str | Path, values: Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, str(BENCHMARKS / "equality.py"), str(helm), str(PROGRAM), str(values)]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True)


@pytest.mark.parametrize("words", [[], ["everything"]])
def test_the_chart_makes_the_same_objects(helm: str, tmp_path: Path, words: list[str]) -> None:
    # Sixty: the values repeat no combination before that.
    compared = compare(helm, make_values(tmp_path, 60, *words))
    assert (compared.returncode, compared.stdout) == (0, "")


def test_everything_is_every_object_for_each_application(tmp_path: Path) -> None:
    values = make_values(tmp_path, 60, "everything")
    text = subprocess.run([PROGRAM, "template", "x", "-f", values], check=True, stdout=subprocess.PIPE).stdout
    objects = list(yaml.load_all(text, Loader=yaml.CSafeLoader))
    kinds = [body["kind"] for body in objects]
    copied = {"ConfigMap": 120, "Secret": 120}  # each once more, for the migrations
    assert {kind: kinds.count(kind) for kind in EVERYTHING} == dict.fromkeys(EVERYTHING, 60) | {"Job": 75} | copied
    assert sorted(set(kinds)) == sorted(EVERYTHING)
    affinities = [body["spec"]["template"]["spec"]["affinity"] for body in objects if body["kind"] == "Deployment"]
    assert all("podAntiAffinity" in affinity for affinity in affinities)


def test_an_object_that_differs_is_named(helm: str, tmp_path: Path) -> None:
    values = make_values(tmp_path, 2)
    other = tmp_path / "helm"
    other.write_text(f'#!/bin/sh\nexec "{helm}" "$@" --set deployments.billing-api-0.replicas=77\n')
    other.chmod(0o755)
    compared = compare(other, values)
    assert (compared.returncode, compared.stdout) == (1, "differs: Deployment/billing-api-0\n")
