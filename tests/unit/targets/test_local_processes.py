import asyncio

import pytest

from ks_universal.engine.log_lines import MAX_LINE_BYTES, decode_line
from ks_universal.engine.masking import Mask
from ks_universal.targets.local.processes.processes import read_lines

SECRET = {"kind": "Secret", "metadata": {"name": "s"}, "stringData": {"PASSWORD": "pässwörd-42"}}


def read(*chunks: bytes) -> list[str]:
    async def main() -> list[str]:
        output = asyncio.StreamReader()
        for chunk in chunks:
            output.feed_data(chunk)
        output.feed_eof()
        return [line async for line in read_lines(output)]

    return asyncio.run(main())


def test_lines_come_whole_whatever_they_come_in() -> None:
    assert read(b"one\ntw", b"o\r\n", b"three") == ["one", "two", "three"]


def test_of_an_endless_line_nothing_is_lost() -> None:
    text = "".join(f"{number:06d}ö" for number in range(40_000))
    pieces = read(f"{text}\nnext\n".encode())
    assert pieces[-1] == "next"
    assert "".join(piece.strip("…") for piece in pieces[:-1]) == text
    assert max(len(piece.encode()) for piece in pieces) <= MAX_LINE_BYTES


@pytest.mark.parametrize("before", range(MAX_LINE_BYTES - 18, MAX_LINE_BYTES + 2))
def test_no_leaks_a_value_is_masked_where_a_line_is_cut_in_its_middle(before: int) -> None:
    line = ("x" * before + "pässwörd-42" + "y" * 100).encode()
    mask = Mask([SECRET])
    told = "".join(mask.text(piece).strip("…") for piece in read(line))
    assert told.replace("***", "").strip("xy") in ("", "p", "pä", "päs", "-42", "42", "2")
    assert "päss" not in mask.text(decode_line(line))
