"""What repeats itself is shown once and counted; what does not is shown."""

from ks_universal.cli.show.folding import RepetitionFold

LOOP = ["nc: bad address 'db'", "waiting for db"]


def fold(lines: list[str]) -> list[str]:
    taken = RepetitionFold()
    return [shown for line in lines for shown in taken.take(line)]


def test_a_loop_is_shown_and_then_only_counted_ever_more_seldom() -> None:
    shown = fold(LOOP * 50)
    assert shown[:8] == LOOP * 4
    assert shown[8:] == [f"... {count} lines like these left out" for count in (8, 16, 32, 64)]


def test_what_comes_after_a_loop_is_shown_after_the_number_of_lines_left_out() -> None:
    assert fold([*LOOP * 6, "connected"])[8:] == ["... 4 lines like these left out", "connected"]


def test_lines_of_which_enough_differ_are_all_shown() -> None:
    lines = [word for number in range(20) for word in ("CREATE TABLE", "", f"table {number}", "COMMIT", "")]
    assert fold(lines) == lines
