"""What a terminal gets of other programs' words."""

import pytest

from ks_universal.controls import keep_colours, remove_controls


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("plain, with ü and a\ttab\nand a second line\n", None),
        ("\x1b[1;31mred\x1b[0m", None),
        ("\x1b[2J\x1b[Hcleared \x1b[?25lhidden", "cleared hidden"),
        ("\x1b]0;a title\x07text", "text"),
        ("\x1b]8;;https://example.com\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("bell\x07, other letters\x0e\x1b(0, \x9b31m", "bell, other letters, 31m"),
        ("10 %\r55 %\r100 %\r\nnext", "100 %\nnext"),
        ("  | 10 %\r100 %\n    | 1\r2", "  | 100 %\n    | 2"),
        ("ends in \x1b", "ends in "),
        ("my-app/migrations | 10 %\r100 %", "my-app/migrations | 100 %"),
    ],
)
def test_only_text_and_colours_reach_a_terminal(said: str, shown: str | None) -> None:
    assert keep_colours(said) == (said if shown is None else shown)


def test_where_only_words_count_colours_go_too() -> None:
    assert remove_controls("sword\x1b[1;31mfish\x1b[0m\tand \x07more") == "swordfish\tand more"
