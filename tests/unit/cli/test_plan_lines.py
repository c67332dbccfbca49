"""What `plan` and `deploy` show of a plan."""

import json

import msgspec
import pytest

from ks_universal.cli.show.event_view import JsonView, TextView
from ks_universal.cli.show.plan_lines import format_plan
from ks_universal.diagnostics import Position, Problem, Severity
from ks_universal.engine.events import RunStarted
from ks_universal.plan.build import build_plan
from ks_universal.plan.changes import Change, ObjectChange
from ks_universal.plan.records import State
from ks_universal.plan.saved import Preview, build_preview, describe_plan
from ks_universal.resources.objects import ObjectRef
from support.releases import app, release

WARNING = Problem(
    "plan/open-gate", "it stays open", where=Position("values-\udcff.yaml", 3, 5), severity=Severity.WARNING
)


def build(*problems: Problem) -> Preview:
    plan = build_plan(release(web=app("one")), State())
    return build_preview(plan, State(), (), problems, migrate="auto", force=False)


def test_what_was_found_is_shown_with_the_plan_and_not_once_more_when_it_begins(
    capfd: pytest.CaptureFixture[str],
) -> None:
    preview, view = build(WARNING), TextView()
    view.show_plan(preview, format_plan(preview))
    assert capfd.readouterr().err.startswith("warning[plan/open-gate]")
    view(RunStarted(release="demo", revision=1, steps=(), plan=("the plan",), warnings=(WARNING,)))
    after = capfd.readouterr()
    assert "open-gate" not in after.err + after.out


def test_a_plan_in_json_has_findings_as_validate_writes_them_and_can_be_read_again(
    capfd: pytest.CaptureFixture[str],
) -> None:
    preview = build(WARNING)
    JsonView().show_plan(preview, ())
    shown = json.loads(capfd.readouterr().out)
    assert shown["problems"] == [
        {
            "code": "plan/open-gate",
            "severity": "warning",
            "message": "it stays open",
            "where": {"file": "values-\\udcff.yaml", "line": 3, "column": 5},
            "hint": None,
        }
    ]
    saved = msgspec.json.decode(msgspec.json.encode(describe_plan(preview)), type=Preview)
    assert (saved.digest, saved.problems[0].code) == (preview.digest, "plan/open-gate")


def test_a_configuration_that_restarts_nothing_is_a_line_of_the_plan_and_a_note_in_json() -> None:
    note = "web reads ConfigMap/cfg as files and is not restarted (restartOnConfigChange: always restarts it)"
    preview = msgspec.structs.replace(build(), notes=(note,))
    assert list(format_plan(preview)).count(f"  . {note}") == 1
    assert list(describe_plan(preview)["notes"]) == [note]


def test_what_the_server_refuses_is_listed_and_counted_as_what_it_was_to_be() -> None:
    new, old = (ObjectRef("ConfigMap", "ns", name) for name in ("new", "old"))
    refused = (
        ObjectChange(identity=new, change=Change.CREATED, refused=True),
        ObjectChange(identity=old, change=Change.CHANGED, refused=True),
    )
    lines = list(format_plan(msgspec.structs.replace(build(), changes=refused)))
    assert lines[1:3] == ["  + ConfigMap/new (refused)", "  ~ ConfigMap/old (refused)"]
    assert lines[-1].startswith("1 to create, 1 to change, 0 to delete, 0 unchanged")
