"""Sends a run as an OpenTelemetry trace: a span for the run, for each step, and for each attempt of a step.

Where to is said by the standard variables (`OTEL_EXPORTER_OTLP_ENDPOINT` and its like); `TRACEPARENT` names a span that
the run is a part of, such as that of a pipeline.
"""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from ks_universal.diagnostics import Problem
from ks_universal.errors import TargetError
from ks_universal.plan.records import Outcome
from ks_universal.run_report.forms import choose_causes
from ks_universal.run_report.timeline import RunTimeline, StepState, TimedStep, TimeSpan

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.trace import Span, Tracer

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")


def wants_traces() -> bool:
    """Tell whether the environment asks for traces."""
    is_off = (
        os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true" or os.environ.get("OTEL_TRACES_EXPORTER") == "none"
    )
    return not is_off and any(os.environ.get(name) for name in _ENDPOINTS)


def send_trace(timeline: RunTimeline, verdict: str) -> None:
    """Send a run. Raises TargetError where it is not taken, or the extra `otel` is not installed."""
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExportResult
        from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
    except ImportError:
        message = "traces are asked for, but OpenTelemetry is not there"
        hint = "install ks-universal with the extra [otel], or unset OTEL_EXPORTER_OTLP_ENDPOINT"
        raise TargetError(Problem("run/traces", message, hint=hint)) from None
    spans = InMemorySpanExporter()
    name = os.environ.get("OTEL_SERVICE_NAME", "ks-universal")
    provider = TracerProvider(resource=Resource.create({"service.name": name}), shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(spans))
    parent = TraceContextTextMapPropagator().extract({"traceparent": os.environ.get("TRACEPARENT", "")})
    _write_run(provider.get_tracer("ks-universal"), timeline, verdict, parent)
    exporter = OTLPSpanExporter()
    taken = exporter.export(spans.get_finished_spans())
    exporter.shutdown()  # type: ignore[no-untyped-call]
    if taken is not SpanExportResult.SUCCESS:
        hint = "see OTEL_EXPORTER_OTLP_ENDPOINT; the run itself is as told above"
        raise TargetError(Problem("run/traces", "the trace of the run was not taken", hint=hint))


def _write_run(tracer: "Tracer", timeline: RunTimeline, verdict: str, parent: "Context") -> None:
    from opentelemetry.trace import set_span_in_context

    began_ns = round(timeline.began.timestamp() * 1e9)
    facts: dict[str, str | int] = {
        "release": timeline.release,
        "revision": timeline.revision or 0,
        "outcome": str(timeline.outcome),
    }
    name = f"run {timeline.release}"
    run = tracer.start_span(name, parent, start_time=began_ns, attributes=_name(facts))
    for step in timeline.steps:
        if step.span is not None:
            _write_step(tracer, step, step.span, set_span_in_context(run), began_ns)
    if timeline.outcome is not Outcome.SUCCEEDED:
        _fail(run, verdict)
    run.end(began_ns + _to_ns(timeline.duration_s))


def _write_step(tracer: "Tracer", step: TimedStep, span: TimeSpan, inside: "Context", began_ns: int) -> None:
    from opentelemetry.trace import set_span_in_context

    facts = {"kind": str(step.kind), "application": step.application or "", "state": str(step.state)}
    written = tracer.start_span(step.id, inside, start_time=began_ns + _to_ns(span.began_s), attributes=_name(facts))
    for wait in step.waits:
        written.add_event(f"waits for {wait.waits_for}", timestamp=began_ns + _to_ns(wait.began_s))
    for each in step.attempts:
        number, code = each.attempt.number, each.attempt.exit_code
        attempt = tracer.start_span(
            f"attempt {number}", set_span_in_context(written), start_time=began_ns + _to_ns(each.began_s)
        )
        if code is not None:
            attempt.set_attribute("process.exit.code", code)
        if code != 0:
            _fail(attempt, each.attempt.reason or "it failed")
        attempt.end(began_ns + _to_ns(each.ended_s))
    if step.state is StepState.FAILED:
        causes = choose_causes(step)
        written.set_attribute("error.type", causes[0].code if causes else "failed")
        _fail(written, causes[0].message if causes else "it failed")
    written.end(began_ns + _to_ns(span.ended_s))


def _name(facts: Mapping[str, str | int]) -> dict[str, str | int]:
    return {f"ks_universal.{name}": value for name, value in facts.items()}


def _fail(span: "Span", why: str) -> None:
    from opentelemetry.trace import StatusCode

    span.set_status(StatusCode.ERROR, why)


def _to_ns(seconds: float) -> int:
    return round(seconds * 1e9)
