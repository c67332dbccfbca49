import pytest

from ks_universal.model.kubernetes.schedules import is_schedule


@pytest.mark.parametrize(
    "text",
    ["* * * * *", "*/5 0-6,22 1 JAN mon-FRI", "0 2 * * 0", "59 23 31 12 6", "? ? ? ? ?", "5/15 * * * *", "@weekly",
     "@every 1h30m", "0 0 31 2 *"],
)  # fmt: skip
def test_what_kubernetes_takes_is_a_schedule(text: str) -> None:
    assert is_schedule(text)


@pytest.mark.parametrize(
    "text",
    ["0 25 * * *", "60 * * * *", "0 0 0 * *", "0 0 * 13 *", "0 0 * * 7", "*/0 * * * *", "0 5-1 * * *", "0 0 * FOO *",
     "0 0 * * JAN", "0,,5 * * * *", "1- * * * *", "* * * *", "* * * * * *", "TZ=UTC 0 0 * * *", "@never", "@every 5",
     "٣ * * * *", f"{'1' * 5000} * * * *", ""],
)  # fmt: skip
def test_what_kubernetes_refuses_is_none(text: str) -> None:
    assert not is_schedule(text)
