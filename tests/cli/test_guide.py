"""Every example of the guide to migrations (tests/data/guide.md) works as its reader expects."""

import re
import textwrap
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.shell import Invoke, Write

GUIDE = (Path(__file__).parents[1] / "data" / "guide.md").read_text()
EXAMPLES = [textwrap.dedent(block) for block in re.findall(r"^```yaml\n(.*?)^```", GUIDE, re.DOTALL | re.MULTILINE)]


def complete(example: str) -> dict[str, Any]:
    """Complete an excerpt: `migrations:` alone belongs to a deployment, and a deployment has a container."""
    values = yaml.safe_load(example)
    if "migrations" in values:
        values = {"deployments": {"my-app": values}}
    container = {"image": "my-app", "imageTag": "v1.0.0"}
    values["deployments"]["my-app"].setdefault("containers", {"main": container})
    return dict(values)


def test_the_guide_has_its_eight_examples() -> None:
    assert len(EXAMPLES) == 8


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_has_no_errors(ksu: Invoke, write: Write, example: str) -> None:
    write({"values.yaml": complete(example)})
    result = ksu("validate", "-f", "values.yaml")
    assert result.status == 0, result.err


@pytest.mark.parametrize("flavor", ["plain", "helm", "argocd"])
@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_gives_a_job_before_its_deployment(ksu: Invoke, write: Write, example: str, flavor: str) -> None:
    values = complete(example)
    write({"values.yaml": values})
    bodies = list(yaml.safe_load_all(ksu("template", "shop", "-f", "values.yaml", "--flavor", flavor).out))
    kinds = [body["kind"] for body in bodies]
    assert kinds.index("Job") < kinds.index("Deployment")
    migrations = values["deployments"]["my-app"]["migrations"]
    steps = migrations.get("steps", [migrations])
    jobs = [body for body in bodies if body["kind"] == "Job"]
    assert [job["spec"]["template"]["spec"]["containers"][0]["args"] for job in jobs] == [s["args"] for s in steps]
    assert [job["spec"]["backoffLimit"] for job in jobs] == [s.get("backoffLimit", job_default(jobs)) for s in steps]


def job_default(jobs: list[dict[str, Any]]) -> int:
    return int(jobs[0]["spec"]["backoffLimit"])


def test_the_job_has_the_name_that_the_guide_reads_logs_from(ksu: Invoke, write: Write) -> None:
    write({"values.yaml": complete(EXAMPLES[0])})
    assert "job/my-app-migrations" in GUIDE
    assert ksu("template", "shop", "-f", "values.yaml", "--show", "job/my-app-migrations").status == 0
