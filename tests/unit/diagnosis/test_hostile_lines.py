"""Patterns get what programs write, however long and odd it is: what takes too long is a hang, and the timeout's."""

import re
from base64 import b64encode

import pytest

from ks_universal.diagnosis import diagnose
from ks_universal.diagnosis.diagnosis import LINE_LENGTH
from ks_universal.diagnosis.rules import RULES
from ks_universal.diagnosis.tools import MARKS
from ks_universal.engine.masking import Mask
from ks_universal.targets.kubernetes.observed.issues import find_issue

_REPEATED = (
    *"{'&.:19A", "| ", "exec: ", "A::A ", "=a:", "=a:b@tcp", "a=", "a: ", "://", "://a:", "p=' ", "&#a", "${", " (A::"
)  # fmt: skip
_PATTERNS = (
    *(pattern for rule in RULES for pattern in (*rule.patterns, *rule.vague)),
    *(mark for marks in MARKS.values() for mark in marks),
)
_LONG = 30_000
"""Characters of a value or a line: as many take a minute where the time grows with their square."""

pytestmark = pytest.mark.timeout(30)


def _repeat(text: str, length: int) -> str:
    return (text * (length // len(text) + 1))[:length]


def test_every_rule_passes_over_what_is_repeated_also_its_own_beginning() -> None:
    lines = [_repeat(text, LINE_LENGTH) for text in _REPEATED]
    for pattern in _PATTERNS:
        compiled = re.compile(pattern)
        for line in lines:
            compiled.search(line)
        beginning = re.sub(r"\W+", " ", re.sub(r"\\.|\(\?:|\(\?i:", "", pattern.partition("*")[0]))
        for text in (pattern.partition(".*")[0].replace("\\", ""), beginning):
            compiled.search(_repeat(f"{text} ", LINE_LENGTH))


@pytest.mark.parametrize("text", _REPEATED)
def test_a_log_of_long_lines_is_read(text: str) -> None:
    causes = diagnose([_repeat(text, 1_000_000), "Error: failed:", _repeat(text, 1_000_000), "onnection refused: ", ""])

    assert [cause.code for cause in causes] == ["database/connection-refused"]


@pytest.mark.parametrize("text", ["=a:a", "=a:b@tcp", "://", "{", "'", "\\", " (A::"])
def test_long_values_and_lines_are_masked(text: str) -> None:
    hostile = _repeat(text, _LONG)
    values = {"A_PASSWORD": hostile, "B_PASSWORD": "swordfish1"}
    data = {key: b64encode(value.encode()).decode() for key, value in values.items()}
    mask = Mask([{"kind": "Secret", "data": data}])

    assert "swordfish" not in mask.text(f"{hostile} swordfish1")


def test_a_value_of_blanks_between_lines_is_masked() -> None:
    value = f"token: swordfish1\na:{' ' * _LONG}x\n"
    mask = Mask([{"kind": "Secret", "data": {"file": b64encode(value.encode()).decode()}}])

    assert mask.text("it is swordfish1") == "it is ***"


def test_what_a_runtime_says_of_a_long_command_is_read() -> None:
    state = {"waiting": {"reason": "RunContainerError", "message": _repeat("exec: ", 300_000)}}
    status = {"name": "main", "ready": False, "restartCount": 0, "image": "", "state": state}
    pod = {
        "metadata": {"name": "p"},
        "spec": {"containers": [{"name": "main"}], "nodeName": "n"},
        "status": {"containerStatuses": [status]},
    }
    assert (trouble := find_issue(pod, ())) is not None and trouble.problem.code == "kubernetes/container"
