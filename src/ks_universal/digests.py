"""SHA-256 without OpenSSL: `hashlib` loads that, which is 2 to 3 ms of each start of `template`.

The digests tell changed content from unchanged; none of them keeps a secret.
"""

from importlib import import_module
from typing import Any

import msgspec


def sha256_hex(data: bytes) -> str:
    """Return the SHA-256 of `data` as 64 hexadecimal digits."""
    return str(_SHA256(data).hexdigest())


def digest_json(value: Any, length: int) -> str:
    """Digest anything that msgspec can write as JSON, whatever the order of keys, to so many hexadecimal digits.

    Clusters keep such digests: one that comes out otherwise, if only longer, restarts pods or runs migrations again.
    """
    return sha256_hex(msgspec.json.encode(value, order="sorted"))[:length]


def _find_sha256() -> Any:
    """Find the interpreter's own SHA-256.

    The standard library's `random` takes its SHA-512 from the same modules for the same reason, and from `hashlib`
    where an interpreter is built without them.
    """
    for module in ("_sha2", "_sha256"):  # from Python 3.12 on; 3.11
        try:
            return import_module(module).sha256
        except ImportError:
            continue
    return import_module("hashlib").sha256


_SHA256 = _find_sha256()
