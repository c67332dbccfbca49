"""What is taken of a line of a log: all of it, up to a length that no line of people has."""

from ks_universal.engine.masking import CUT

MAX_LINE_BYTES = 64 * 1024


def cut_line(line: bytes, length: int) -> bytes:
    """Cut a line between two characters of UTF-8."""
    while 0 < length < len(line) and line[length] & 0xC0 == 0x80:
        length -= 1
    return line[:length]


def decode_line(line: bytes) -> str:
    """Make text of a line of output, cut at MAX_LINE_BYTES and marked there."""
    kept = line if len(line) <= MAX_LINE_BYTES else cut_line(line, MAX_LINE_BYTES) + CUT.encode()
    return kept.decode(errors="replace").rstrip("\r")
