"""Measures how long masking takes: to take Secrets in, and for a line of a log.

Run as `python benchmarks/masking.py`; with `PYTHONPATH=<another checkout>/src` it measures that one.
"""

import random
import string
import time
from base64 import b64encode
from collections.abc import Callable

from ks_universal.engine.masking import Mask

CHARACTERS = string.ascii_letters + string.digits + "+/"
LINES = (
    "INFO  [alembic.runtime.migration] Running upgrade 1975ea83b712 -> ae1027a6acf, add a column to accounts",
    '{"level":"info","ts":"2026-11-28T05:00:00Z","caller":"migrate.go:91","msg":"Booting production, redis: true"}',
    '2026-11-28 05:00:00.123  INFO 1 --- [main] o.f.core.command.DbMigrate : Migrating schema "public" to 7',
    'PG::ConnectionBad: connection to server at "pg" (10.0.0.1), port 5432 failed: role "postgres" is missing',
    '{"message":"{\\"level\\":\\"warn\\",\\"url\\":\\"https:\\/\\/shop.example.com\\/a%20b?c=d\\"}","stream":"stderr"}',
)
ROUNDS = 2000


def make_text(length: int, seed: int = 0) -> str:
    """Make a text of a key's characters, always the same for a seed."""
    generator = random.Random(seed)
    return "".join(generator.choices(CHARACTERS, k=length))


def make_bundle(certificates: int) -> str:
    """Make a CA bundle."""
    bodies = (make_text(1600, seed) for seed in range(certificates))
    return "".join(
        "-----BEGIN CERTIFICATE-----\n"
        + "\n".join(body[start : start + 64] for start in range(0, len(body), 64))
        + "\n-----END CERTIFICATE-----\n"
        for body in bodies
    )


def make_secrets(values: list[str]) -> list[dict[str, object]]:
    """Make a Secret for each value."""
    return [
        {"kind": "Secret", "metadata": {"name": f"s{n}"}, "data": {"PASSWORD": b64encode(value.encode()).decode()}}
        for n, value in enumerate(values)
    ]


CASES: dict[str, Callable[[], list[str]]] = {
    "20 values of 16 characters": lambda: [make_text(16, seed) for seed in range(20)],
    "1,000 values of 16 characters": lambda: [make_text(16, seed) for seed in range(1000)],
    "1,000 values of 900 characters": lambda: [make_text(900, seed) for seed in range(1000)],
    "a CA bundle of 230 kB": lambda: [make_bundle(140)],
    "one value of 900 kB": lambda: [make_text(900_000)],
    "one value of 1,000 settings": lambda: ["\n".join(f"KEY_{n}={make_text(16, n)}" for n in range(1000))],
}


def main() -> None:
    """Print a line for each case: seconds to take the Secrets in, microseconds for a line of about 110 characters."""
    for name, make in CASES.items():
        secrets = make_secrets(make())
        began = time.process_time()
        mask = Mask(secrets)
        built_s = time.process_time() - began
        rounds = ROUNDS if built_s < 1 else 20
        began = time.process_time()
        for number in range(rounds):
            mask.text(LINES[number % len(LINES)])
        line_us = (time.process_time() - began) / rounds * 1e6
        print(f"{name:32} {built_s:8.3f} s {line_us:10.1f} us a line")


if __name__ == "__main__":
    main()
