"""Decides what of a Secret is a secret. docs/secrets.md lists these rules with the reason of each."""

import re
from functools import cache
from typing import Protocol

from ks_universal.engine.masking.needles import SHORTEST, Where


class Known(Protocol):
    """What can be read elsewhere in the release."""

    names: frozenset[str]

    def is_plain(self, text: str) -> bool:
        """Tell whether a text is words that are in plain text in an object."""


_PASSWORD_PARTS = re.compile(r"pass|pwd|secret|token|credential|private|apikey|mnemonic|webhook|signature|license")
"""Parts of keys that name passwords, wherever they are."""
_PASSWORD_WORDS = "auth cookie cookies dockercfg dockerconfigjson hash hmac jwt key keys otp pin psk salt seed"  # noqa: S105
_NAMES = "bucket database db dbname domain host hostname login name namespace owner role schema server user username"
"""Last words of keys whose values are names."""
_SETTINGS = (
    f"{_NAMES} "
    "adapter addr address algorithm backend bool broker brokers cfg charset class cluster cmd collation conf "
    "count debug dir directory disabled driver email enabled encoding endpoint engine env environment "
    "expiration expires expiry file folder format group hosts ini interval issuer js json lang language length "
    "level limit locale location logs mail method mode nodes num number path policy pool port ports prefix "
    "properties proto protocol provider py queue rb region retries rounds scheme service sh size sql sslmode "
    "stdout strategy suffix threads timeout timezone toml topic ttl type tz uri url version workers xml yaml "
    "yml zone"
)
"""Last words of keys whose values are settings; also extensions of files, which are judged by what is in them."""
_COMMON = (
    "true false none null nil undefined enabled disabled default trace debug info notice warn warning error "
    "critical fatal panic silent verbose production prod staging stage development test testing local localhost "
    "sandbox demo disable allow prefer require required optional verify-ca verify-full postgres postgresql mysql "
    "mariadb redis mongo mongodb rabbitmq kafka admin administrator root user username guest public main master "
    "example anonymous nobody system password passwd secret token unknown"
)
_UNITS = "(?:ms|[smhd%]|[KMGTkmgt]i?[Bb]?)?"
_NUMBER = re.compile(rf"[+-]?\d{{1,5}}(?:\.\d{{1,3}})?{_UNITS}")
"""Ports, counts, durations, sizes."""
_LONG_NUMBER = re.compile(rf"[+-]?\d{{1,9}}(?:\.\d+)?{_UNITS}")
_REFERENCE = re.compile(r"\$[A-Z][A-Z_]+|\$\{[^}]*\}|\$\([^)]*\)|%\(\w+\)s|\{\{.*\}\}|<[\w .-]+>")
"""What another program puts a value in place of."""
_SEPARATORS = re.compile(r"[-_.:/@,]+")
_LONGEST_WORD = 15
_CREDENTIALS = re.compile(r"://[^\s/@:]*:[^\s/@]+@")
_UNSPEAKABLE = re.compile(r"[b-df-hj-np-tv-xz]{6}", re.IGNORECASE)
_SHORT_WORD = 8
_LONGEST_SETTING = 253


def judge(key: str, text: str, known: Known) -> Where | None:
    """Say where the value of a key is hidden; None: it is no secret."""
    if len(text) < SHORTEST or _REFERENCE.fullmatch(text):
        return None
    if len(text) > _LONGEST_SETTING:
        return Where.ANYWHERE
    names_password = is_password_key(key)
    if _is_common(key, text) or text in known.names:
        return Where.AS_PASSWORD if names_password else None
    if not names_password and (known.is_plain(text) or _is_setting(key, text)):
        return None
    return Where.AS_WORD if len(text) < _SHORT_WORD and (text.isalpha() or text.isdigit()) else Where.ANYWHERE


def is_password_key(key: str) -> bool:
    """Tell whether a key names a password, token or the like, and not the file, the user or the age of one."""
    words = _split_key(key)
    if _ends_in(key, _SETTINGS):
        return False
    if _list(_PASSWORD_WORDS).intersection(words) or key.lower().endswith("key"):
        return True
    return _PASSWORD_PARTS.search("".join(words)) is not None


def is_name_key(key: str) -> bool:
    """Tell whether a key names a user, a database, a host or something else that has a name."""
    return _ends_in(key, _NAMES)


def is_words(text: str) -> bool:
    """Tell whether a text is one to three words, as people write them: `production`, `verify-ca`, `CeleryWorker`."""
    words = re.split(r"[-_.]", text)
    return len(words) <= 3 and all(map(_is_word, words))


def is_ordinary(text: str) -> bool:
    """Tell whether a text is words, a number, a reference, a host, a path or the like."""
    if looks_random(text):
        return False
    is_number = _LONG_NUMBER.fullmatch(text) or _REFERENCE.fullmatch(text)
    return is_number is not None or is_words(text) or _is_place(text)


def looks_random(text: str) -> bool:
    """Tell whether a text has a part that nobody has thought of: digits and letters, or cases, in turn."""
    return any(map(_is_random, re.findall(r"[A-Za-z0-9]{8,}", text)))


def _is_common(key: str, text: str) -> bool:
    lower = text.lower()
    if lower in _list(_COMMON) or lower in _split_key(key):
        return True
    return _NUMBER.fullmatch(text) is not None


def _is_setting(key: str, text: str) -> bool:
    if _CREDENTIALS.search(text) or looks_random(text):
        return False
    if _ends_in(key, _SETTINGS) and re.search(r"\s", text) is None:
        return True
    return is_ordinary(text)


def _is_place(text: str) -> bool:
    """Tell whether a text is a host, a path, an address, an image, a version: of words, numbers and short parts."""
    parts = [part for part in _SEPARATORS.split(text) if part]
    is_joined = re.search(r"[/.:@,]", text) is not None
    return is_joined and all(_is_word(part) or len(part) <= 3 or re.fullmatch(r"\d{1,7}", part) for part in parts)


def _is_word(text: str) -> bool:
    humps = re.findall(r"[A-Z]*[a-z]+|[A-Z]+", text)
    if "".join(humps) != text or _UNSPEAKABLE.search(text):
        return False
    shortest = 1 if len(humps) == 1 else 3
    return all(shortest <= len(hump) <= _LONGEST_WORD for hump in humps)


def _is_random(run: str) -> bool:
    switches = len(re.findall(r"(?<=[A-Za-z])\d|(?<=\d)[A-Za-z]", run))
    is_mixed = not run.isalpha() and not run.isdigit()
    return (
        switches > 2
        or (len(run) >= 20 and is_mixed)
        or re.search(r"(?:[a-z][A-Z]){2}|[a-z][A-Z]{3}[a-z]", run) is not None
    )


def _ends_in(key: str, words: str) -> bool:
    return any(word in _list(words) for word in _split_key(key)[-1:])


@cache
def _split_key(key: str) -> tuple[str, ...]:
    """Split a key into words: `DB_PASSWORD`, `dbPassword` and `db-password` are the same."""
    return tuple(word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", key))


@cache
def _list(words: str) -> frozenset[str]:
    return frozenset(words.split())
