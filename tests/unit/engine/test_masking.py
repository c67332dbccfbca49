from base64 import b64encode, urlsafe_b64encode
from datetime import UTC, datetime
from typing import Any

import pytest

from ks_universal.diagnostics import Problem
from ks_universal.engine.events import AttemptEnded, Event, LogWritten, StepFailed, StepStarted, Waited
from ks_universal.engine.masking import Mask
from ks_universal.plan.records import Attempt, Outcome

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
        ("first line\nsecond line", "it says: second line", "it says: ***"),
        ("p@ss/wörd", "postgres://u:p%40ss%2Fw%C3%B6rd@db", "postgres://u:***@db"),
        ("hunter22", f"echoed {b64encode(b'hunter22' + NEWLINE).decode()}", "echoed ***"),
        ("x" * 60 + "hunter22", b64encode(b"x" * 60 + b"hunter22").decode()[:76], "***"),
        ("x" * 60 + "hunter22", b64encode(b"x" * 60 + b"hunter22").decode()[76:], "***"),
        ("hunter22?>", f"Authorization: Basic {b64encode(b'me:hunter22?>').decode()}", "Authorization: Basic bWU6***"),
        ("hunter22?>", f"Basic {b64encode(b'you:hunter22?>').decode()}", "Basic eW91Om***"),
        ("hunter22", f"{b64encode(b'you:hunter22@db').decode()}", "eW91Om***QGRi"),
        ("hunter22?>", f"for URLs {urlsafe_b64encode(b'hunter22?>').decode()}", "for URLs ***"),
        ("p@ss/word", "s3://bucket/p%40ss/word", "s3://bucket/***"),
        ("hunter22", "\x1b[1mhunt\x1b[0mer\x1b[36m22\x1b[0m is it", "*** is it"),
        ("hunter22", "\x1b[1mhunter22\x1b[0m in \x1b[36mbold\x1b[0m", "\x1b[1m***\x1b[0m in \x1b[36mbold\x1b[0m"),
        ("abc", "abc is too short to hide", "abc is too short to hide"),
        ("a.c+", "a.c+ abcc", "*** abcc"),
        ("pässwörd", "pässwörd", "***"),
    ],
)
def test_a_value_is_masked_in_every_form(value: str, line: str, masked: str) -> None:
    assert Mask([secret(key=value)]).text(line) == masked


def test_the_longest_value_wins_so_that_no_rest_stays() -> None:
    assert Mask([secret(a="word", b="wordplay")]).text("wordplay word") == "*** ***"


def test_values_written_as_plain_text_are_masked_too() -> None:
    body = {"kind": "Secret", "metadata": {"name": "s"}, "stringData": {"key": "hunter22"}}
    assert Mask([body]).text(f"hunter22 {b64encode(b'hunter22').decode()}") == "*** ***"


def test_what_is_no_text_is_masked_in_base64() -> None:
    encoded = b64encode(b"\xff\xfe\xfd\xfc\xfb").decode()
    body = {"kind": "Secret", "metadata": {"name": "s"}, "data": {"key": encoded}}
    assert Mask([body]).text(f"x {encoded}") == "x ***"


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
    event = StepStarted(step="hunter22", kind="apply")
    assert Mask([secret(key="hunter22")]).event(event) is event
