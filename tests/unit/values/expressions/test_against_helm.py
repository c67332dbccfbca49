import json
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from ks_universal.values.expressions.expand import Expanded
from ks_universal.values.expressions.functions import FUNCTIONS, LAZY
from support.expression_cases import CASES, VALUES

_CHART = "apiVersion: v2\nname: ks-universal\nversion: 0.1.0\n"
_TEMPLATE = "results:\n{{- range .Values.cases }}\n- {{ tpl . $ | toJson }}\n{{- end }}\n"


@pytest.mark.parametrize(("text", "result"), CASES)
def test_an_expression_gives_what_the_table_says(text: str, result: str, expand: Callable[..., Expanded]) -> None:
    expanded = expand(text, VALUES, always=True)

    assert (expanded.errors, expanded.text) == ((), result)


def test_helm_gives_what_the_table_says(helm: str, tmp_path: Path) -> None:
    assert _render(helm, tmp_path) == [result for _, result in CASES]


def test_the_table_has_every_function_but_the_twins() -> None:
    used = set(re.findall(r"\w+", " ".join(text for text, _ in CASES)))

    assert {name for name in (*FUNCTIONS, *LAZY) if not name.startswith("must")} - used == {"ago", "now"}


def _render(helm: str, chart: Path) -> list[str]:
    (chart / "templates").mkdir()
    (chart / "Chart.yaml").write_text(_CHART)
    (chart / "values.yaml").write_text(VALUES)
    (chart / "cases.json").write_text(json.dumps({"cases": [text for text, _ in CASES]}))
    (chart / "templates/results.yaml").write_text(_TEMPLATE)
    command = [helm, "template", "my-release", str(chart), "-n", "my-namespace", "-f", str(chart / "cases.json")]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "TZ": "UTC"}, check=False)
    assert done.returncode == 0, done.stderr
    return [json.loads(line[2:]) for line in done.stdout.splitlines() if line.startswith("- ")]
