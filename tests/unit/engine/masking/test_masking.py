import time
from base64 import b64encode, urlsafe_b64encode
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from ks_universal.cli.show.plan_lines import format_plan
from ks_universal.diagnostics import Problem
from ks_universal.engine.events import AttemptEnded, Event, LogWritten, StepFailed, StepKind, StepStarted, Waited
from ks_universal.engine.masking import Mask, build_mask
from ks_universal.json_types import Json
from ks_universal.plan.changes import compare_objects
from ks_universal.plan.records import Attempt, Outcome, State
from ks_universal.plan.saved import build_preview, describe_plan
from ks_universal.plan.steps import Plan
from ks_universal.resources.objects import ObjectRef, Rendered, Resource

NEWLINE = b"\n"


def secret(**values: str) -> dict[str, Any]:
    data = {key: b64encode(value.encode()).decode() for key, value in values.items()}
    return {"kind": "Secret", "metadata": {"name": "s"}, "data": data}


@pytest.mark.parametrize(
    ("value", "line", "masked"),
    [
        ("hunter22", "password is hunter22!", "password is ***!"),
        ("hunter22", "postgres://u:hunter22@db", "postgres://u:***@db"),
        ("hunter22", f"encoded {b64encode(b'hunter22').decode()}", "encoded ***"),
        ("hunter22\n", "read hunter22", "read ***"),
        ('a"b\\c', r'{"p": "a\"b\\c"}', '{"p": "***"}'),
        ("1st line of it\n2nd line of it", "it says: 2nd line of it", "it says: ***"),
        ("p@ss/wörd", "postgres://u:p%40ss%2Fw%C3%B6rd@db", "postgres://u:***@db"),
        ("hunter22", f"echoed {b64encode(b'hunter22' + NEWLINE).decode()}", "echoed ***"),
        ("x" * 60 + "hunter22", b64encode(b"x" * 60 + b"hunter22").decode()[:76], "***"),
        ("x" * 60 + "hunter22", b64encode(b"x" * 60 + b"hunter22").decode()[76:], "***"),
        ("hunter22?>", f"Authorization: Basic {b64encode(b'me:hunter22?>').decode()}", "Authorization: Basic bWU6***"),
        ("hunter22?>", f"Basic {b64encode(b'you:hunter22?>').decode()}", "Basic eW91Om***"),
        ("hunter22", f"{b64encode(b'you:hunter22@db').decode()}", "eW91Om***QGRi"),
        ("hunter22?>", f"for URLs {urlsafe_b64encode(b'hunter22?>').decode()}", "for URLs ***"),
        ("p@ss/word", "s3://bucket/p%40ss/word", "s3://bucket/***"),
        ("hunter22", "\x1b[1mhunt\x1b[0mer\x1b[36m22\x1b[0m is it", "\x1b[1m***\x1b[0m is it"),
        ("hunter22", "\x1b[1mhunter22\x1b[0m in \x1b[36mbold\x1b[0m", "\x1b[1m***\x1b[0m in \x1b[36mbold\x1b[0m"),
        ("abc", "abc is too short to hide", "abc is too short to hide"),
        ("a.c+", "a.c+ abcc", "*** abcc"),
        ("pässwörd", "pässwörd", "***"),
    ],
)
def test_a_value_is_masked_in_every_form(value: str, line: str, masked: str) -> None:
    assert Mask([secret(key=value)]).text(line) == masked


def test_the_longest_value_wins_so_that_no_rest_stays() -> None:
    assert Mask([secret(a="w0rd", b="w0rdplay")]).text("w0rdplay w0rd") == "*** ***"


def test_values_written_as_plain_text_are_masked_too() -> None:
    body = {"kind": "Secret", "metadata": {"name": "s"}, "stringData": {"key": "hunter22"}}
    assert Mask([body]).text(f"hunter22 {b64encode(b'hunter22').decode()}") == "*** ***"


def test_what_is_no_text_is_masked_in_base64() -> None:
    encoded = b64encode(b"\xff\xfe\xfd\xfc\xfb").decode()
    body = {"kind": "Secret", "metadata": {"name": "s"}, "data": {"key": encoded}}
    assert Mask([body]).text(f"x {encoded}") == "x ***"


