"""Digests of JSON values: equal values, whatever the order of their keys, have equal digests."""

from typing import Any

import msgspec

_LENGTH = 16


def digest(value: Any) -> str:
    """Digest anything that msgspec can write as JSON: 16 hexadecimal digits of its SHA-256."""
    # OpenSSL behind hashlib costs milliseconds to load; who plans nothing does not pay them.
    from hashlib import sha256

    return sha256(msgspec.json.encode(value, order="sorted")).hexdigest()[:_LENGTH]
