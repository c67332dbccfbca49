"""What is told of a run beside the terminal: `--report FILE`, a step summary, a webhook, an OpenTelemetry trace."""

import json
import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from ks_universal import (
    LogWritten,
    RunRecorder,
    RunStarted,
    StepKind,
    StepStarted,
    StepState,
    Waited,
    write_run_markdown,
    write_run_page,
)
from support.fake_api_server import FakeApiServer, Program
from support.shell import Invoke, Write

VALUES = """
configs:
  db: {type: secret, data: {PASSWORD: correct-horse}}
deployments:
  app:
    migrations: {enabled: true, args: [migrate], backoffLimit: 1}
    containers:
      main: {image: app, imageTag: v1, envFrom: [{type: secret, configName: db}]}
"""
SAID = 'ERROR: relation "<script>alert(1)</script>" does not exist, | ``` correct-horse'


@pytest.fixture(autouse=True)
def release(api_server: FakeApiServer, monkeypatch: pytest.MonkeyPatch, write: Write) -> None:
    monkeypatch.setenv("KUBECONFIG", str(api_server.kubeconfig))
    write({"values.yaml": VALUES})


def deploy(ksu: Invoke, *options: str) -> int:
    return ksu("deploy", "shop", "-f", "values.yaml", *options).status


def test_a_failed_deploy_is_told_with_its_causes_first_and_without_its_secrets(
    ksu: Invoke, api_server: FakeApiServer
) -> None:
    api_server.kubelet.run("app-migrations", *[Program((SAID,), 1), Program(("again",), 1)] * 3)
    for ending in ("html", "md", "json"):
        assert deploy(ksu, "--report", f"run.{ending}") == 3
        text = Path(f"run.{ending}").read_text()
        assert "correct-horse" not in text
        assert "database/does-not-exist" in text
        assert "a migration failed" in text
    page = Path("run.html").read_text()
    assert "<script" not in page
    assert page.index("What went wrong") < page.index("<h2>Steps")
    assert 'id="step-app/migrations" open' in page
    report = json.loads(Path("run.json").read_text())
    (step, *_) = (step for step in report["steps"] if step["kind"] == "migrate")
    assert [each["attempt"]["exit_code"] for each in step["attempts"]] == [1, 1]
    assert step["span"]["began_s"] <= step["attempts"][0]["began_s"] <= step["attempts"][1]["ended_s"]
    assert {each["because"] for each in report["steps"] if each["state"] == "not-started"} == {"app/migrations"}
    # The log is a block of code whose fence nothing in it ends.
    markdown = Path("run.md").read_text()
    assert re.search(r"^(`{4,})\n(?:(?!\1).*\n)*.*``` \*\*\*\n(?:.*\n)*?\1$", markdown, re.MULTILINE)
    assert "<script" not in markdown.split("<details>")[0]


def test_a_deploy_that_succeeds_and_one_that_cannot_begin_are_told_too(ksu: Invoke, api_server: FakeApiServer) -> None:
    api_server.kubelet.run("app-migrations", Program(("done",), 0))
    assert deploy(ksu, "--report", "run.md") == 0
    assert Path("run.md").read_text().startswith("## shop, revision 1: is up (after ")
    assert "| :white_check_mark: | `app/migrations` | succeeded |" in Path("run.md").read_text()
    assert ksu("uninstall", "shop", "--yes", "--report", "gone.json").status == 0
    assert "is removed" in json.loads(Path("gone.json").read_text())["verdict"]
    assert deploy(ksu, "--report", "none.json", "-n", "no-such-namespace") == 1
    report = json.loads(Path("none.json").read_text())
    assert report["verdict"] == "shop: did not begin; nothing was changed"
    assert report["problems"][0]["code"] == "kubernetes/namespace-missing"


