import pytest

from ks_universal.model.kubernetes.durations import parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"), [("300", 300), ("90s", 90), ("10m", 600), ("1h30m", 5400), ("1h", 3600), ("0", 0)]
)
def test_durations_are_seconds(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "soon", "-5", "1.5h", "10 m", "5m1h", "9" * 30, "٣"])
def test_what_is_no_duration(text: str) -> None:
    assert parse_duration(text) is None
