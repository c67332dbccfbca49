"""What the instruments of a rehearsal add to a statement: python benchmarks/rehearsal_overhead.py."""

import asyncio
import statistics
import time

import psycopg

from ks_universal.rehearsal.bench import Bench
from ks_universal.rehearsal.catalog import take_snapshot
from ks_universal.rehearsal.facts import ObservedStatement
from ks_universal.rehearsal.instruments import OBSERVER
from ks_universal.rehearsal.observation import observe
from ks_universal.rehearsal.server import start_server

TIMES = 40
BASE = (
    "CREATE TABLE t (id bigint PRIMARY KEY, note text); INSERT INTO t SELECT i, 'n' FROM generate_series(1, 20000) i;"
)
STATEMENTS = {
    "CREATE TABLE": "CREATE TABLE new_{n} (id bigint)",
    "ADD COLUMN": "ALTER TABLE t ADD COLUMN c{n} int",
    "INSERT of 1 row": "INSERT INTO t (id) VALUES (1000000 + {n})",
    "UPDATE of 20,000 rows": "UPDATE t SET note = '{n}'",
    "SET NOT NULL, 20,000 rows": "ALTER TABLE t ALTER id DROP NOT NULL, ALTER id SET NOT NULL",
}


def run(conninfo: str, text: str) -> list[float]:
    """Run a statement as often as it takes; gives how long each took, in milliseconds."""
    took = []
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute("CREATE TEMPORARY TABLE first ()")  # the first of a session compiles the triggers
        for number in range(TIMES):
            began_s = time.perf_counter()
            connection.execute(text.format(n=number).encode())
            took.append((time.perf_counter() - began_s) * 1000)
    return took


async def main() -> None:
    """Print a table."""
    print("| | not observed | observed | of that known and taken out |\n| --- | ---: | ---: | ---: |")
    async with start_server() as server:
        bench = Bench(server=server, tree=server.folder, timeout_s=60)
        await bench.execute(BASE, database="app")
        await bench.execute("ALTER TABLE t OWNER TO app; ALTER TABLE t DROP CONSTRAINT t_pkey", database="app")
        await bench.settle()
        await bench.keep_base()
        bare, observed = server.conninfo(), server.conninfo(role="app")
        for name, text in STATEMENTS.items():
            await bench.restore_base()
            without = await asyncio.to_thread(run, bare, text)
            await bench.restore_base()
            async with observe(server, await take_snapshot(server)) as observation:
                watched = await asyncio.to_thread(run, observed, text)
            known = [each.overhead_ms for each in observation.statements if is_one_of(each, text)]
            medians = (statistics.median(each) for each in (without, watched, known))
            print(f"| {name} | {' | '.join(f'{each:.1f}' for each in medians)} |", flush=True)


def is_one_of(statement: ObservedStatement, text: str) -> bool:
    """Tell whether a statement was made of the text."""
    return statement.text.startswith(text.partition("{n}")[0]) and OBSERVER not in statement.text


if __name__ == "__main__":
    asyncio.run(main())
