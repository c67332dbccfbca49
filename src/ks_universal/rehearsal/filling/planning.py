"""Plans how a table is filled: which values its columns get, what they refer to, and which conditions matter."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from ks_universal.rehearsal.filling.catalog import Column, ForeignKey, Table
from ks_universal.rehearsal.filling.choice import Chooser
from ks_universal.rehearsal.filling.later import free_columns, is_tree
from ks_universal.rehearsal.filling.plan import NULL, VARIANTS, Kind, TablePlan, Unit, assign_indexes, capacity

if TYPE_CHECKING:
    import psycopg

SAMPLE = 400
"""How many rows are looked at to see what conditions refuse."""
_GOOD_RATE = 0.5


class CannotFillError(Exception):
    """A table cannot have rows, for this reason."""


class Attempt(msgspec.Struct, frozen=True):
    """How to fill a table: `careful`, where columns that others are computed of have ordinary values, or `trusting`.

    Rows that differ by the way they are made need not be looked up before they are written, which takes half the time.
    """

    kind: Kind
    careful: bool = False
    trusting: bool = False


class Planner:
    """Makes the plans of tables. `rows` has the tables that are done, with how many rows they have."""

    def __init__(
        self, connection: "psycopg.AsyncConnection", chooser: Chooser, tables: Sequence[Table], rows: Mapping[int, int]
    ) -> None:
        """Take where to look."""
        self._connection, self._chooser, self._rows = connection, chooser, rows
        self._tables = {table.oid: table for table in tables}

    async def plan(self, table: Table, keys: Sequence[ForeignKey], attempt: Attempt, wanted: int) -> TablePlan:
        """Return how a table gets rows. Raises CannotFillError, and psycopg.Error."""
        plan = TablePlan(table, wanted)
        await self._add_parents(plan, keys, attempt)
        await self._add_columns(plan, attempt)
        self._add_trees(plan, attempt)
        plan.apart = assign_indexes(table, plan.units, attempt.kind, max(wanted, SAMPLE)) and attempt.trusting
        self._take_specials_away(plan, attempt)
        types = self._chooser.types
        plan.casts = {column.name: types.cast(column.type, column.cast) for column in table.columns}
        plan.conditions = self._conditions(table)
        several = [check.expression for check in table.checks if len(table.columns_of(check.expression)) > 1]
        several += [leaf for leaf in table.partitions if len(table.columns_of(leaf)) > 1]
        several += [part for key in table.keys if key.operators for part in key.expressions if "(" in part]
        if several:
            await self._meet(plan, several)
        return plan

    async def measure(self, plan: TablePlan) -> float:
        """Return the part of a plan's rows that its conditions accept; 0 where they fail."""
        import psycopg

        try:
            async with self._connection.transaction():
                query = " ".join(["SELECT", "count(*)", plan.accepted(1, SAMPLE)])
                row = await (await self._connection.execute(query.encode())).fetchone()
                return float(row[0]) / SAMPLE if row is not None else 0.0
        except psycopg.Error:
            return 0.0

    async def _add_parents(self, plan: TablePlan, keys: Sequence[ForeignKey], attempt: Attempt) -> None:
        """Add a unit for each foreign key whose parents are there, and note the others."""
        table, units = plan.table, plan.units
        for key in keys:
            if attempt.trusting and is_tree(table, key):
                plan.trees.append(key)
                continue
            given = {column for unit in units for column in unit.columns}
            free = tuple(column for column in dict.fromkeys(key.columns) if column not in given)
            nullable = bool(free) and all(self._is_nullable(table.column[column]) for column in free)
            size = await self._count_parents(table, key)
            if size:
                specials = self._special_parents(table, key, free, nullable) if attempt.kind is Kind.HOSTILE else ()
                units.append(Unit(len(units) + 1, free, nullable, size, None, key, specials))
            elif key.guessed:
                continue
            elif size is None:
                plan.later.append(key)
                own = free_columns(table, key)
                plan.without.update(own if all(self._is_nullable(table.column[column]) for column in own) else ())
            elif nullable:
                plan.without.update(free)
            else:
                raise CannotFillError(f"{key.definition}: there are no rows to refer to")

    def _special_parents(self, table: Table, key: ForeignKey, free: tuple[str, ...], nullable: bool) -> tuple[str, ...]:
        """Return what hostile rows have in place of a parent: NULL or a key of none, as far as allowed."""
        specials = ("NULL",) if nullable else ()
        if key.valid or len(free) != 1:
            return specials
        column = table.column[free[0]]
        return (*specials, *self._chooser.types.specials(column.type, column.modifier)[-1:])

    async def _add_columns(self, plan: TablePlan, attempt: Attempt) -> None:
        """Add a unit for each column that no foreign key gives."""
        given = {column for unit in plan.units for column in unit.columns}
        given |= {column for key in plan.trees for column in key.columns}
        for column in plan.table.columns:
            if column.name in given or column.generated is not None:
                continue
            nullable, ordinal = self._is_nullable(column), len(plan.units) + 1
            generator = None
            if column.name not in plan.without:
                generator = await self._chooser.choose(plan.table, column, plan.wanted)
            if generator is None and not nullable:
                raise CannotFillError(f"no value is known for the type {column.cast} of {column.name}")
            unit = Unit(ordinal, (column.name,), nullable, 1, generator or NULL)
            if generator is not None:
                hostile = attempt.kind is Kind.HOSTILE and not column.sequences
                unit.size = generator.size
                unit.specials = await self._chooser.specials(plan.table, column) if hostile else ()
            plan.units.append(unit)

    def _add_trees(self, plan: TablePlan, attempt: Attempt) -> None:
        """Add a unit for each foreign key to earlier rows of the same table."""
        by_column = {column: unit for unit in plan.units for column in unit.columns}
        for key in plan.trees:
            parent = by_column[key.parent_columns[0]]
            parent.specials = ()
            nullable = self._is_nullable(plan.table.column[key.columns[0]])
            hostile = attempt.kind is Kind.HOSTILE
            specials = self._special_parents(plan.table, key, key.columns, nullable) if hostile else ()
            unit = Unit(len(plan.units) + 1, key.columns, nullable, None, parent.generator, None, specials)
            unit.key_of_parent = key.parent_columns[0]
            plan.units.append(unit)

    def _take_specials_away(self, plan: TablePlan, attempt: Attempt) -> None:
        """Leave special values out where they may make expressions fail, or would each cost a row."""
        limit = limit_rows(plan)[0]
        used = _columns_in_expressions(plan.table) if attempt.careful else set()
        for unit in plan.units:
            scarce = unit.carrier and limit is not None and limit <= plan.wanted
            if scarce or set(unit.columns) & used:
                unit.specials = ()
        plan.apart = plan.apart and not any(unit.carrier and unit.specials for unit in plan.units)

    def _conditions(self, table: Table) -> list[str]:
        conditions = [f"({check.expression}) IS NOT FALSE" for check in table.checks]
        for column in table.columns:
            domain = self._chooser.domain_conditions(column)
            conditions += [f"({condition}) IS NOT FALSE" for condition in domain]
            if not self._is_nullable(column):
                conditions.append(f"{column.name} IS NOT NULL")
        if table.partitions:
            conditions.append(" OR ".join(f"({leaf})" for leaf in table.partitions).join("()"))
        return conditions

    async def _meet(self, plan: TablePlan, expressions: Sequence[str]) -> None:
        """Choose the variant of a plan whose rows the conditions on several columns accept, in most cases."""
        concerned = {column for expression in expressions for column in plan.table.columns_of(expression)}
        for unit in plan.units:
            if not unit.carrier and set(unit.columns) & concerned:
                nullable = ("NULL",) if unit.nullable else ()
                column = plan.table.column[unit.columns[0]]
                known = await self._chooser.literals(plan.table, column, expressions) if unit.generator else ()
                unit.mixed = (*nullable, *known)
        best = (-1.0, VARIANTS[0])
        for variant in VARIANTS:
            plan.variant = variant
            rate = await self.measure(plan)
            best = max(best, (rate, variant), key=lambda pair: pair[0])
            if rate >= _GOOD_RATE:
                break
        plan.variant = best[1]

    async def _count_parents(self, table: Table, key: ForeignKey) -> int | None:
        """Return how many rows a foreign key may refer to; None when they are still to be made."""
        parent = self._tables.get(key.parent)
        if parent is not None and (parent is table or parent.oid not in self._rows):
            return None
        if parent is not None and all(parent.column[column].not_null for column in key.parent_columns):
            return self._rows[key.parent]
        known = " AND ".join(f"{column} IS NOT NULL" for column in key.parent_columns)
        query = " ".join(["SELECT", "count(*) FROM", key.parent_rows, "WHERE", known])
        row = await (await self._connection.execute(query.encode())).fetchone()
        return int(row[0]) if row is not None else 0

    def _is_nullable(self, column: Column) -> bool:
        return not column.not_null and self._chooser.types.is_nullable(column.type)


def limit_rows(plan: TablePlan) -> tuple[int | None, str]:
    """Return how many rows the keys of a table allow, where a limit is known, and which key does."""
    limits = [(capacity(plan.table, key, plan.units), key.definition) for key in plan.table.keys]
    return min(((size, text) for size, text in limits if size is not None), default=(None, ""))


def _columns_in_expressions(table: Table) -> set[str]:
    """Return the columns in which an extreme value may make an expression fail."""
    expressions = [column.generated for column in table.columns if column.generated is not None]
    expressions += [check.expression for check in table.checks if len(check.columns) > 1]
    expressions += [part for key in table.keys for part in key.expressions if key.operators or part not in table.column]
    return {column for expression in expressions for column in table.columns_of(expression)}
