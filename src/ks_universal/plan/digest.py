"""Digests of JSON values: equal values, whatever the order of their keys, have equal digests."""

from typing import Any

import msgspec

from ks_universal.digests import sha256_hex

_LENGTH = 16


def digest(value: Any) -> str:
    """Digest anything that msgspec can write as JSON: 16 hexadecimal digits of its SHA-256."""
    return sha256_hex(msgspec.json.encode(value, order="sorted"))[:_LENGTH]
