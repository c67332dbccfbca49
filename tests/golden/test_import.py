"""`import` of what a real Helm renders of charts in the shapes of public ones: its values and what it says of them.

Read the diff of tests/golden/import, and rewrite it with `pytest tests/golden --update-goldens`.
"""

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

import ks_universal
from ks_universal import ImportedValues, import_manifests, load, render

CHARTS = sorted((Path(__file__).parents[1] / "data" / "charts").iterdir())
EXPECTED = Path(__file__).parent / "import"
Json = dict[str, Any]


def import_chart(chart: Path, helm: str, **options: Any) -> tuple[str, ImportedValues]:
    rendered = subprocess.run(
        [helm, "template", "my", str(chart), "-n", "prod"], check=True, capture_output=True, text=True
    ).stdout
    return rendered, import_manifests(["-"], stdin=lambda: rendered, **options)


def find_pods(body: Json) -> Json:
    template = body["spec"]["jobTemplate"]["spec"] if body["kind"] == "CronJob" else body["spec"]
    pods: Json = template["template"]["spec"]
    return pods


@pytest.mark.parametrize("chart", CHARTS, ids=lambda chart: chart.name)
def test_charts_become_the_values_that_are_expected(chart: Path, helm: str, update_goldens: bool) -> None:
    _, imported = import_chart(chart, helm)
    folder = EXPECTED / chart.name
    notes = "".join(f"{problem.severity}[{problem.code}]: {problem.message}\n" for problem in imported.problems)
    if update_goldens:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "values.yaml").write_text(imported.text)
        (folder / "notes.txt").write_text(notes)
    assert imported.text == (folder / "values.yaml").read_text()
    assert notes == (folder / "notes.txt").read_text()
    assert "error[" not in notes


@pytest.mark.parametrize("chart", CHARTS, ids=lambda chart: chart.name)
def test_their_values_make_the_objects_of_the_charts_again(chart: Path, helm: str) -> None:
    """What the command proves itself is looked at by other means: names of objects, and what their pods run."""
    rendered, imported = import_chart(chart, helm, with_secret_values=True)
    values = load(["-"], stdin=lambda: imported.text)
    assert [problem for problem in values.problems if problem.code != "selectors/no-pod"] == []
    release = render(values, "my", "prod")
    made = {(body["kind"], body["metadata"]["name"]): body for body in (each.body for each in release.objects)}
    moved = {problem.message.split()[0] for problem in imported.problems if problem.code == "import/left-out"}
    steps = imported.text.count("Was Job/")
    assert steps == len(release.migrations)
    gone = 0
    for body in filter(None, yaml.safe_load_all(rendered)):
        name = body["metadata"]["name"]
        if (body["kind"], name) not in made:
            assert body["kind"] == "Job" or f"{body['kind']}/{name}" in moved, name
            gone += body["kind"] == "Job"
        elif body["kind"] in ("Deployment", "StatefulSet", "CronJob"):
            pods, ours = find_pods(body), find_pods(made[body["kind"], name])
            for wanted, got in zip(pods["containers"], ours["containers"], strict=True):
                for key in ("name", "image", "command", "args", "resources"):
                    assert got.get(key) == (wanted.get(key) or None), (name, key)
                for key, field in (("env", "name"), ("volumeMounts", "mountPath")):
                    assert [each[field] for each in got.get(key, ())] == [each[field] for each in wanted.get(key, ())]
            if "selector" in body["spec"]:
                selector = body["spec"]["selector"]["matchLabels"]
                assert made[body["kind"], name]["spec"]["selector"]["matchLabels"] == selector
                assert selector.items() <= made[body["kind"], name]["spec"]["template"]["metadata"]["labels"].items()
    assert gone >= steps


def test_values_of_secrets_are_written_only_when_asked_for(helm: str) -> None:
    chart = next(chart for chart in CHARTS if chart.name == "registry")
    assert "not-a-secure-key" not in import_chart(chart, helm)[1].text
    assert "not-a-secure-key" in import_chart(chart, helm, with_secret_values=True)[1].text
    assert "not-a-secure-key" not in repr(import_chart(chart, helm, with_secret_values=True)[1])


def test_what_the_program_makes_itself_comes_back_without_selectors() -> None:
    values = load([str(Path(__file__).parent / "template" / "web-shop" / "values.yaml")])
    rendered = ks_universal.template(render(values, "demo", "ns"))
    imported = import_manifests(["-"], stdin=lambda: rendered)
    assert "\n    selector:" not in imported.text
    assert "autoCreateIngress: true" in imported.text
