"""Characters that readers of YAML refuse or misread, in what is sent to the API server."""

from pathlib import Path

import pytest

from ks_universal.engine.events import LogWritten
from ks_universal.plan.records import Outcome
from support.deploying import deploy, kubectl

NAMED = {"DEL": 0x7F, "C1": 0x80, "NEL": 0x85, "line separator": 0x2028, "mark": 0xFEFF, "U+FFFE": 0xFFFE}
SERVE = "trap 'exit 0' TERM; sleep 600 & wait"


@pytest.mark.parametrize("exit_code", [0, 1])
def test_a_character_in_a_log_decides_nothing_about_a_release(namespace: str, tmp_path: Path, exit_code: int) -> None:
    octal = "".join(f"\\\\{byte:03o}" for code in NAMED.values() for byte in chr(code).encode())
    values = f"""
deployments:
  app:
    replicas: 1
    migrations: {{enabled: true, backoffLimit: 0, command: [sh, -c, "printf 'a{octal}b\\\\n'; exit {exit_code}"]}}
    containers: {{main: {{image: busybox, imageTag: local, command: [sh, -c, "{SERVE}"]}}}}
"""
    revision, events = deploy(namespace, values, tmp_path)
    (line,) = (event.line for event in events.of(LogWritten))
    assert (line[0], chr(0x2028) in line, "\\" in line, line[-1]) == ("a", True, False, "b")
    assert revision.outcome is (Outcome.MIGRATION_FAILED if exit_code else Outcome.SUCCEEDED)


@pytest.mark.parametrize("name", NAMED)
def test_a_character_of_the_values_arrives_as_it_is(namespace: str, tmp_path: Path, name: str) -> None:
    escaped = f"a\\u{NAMED[name]:04x}b"
    values = f"""
configs: {{c: {{data: {{TEXT: "{escaped}"}}, annotations: {{note: "{escaped}"}}}}}}
deployments:
  app:
    replicas: 1
    containers:
      main:
        image: busybox
        imageTag: local
        command: [sh, -c, "{SERVE}"]
        env: [{{name: TEXT, value: "{escaped}"}}]
"""
    revision, _ = deploy(namespace, values, tmp_path)
    assert revision.outcome is Outcome.SUCCEEDED
    assert kubectl(namespace, "get", "configmap", "c", "-o", "jsonpath={.data.TEXT}") == f"a{chr(NAMED[name])}b"
    assert deploy(namespace, values, tmp_path)[0].outcome is Outcome.SUCCEEDED
