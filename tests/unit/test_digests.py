import hashlib
import subprocess
import sys

import pytest

from ks_universal.digests import digest_json, sha256_hex


@pytest.mark.parametrize("data", [b"", b"abc", b"x" * 1000])
def test_a_digest_is_the_sha_256_that_everyone_computes(data: bytes) -> None:
    assert sha256_hex(data) == hashlib.sha256(data).hexdigest()


def _run(program: str) -> str:
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def test_an_interpreter_without_its_own_sha_256_takes_that_of_hashlib() -> None:
    hide = "import sys; sys.modules['_sha2'] = sys.modules['_sha256'] = None; "
    digest = _run(hide + "from ks_universal.digests import sha256_hex; print(sha256_hex(b'abc'))")
    assert digest == hashlib.sha256(b"abc").hexdigest()


@pytest.mark.parametrize("length", [16, 32, 64])
def test_what_clusters_keep_is_digested_as_ever(length: int) -> None:
    digest = digest_json({"b": [1, "ü"], "a": None}, length)
    assert digest == hashlib.sha256('{"a":null,"b":[1,"ü"]}'.encode()).hexdigest()[:length]
    assert digest.startswith("6bafd57c7869b3ac")