def test_githubs_summary_keeps_what_is_in_it(
    ksu: Invoke, api_server: FakeApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    summary = tmp_path / "step_summary_4711"
    summary.write_text("# Build\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    api_server.kubelet.run("app-migrations", Program(("done",), 0))
    assert deploy(ksu, "--report", str(summary)) == 0
    assert summary.read_text().startswith("# Build\n## shop, revision 1: is up")


@pytest.mark.parametrize("name", ["run.pdf", "run", "no-such-folder/run.html"])
def test_a_report_that_cannot_be_written_is_told_before_anything_runs(
    name: str, ksu: Invoke, api_server: FakeApiServer
) -> None:
    assert deploy(ksu, "--report", name) == 2
    assert not api_server.requests


def test_a_long_log_keeps_its_beginning_and_end_and_a_run_that_was_cut_short_its_steps() -> None:
    now = datetime(2026, 11, 28, tzinfo=UTC)
    recorder = RunRecorder(lambda: now)
    recorder(RunStarted(release="shop", revision=2, steps=("app/migrations",)))
    recorder(StepStarted(step="app/migrations", kind=StepKind.MIGRATE, application="app"))
    now += timedelta(seconds=1)
    recorder(Waited(step="app/migrations", waits_for="its pod"))
    now += timedelta(seconds=2)
    for number in range(2000):
        recorder(LogWritten(source="app/migrations", line=f"line {number}"))
    timeline = recorder.gather("shop")
    (step,) = timeline.steps
    assert (step.state, step.log[0], step.log[-1], step.log_omitted) == (
        StepState.UNFINISHED, "line 0", "line 1999", 1500,
    )  # fmt: skip
    assert [(wait.began_s, wait.ended_s) for wait in step.waits] == [(1.0, 3.0)]
    assert "1500 lines in the middle are left out" in write_run_page(timeline, "shop: was stopped")
    assert "| :stop_sign: | `app/migrations` | unfinished | 3 s |" in write_run_markdown(timeline, "shop: was stopped")


class Listener:
    """An HTTP server that keeps what is posted to it, and answers with `status`."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.status = 200
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._make_handler())
        Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    def _make_handler(self) -> type[BaseHTTPRequestHandler]:
        listener = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                listener.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(listener.status)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        return Handler


@pytest.fixture
def listener() -> Iterator[Listener]:
    listener = Listener()
    yield listener
    listener.server.shutdown()
    listener.server.server_close()


def test_a_chat_is_told_the_verdict_and_the_cause_and_its_address_appears_nowhere(
    ksu: Invoke, api_server: FakeApiServer, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    api_server.kubelet.run("app-migrations", *[Program((SAID,), 1)] * 2, Program(("done",), 0))
    monkeypatch.setenv("KSU_WEBHOOK", f"{listener.url}/T0/B0/token")
    assert deploy(ksu) == 3
    (text,) = (json.loads(body)["text"] for body in listener.bodies)
    assert text.startswith(":x: *shop, revision 1: a migration failed")
    assert "app/migrations: `database/does-not-exist`" in text
    assert "&lt;script&gt;" in text
    assert "correct-horse" not in text
    listener.status = 404
    told = ksu("deploy", "shop", "-f", "values.yaml")
    assert told.status == 0
    assert "error[run/webhook]: the webhook did not take the message: it answers with status 404" in told.err
    monkeypatch.setenv("KSU_WEBHOOK", "http://127.0.0.1:1/token")
    refused = ksu("uninstall", "shop", "--yes")
    assert refused.status == 0
    assert "the webhook did not take the message: ConnectError" in refused.err
    assert "token" not in told.out + told.err + refused.out + refused.err


def test_a_run_is_a_trace_within_that_of_its_pipeline(
    ksu: Invoke, api_server: FakeApiServer, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    api_server.kubelet.run("app-migrations", Program(("no",), 1), Program(("done",), 0))
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", listener.url)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "none")
    monkeypatch.setenv("TRACEPARENT", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
    assert deploy(ksu) == 0
    (body,) = listener.bodies
    request = ExportTraceServiceRequest.FromString(body)
    spans = {span.name: span for scope in request.resource_spans[0].scope_spans for span in scope.spans}
    run, migration = spans["run shop"], spans["app/migrations"]
    assert run.trace_id.hex() == "0af7651916cd43dd8448eb211c80319c"
    assert run.parent_span_id.hex() == "b7ad6b7169203331"
    assert migration.parent_span_id == run.span_id
    assert [spans[f"attempt {number}"].parent_span_id for number in (1, 2)] == [migration.span_id] * 2
    assert run.start_time_unix_nano <= migration.start_time_unix_nano < migration.end_time_unix_nano
    assert spans["attempt 1"].status.code == spans["attempt 1"].status.STATUS_CODE_ERROR


def test_without_opentelemetry_the_run_goes_on_and_it_is_told(
    ksu: Invoke, api_server: FakeApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    api_server.kubelet.run("app-migrations", Program(("done",), 0))
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    told = ksu("deploy", "shop", "-f", "values.yaml")
    assert told.status == 0
    assert "error[run/traces]: traces are asked for, but OpenTelemetry is not there" in told.err
