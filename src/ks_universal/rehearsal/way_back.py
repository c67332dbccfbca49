"""Whether the way back leads to the state before the migration, in schema and data."""

from ks_universal.rehearsal.catalog import Snapshot
from ks_universal.rehearsal.facts import RehearsalRun, VerdictSeverity
from ks_universal.rehearsal.filling import RECORDS
from ks_universal.rehearsal.verdicts import RehearsalVerdict, judge_failure


def find_new_records(before: Snapshot, after: Snapshot) -> list[str]:
    """Find the tables in which a migration tool keeps its record, and that were not there before; see `dump_schema`."""
    known = {table.name for table in before.tables.values()}
    new = (table.name.partition(".") for table in after.tables.values() if table.name not in known)
    return [f'"{schema}"."{name}"' for schema, _, name in new if RECORDS.fullmatch(name)]


def judge_way_back(run: RehearsalRun, before: Snapshot, after: Snapshot) -> tuple[RehearsalVerdict, ...]:
    """Say how the state that the way back leads to differs from the one before."""
    advice = "write down what the way back cannot restore, or keep it: a copy of the column, the old default"
    if not run.result.is_success:
        return (judge_failure(run.result, "rollback-inexact", "the way back fails", advice),)
    losses = [name for name in before.data if before.data[name] != after.data.get(name)]
    if not run.schema_changes and not losses:
        return ()
    differences = [
        *(f"the data of {name} is another" for name in losses),
        *(f"the schema differs: {line}" for line in run.schema_changes[:6]),
    ]
    return (
        RehearsalVerdict(
            code="rollback-inexact",
            severity=VerdictSeverity.WARNING,
            table=next(iter(losses), None),
            message=f"the way back does not lead to the state before: {'; '.join(differences)}",
            advice=advice,
            facts={"schema_lines": len(run.schema_changes), "tables": len(losses)},
        ),
    )
