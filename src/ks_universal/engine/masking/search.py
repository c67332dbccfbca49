"""Looks for the secrets of a release in a line, whatever form they have there."""

import binascii
import re
from collections.abc import Iterator
from functools import cache

from ks_universal.engine.masking.collection import ENCODED_PIECE, Secrets
from ks_universal.engine.masking.decoding import Span, decode, find_origins
from ks_universal.engine.masking.needles import CUT, Needles

_LONGEST_NAME = 253
_TO_STANDARD = str.maketrans("-_", "+/")


def find_secrets(text: str, secrets: Secrets) -> list[Span]:
    """Find the parts of a text that are to be hidden: in order, and apart from each other."""
    needles = secrets.needles
    if not needles:
        return []
    view = decode(text)
    spans = [*needles.find(view.text), *_find_encoded(view.plain, needles)]
    if CUT in text:
        spans += needles.find_cut(view.text)
    if view.plain != text:
        spans = [*(find_origins(text, spans) if spans else ()), *needles.find(text)]
    return _merge([span for span in spans if not _is_in_name(text, span, secrets.names)]) if spans else []


def _find_encoded(plain: str, needles: Needles) -> Iterator[Span]:
    """Find what is in base64: where it begins in it is not known, so it is decoded from four places."""
    for match in _base64().finditer(plain):
        run = match[0].rstrip("=").translate(_TO_STANDARD)
        if any(True for shift in range(4) for _ in needles.find(decode(_decode_base64(run[shift:])).text)):
            yield match.span()


def _decode_base64(run: str) -> str:
    whole = run[: len(run) // 4 * 4]
    return binascii.a2b_base64(whole).decode(errors="surrogateescape")


def _is_in_name(text: str, span: Span, names: frozenset[str]) -> bool:
    """Tell whether what was found is a part of a name: those are never masked."""
    start, end = span
    before = _count_name_characters(text[max(0, start - _LONGEST_NAME) : start][::-1])
    after = _count_name_characters(text[end : end + _LONGEST_NAME])
    name = text[start - before : end + after].strip("-.")
    return len(name) > end - start and name in names


def _count_name_characters(text: str) -> int:
    """Count the characters at the beginning of a text that names may have."""
    other = _no_name().search(text)
    return len(text) if other is None else other.start()


def _merge(spans: list[Span]) -> list[Span]:
    merged: list[Span] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


@cache
def _base64() -> re.Pattern[str]:
    return re.compile(rf"[A-Za-z0-9+/_-]{{{ENCODED_PIECE},}}={{0,2}}")


@cache
def _no_name() -> re.Pattern[str]:
    return re.compile(r"[^A-Za-z0-9.-]")