def test_a_key_without_a_value_is_no_secret() -> None:
    body = {
        "kind": "Secret",
        "metadata": {"name": "s"},
        "data": {"empty": None, "key": b64encode(b"hunter22").decode()},
    }
    assert Mask([body]).text("None hunter22") == "None ***"


@pytest.mark.parametrize("bodies", [[], [{"kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"k": "hunter22"}}]])
def test_without_secrets_nothing_is_masked(bodies: list[dict[str, Any]]) -> None:
    assert Mask(bodies).text("hunter22") == "hunter22"


CAUSE = Problem("x/y", "said hunter22", hint="not hunter22")
ATTEMPT = Attempt(
    number=1,
    started=datetime(2026, 1, 1, tzinfo=UTC),
    duration_s=1,
    exit_code=1,
    reason="hunter22",
    causes=(CAUSE,),
    log_tail=("a hunter22",),
)


@pytest.mark.parametrize(
    "event",
    [
        LogWritten(source="s", line="hunter22"),
        Waited(step="s", waits_for="hunter22"),
        AttemptEnded(step="s", attempt=ATTEMPT),
        StepFailed(step="s", causes=(CAUSE,), outcome=Outcome.FAILED),
    ],
)
def test_events_that_carry_words_of_others_are_masked(event: Event) -> None:
    heard: list[Event] = []
    Mask([secret(key="hunter22")]).wrap(heard.append)(event)
    assert type(heard[0]) is type(event)
    assert "***" in repr(heard)
    assert "hunter22" not in repr(heard)


def test_other_events_stay_as_they_are() -> None:
    event = StepStarted(step="hunter22", kind=StepKind("apply"))
    assert Mask([secret(key="hunter22")]).event(event) is event


LONG = "".join(f"{number * 7919 % 100_003:05d}k" for number in range(400))


@pytest.mark.parametrize(
    ("line", "masked"),
    [
        ("it ends with hunter…", "it ends with ***…"),
        ("it ends with hunt …", "it ends with *** …"),
        ("…ter22 begins it", "…*** begins it"),
        ("… nter22 begins it…", "… *** begins it…"),
        ("as JSON p\\u00e4ss\\u…", "as JSON ***\\u…"),
        ("…0e4sswörd, the rest of JSON", "…0e4***, the rest of JSON"),
        ("as a URL u:p%C3%A4ssw…", "as a URL u:***…"),
        ("no value ends here…", "no value ends here…"),
        (f"a long one: {LONG[:30]}…", "a long one: ***…"),
        (f"…{LONG[-30:]} was long", "…*** was long"),
    ],
)
def test_no_leaks_a_value_that_was_cut_is_masked(line: str, masked: str) -> None:
    assert Mask([secret(key="hunter22", password="pässwörd", token=LONG)]).text(line) == masked


@pytest.mark.parametrize("line", ["… foo hunter " * 5000, "hunter …" * 8000, " " * 64_000 + "…", "hunter22 " * 7000])
def test_a_line_of_many_cuts_or_values_holds_nothing_up(line: str) -> None:
    mask = Mask([secret(key="hunter22")])
    began_s = time.process_time()
    mask.text(line)
    assert time.process_time() - began_s < 1.5


@pytest.mark.parametrize("start", [0, 17, 1000, 2400 - 48])
def test_no_leaks_a_piece_of_a_long_value_is_masked(start: int) -> None:
    piece = LONG[start : start + 48]
    assert Mask([secret(token=LONG)]).text(f"x {piece} y") == "x *** y"


@pytest.mark.parametrize("before", ["", "x", "xy"])
def test_no_leaks_a_piece_is_masked_wherever_it_begins_in_the_value_and_the_line(before: str) -> None:
    mask = Mask([secret(token=LONG)])
    starts = range(len(LONG) - 48 + 1)
    assert {mask.text(f"{before} {LONG[start : start + 48]}") for start in starts} == {f"{before} ***"}


@pytest.mark.parametrize("width", [64, 76, 100])
def test_no_leaks_no_line_of_a_wrapped_value_is_left(width: int) -> None:
    encoded = b64encode(LONG.encode() + NEWLINE).decode()
    mask = Mask([secret(token=LONG)])
    lines = [encoded[start : start + width] for start in range(0, len(encoded), width)]
    assert {mask.text(line) for line in lines[:-1]} == {"***"}
    assert width == 100 or mask.text(lines[-1]) in ("***", "Cg==")
    assert [mask.text(LONG[start : start + width]) for start in range(0, 2000, width)] == ["***"] * len(
        range(0, 2000, width)
    )


def test_what_repeats_itself_is_masked_in_little_time() -> None:
    mask = Mask([secret(token="x" * 100_000 + "end7"), *(secret(token="ab" * 500 + f"{n}endofit") for n in range(300))])
    assert mask.text("x" * 50_000 + "end7") == "***"
    assert mask.text("it is " + "ab" * 500 + "299endofit") == "it is ***"


def test_pieces_that_are_too_short_of_what_repeats_itself_are_told_in_little_time() -> None:
    value = LONG[:1000] * 100
    line = "".join(value[start : start + 47] + "!" for start in range(0, 64_000, 47))
    mask = Mask([secret(token=value)])
    began_s = time.process_time()
    assert mask.text(line) == line
    assert time.process_time() - began_s < 2.5


def preview(old: Json, new: Json, *secrets: Json) -> str:
    bodies = [body | {"metadata": {"name": "o", **body.get("metadata", {})}} for body in (old, new)]
    change = compare_objects(ObjectRef("ConfigMap", "ns", "o"), *bodies)
    assert change.change == "changed"
    state = State(objects={ObjectRef("Secret", "ns", "old"): secrets[0]})
    plan = Plan(release="demo", namespace="ns", revision=2, steps=())
    shown = build_preview(plan, state, (change,), (), migrate="auto", force=False)
    masked = build_mask(Rendered("demo", "ns", tuple(map(Resource, secrets)), ()), state, plan).preview(shown)
    return msgspec.json.encode(describe_plan(masked)).decode() + "\n".join(format_plan(masked))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"data": {"URL": "postgres://u:Zq55secretvalue1@h"}}, {"data": {"URL": "postgres://u:Zq55secretvalue2@h"}}),
        (
            {"spec": {"env": [{"name": "A", "value": "Zq55secretvalue1"}]}},
            {"spec": {"env": [{"name": "A", "value": "x"}]}},
        ),
        ({"spec": {"env": []}}, {"spec": {"env": [{"name": "A", "value": "Zq55secretvalue2"}]}}),
        ({"spec": {}}, {"spec": {"command": ["a", {"b": "-pZq55secretvalue2"}]}}),
        (
            {"metadata": {"annotations": {"a": "Zq55secretvalue1"}}},
            {"metadata": {"annotations": {"a": "Zq55secretvalue2"}}},
        ),
        ({"data": {"conf": "p: Zq55secretvalue1\n"}}, {"data": {"conf": '{"p":"Zq55secretvalue2"}'}}),
        ({"data": {"conf": "WnE1NXNlY3JldHZhbHVlMQ=="}}, {"data": {"conf": "other"}}),
    ],
)
def test_no_leaks_the_changes_of_a_plan_show_no_value_of_a_secret_wherever_it_stands(old: Json, new: Json) -> None:
    shown = preview(old, new, secret(key="Zq55secretvalue1"), secret(key="Zq55secretvalue2"))
    assert "***" in shown
    assert "Zq55" not in shown
    assert "WnE1NX" not in shown


def test_a_change_that_is_masked_is_still_seen() -> None:
    urls = [{"data": {"URL": f"postgres://u:Zq55secretvalue{number}@h"}} for number in (1, 2)]
    shown = preview(*urls, secret(key="Zq55secretvalue1"), secret(key="Zq55secretvalue2"))
    assert "~ data.URL: postgres://u:***@h -> postgres://u:***@h (changed)" in shown


def test_changes_without_a_secret_are_shown_as_they_are() -> None:
    shown = preview({"data": {"LEVEL": "info", "PORT": "5432"}}, {"data": {"LEVEL": "debug"}}, secret(LEVEL="debug"))
    assert "~ data.LEVEL: info -> debug" in shown
    assert "- data.PORT: 5432" in shown
