"""How the rows of one table are made: which row number gives which value, as one query. Nothing here asks the server.

The parts of a row that vary on their own are units: a column, or the columns of a foreign key. Each has an index, an
expression of the row's number "#n": what keeps rows apart counts them, the rest goes its own way. The query has layers:
indexes, values, columns that others decide, generated columns. What a condition refuses is filtered out at the end.
"""

import enum
from collections.abc import Iterable, Mapping
from graphlib import CycleError, TopologicalSorter
from math import gcd, prod

import msgspec

from ks_universal.rehearsal.filling.catalog import ForeignKey, Key, Table
from ks_universal.rehearsal.filling.expressions import find_equality, find_orders
from ks_universal.rehearsal.filling.values import Generator

NULL = Generator("NULL", 1)
"""For columns that get their value later, or never."""
_N = '"#n"'
_ORDINARY_ROWS = 4
"""The first rows of a hostile table are ordinary: what looks at one row only should work."""
_SPECIAL_CARRIERS = 40
"""Up to this row a column that keeps rows apart has special values: they soon repeat themselves."""
FANOUT = 4
"""How many rows of a tree have the same parent."""
_ROOM = 4
"""How many more values than rows a column has that may simply be counted through: some rows are refused."""
_PRIMES = (7919, 6101, 5003, 4513, 3571, 2741, 1999, 1487, 1009, 811, 613, 401, 199)


class Kind(enum.StrEnum):
    """What rows are like: ordinary ones, or all that the schema allows."""

    CLEAN = "clean"
    HOSTILE = "hostile"


class Unit(msgspec.Struct):
    """A part of a row. `size` is how many values it has (None: enough); `specials` are values beside its own."""

    ordinal: int
    columns: tuple[str, ...]
    nullable: bool
    size: int | None
    generator: Generator | None = None
    foreign_key: ForeignKey | None = None
    specials: tuple[str, ...] = ()
    mixed: tuple[str, ...] = ()
    index: str = ""
    carrier: bool = False
    key_of_parent: str | None = None
    """The column of an earlier row of the same table of which this one is a copy: rows become trees."""

    def has(self, rows: int) -> bool:
        """Tell whether there are different values for as many rows."""
        return self.size is None or self.size >= rows

    @property
    def bound(self) -> tuple[tuple[str, str], ...]:
        """Return the columns of the foreign key that other units give, with the parent's."""
        if self.foreign_key is None:
            return ()
        pairs = zip(self.foreign_key.columns, self.foreign_key.parent_columns, strict=True)
        return tuple((column, parent) for column, parent in pairs if column not in self.columns)


def assign_indexes(table: Table, units: list[Unit], kind: Kind, rows: int) -> bool:
    """Give each unit its index, so that rows differ in what has to be unique; tell whether that does for all keys."""
    by_column = {column: unit for unit in units for column in unit.columns}
    keys = sorted(table.keys, key=lambda key: (not key.operators, not key.primary, len(key.expressions)))
    for unit in units:
        unit.carrier = unit.key_of_parent is not None and any(key.expressions == unit.columns for key in keys)
    apart = [_keep_apart(table, key, by_column, rows) for key in keys]
    for unit in units:
        if unit.key_of_parent is not None:
            parent = by_column[unit.key_of_parent].index.replace(_N, f"({parent_number(unit)})")
            unit.index = f"CASE WHEN {_N} > 1 OR {not unit.nullable} THEN {parent} END"
        if unit.carrier or unit.key_of_parent is not None:
            continue
        if unit.has(_ROOM * rows):
            own = f"{_N} - 1 + {unit.ordinal}"
        else:
            size = max(unit.size or 1, 1)
            prime = next(prime for prime in _PRIMES[unit.ordinal % 8 :] + _PRIMES if gcd(prime, size) == 1)
            own = f"({_N} * {prime} + {unit.ordinal}) % {size}"
        unit.index = own if kind is Kind.CLEAN else f"CASE WHEN {_N} % 4 = 3 THEN 0 ELSE {own} END"
    return all(apart)


def parent_number(unit: Unit) -> str:
    """Return the number of the row that is the parent: four rows have the same one, or one where it must be unique."""
    number = f"{_N} - 1" if unit.carrier else f"({_N} + {FANOUT - 2}) / {FANOUT}"
    return number if unit.nullable else f"greatest({number}, 1)"


def key_units(table: Table, key: Key, by_column: Mapping[str, Unit]) -> list[Unit]:
    """Return the units that a key depends on."""
    columns = dict.fromkeys(column for part in key.expressions for column in table.columns_of(part))
    return list({id(by_column[column]): by_column[column] for column in columns if column in by_column}.values())


def capacity(table: Table, key: Key, units: list[Unit]) -> int | None:
    """Return how many rows a key allows; None: no limit is known."""
    if key.partial or key.operators:
        return None
    found = key_units(table, key, {column: unit for unit in units for column in unit.columns})
    if any(unit.nullable for unit in found) and "NULLS NOT DISTINCT" not in key.definition:
        return None
    sizes = [unit.size for unit in found if not unit.bound]
    return prod(size for size in sizes if size is not None) if found and None not in sizes else None


def _keep_apart(table: Table, key: Key, by_column: Mapping[str, Unit], rows: int) -> bool:
    units = [unit for unit in key_units(table, key, by_column) if not unit.bound]
    if overlapping := [place for place, operator in enumerate(key.operators) if operator != "="]:
        columns = {column for place in overlapping for column in table.columns_of(key.expressions[place])}
        stride = len(by_column) + 1
        for unit in units:
            if set(unit.columns) & columns:
                unit.index, unit.carrier = f"({_N} - 1) * {stride} + {unit.ordinal % stride}", True
        return False
    if any(unit.carrier and unit.has(rows) for unit in units):
        return True
    free = [unit for unit in units if not unit.carrier]
    endless = next((unit for unit in free if unit.has(_ROOM * rows)), None)
    if endless is not None:
        endless.index, endless.carrier = f"{_N} - 1", True
        return True
    if len(free) < len(units):
        return False
    weight, first = 1, ""
    for unit in free:  # digits of the row's number, each shifted by the first: pairs come in diagonals
        size = max(unit.size or 1, 1)
        digit = f"({_N} - 1) / {weight}" if weight > 1 else f"{_N} - 1"
        alone = len(free) == 1 and unit.foreign_key is not None  # beyond the last parent there is none
        unit.index, unit.carrier = digit if alone else f"({digit}{first}) % {size}", True
        first, weight = first or f" + ({_N} - 1) % {size}", weight * size
    optional = next((unit for unit in free if unit.nullable and unit.generator != NULL), None)
    if optional is not None and weight < rows:  # when all values are used, there is still NULL
        optional.index = f"CASE WHEN {_N} <= {weight} THEN {optional.index} END"
    return weight >= rows


class Variant(msgspec.Struct, frozen=True):
    """How to meet conditions on several columns: sort columns, compute one of others, mix in NULL and literals."""

    sort: bool = False
    compute: bool = False
    mix: bool = False


VARIANTS = (
    Variant(),
    Variant(sort=True),
    Variant(sort=True, compute=True),
    Variant(mix=True),
    Variant(sort=True, compute=True, mix=True),
)


class TablePlan(msgspec.Struct):
    """All that the query for a table's rows needs, and what is left to do when they are made."""

    table: Table
    wanted: int
    units: list[Unit] = []
    casts: Mapping[str, str] = {}
    """The type of each column in the query: what is behind a domain, whose checks are among the conditions."""
    conditions: list[str] = []
    variant: Variant = VARIANTS[0]
    apart: bool = False
    """Whether all rows differ where they have to."""
    without: set[str] = set()
    """The columns that are NULL: they get their values later, or there is nothing to refer to."""
    later: list[ForeignKey] = []
    trees: list[ForeignKey] = []
    gaps: bool = False
    """Whether rows were refused."""

    def accepted(self, first: int, last: int) -> str:
        """Return what stands behind SELECT to get the rows of these numbers that all conditions allow."""
        candidates = self._with_generated(self._with_computed(self._with_values(self._indexes(first, last))))
        conditions = self.conditions or ["true"]
        name = '"' + self.table.name.replace('"', '""') + '"'
        return f"FROM ({candidates}) AS {name} WHERE {' AND '.join(conditions)}"

    def _indexes(self, first: int, last: int) -> str:
        columns = [f'{_N} AS "#n"']
        for unit in self.units:
            columns.append(f'({unit.index}) AS "#i{unit.ordinal}"')
            if special := self._special(unit):
                columns.append(f'({special}) AS "#s{unit.ordinal}"')
        return _select(columns, f"(SELECT generate_series({first}::bigint, {last}::bigint) AS {_N}) AS numbers")

    def _special(self, unit: Unit) -> str:
        """Return the number of the special value that a row has in a unit; 0: none."""
        mixed = unit.mixed if self.variant.mix else ()
        if mixed:
            chance = f"({_N} * 2654435761 + {unit.ordinal * 40503}) / 4096"
            count = len(mixed)
            if mixed[0] != "NULL":
                return f"CASE WHEN {chance} % 2 = 0 THEN 1 + {chance} / 2 % {count} ELSE 0 END"
            rest = f"WHEN {chance} / 2 % 2 = 0 THEN 2 + {chance} / 4 % {count - 1} " if count > 1 else ""
            return f"CASE WHEN {chance} % 2 = 0 THEN 1 {rest}ELSE 0 END"
        if not unit.specials:
            return ""
        period = 2 * len(unit.specials) + 1
        turn = f"({_N} + {_N} / {period} * 3 + {unit.ordinal * 7}) % {period}"
        last = f"OR {_N} > {_SPECIAL_CARRIERS}" if unit.carrier else f"OR {_N} % 16 = 15"
        return f"CASE WHEN {_N} <= {_ORDINARY_ROWS} {last} THEN 0 ELSE {turn} END"

    def _with_values(self, indexes: str) -> str:
        columns, joins, conditions = [f'indexes.{_N} AS "#n"'], [f"({indexes}) AS indexes"], []
        values: dict[str, str] = {}
        for unit in self.units:
            if unit.foreign_key is not None:
                own, join, condition = self._parent(unit, values)
                joins.append(join)
                conditions += condition
            else:
                assert unit.generator is not None  # noqa: S101 - a unit has the one or the other
                own = {unit.columns[0]: unit.generator.at(f'"#i{unit.ordinal}"')}
            for column, value in own.items():
                values[column] = self._with_specials(unit, value, self.casts[column])
        columns += [f"{value} AS {column}" for column, value in values.items()]
        return _select(columns, " ".join(joins), conditions)

    def _with_specials(self, unit: Unit, value: str, cast: str) -> str:
        specials = (unit.mixed if self.variant.mix else ()) or unit.specials
        if not specials:
            return f"({value})::{cast}"
        cases = " ".join(f"WHEN {number} THEN ({text})::{cast}" for number, text in enumerate(specials, 1))
        return f'CASE "#s{unit.ordinal}" {cases} ELSE ({value})::{cast} END'

    def _parent(self, unit: Unit, values: Mapping[str, str]) -> tuple[dict[str, str], str, list[str]]:
        """Return the values that a row of a parent gives, the join to it, and conditions on the join."""
        key, number = unit.foreign_key, unit.ordinal
        assert key is not None  # noqa: S101 - asked for units with a foreign key only
        bound = [(f"({values[column]})", parent) for column, parent in unit.bound if column in values]
        groups, rows = parent_groups(key, [p for _, p in bound]), parent_rows(key, [p for _, p in bound])
        same = [f"g{number}.{parent} = {value}" for value, parent in bound] or ["true"]
        join = f"LEFT JOIN ({groups}) AS g{number} ON {' AND '.join(same)}"
        if not unit.columns:
            unknown = " OR ".join(f"{value} IS NULL" for value, _ in bound)
            return {}, join, [f'(g{number}."#count" IS NOT NULL OR {unknown})']
        # Without the modulo where nothing is bound: an index beyond the last parent is to find none.
        index = f'"#i{number}" % g{number}."#count"' if bound else f'"#i{number}"'
        here = [f"p{number}.{parent} = g{number}.{parent}" for _, parent in bound] + [f'p{number}."#k" = {index}']
        join += f" LEFT JOIN ({rows}) AS p{number} ON {' AND '.join(here)}"
        pairs = zip(key.columns, key.parent_columns, strict=True)
        return {column: f"p{number}.{parent}" for column, parent in pairs if column in unit.columns}, join, []

    def _with_computed(self, query: str) -> str:
        """Sort columns of which one is to be less than the other, and compute those that are to equal an expression."""
        if not (self.variant.sort or self.variant.compute):
            return query
        plain = {unit.columns[0] for unit in self.units if unit.foreign_key is None}
        if self.variant.sort:
            for group in self._sorted_columns(plain):
                query = self._replaced(query, _sorted_values(group))
        if self.variant.compute:
            for check in self.table.checks:
                found = find_equality(check.expression, tuple(c for c in check.columns if c in plain))
                if found is not None:
                    column, expression = found
                    query = self._replaced(query, {column: f"({expression})::{self.casts[column]}"})
        return query

    def _replaced(self, query: str, new: Mapping[str, str]) -> str:
        columns = [column for unit in self.units for column in unit.columns]
        return _select([_N, *(f"{new.get(column, column)} AS {column}" for column in columns)], f"({query}) AS made")

    def _sorted_columns(self, plain: Iterable[str]) -> list[list[str]]:
        """Return groups of columns of one type, the least first."""
        expressions = [check.expression for check in self.table.checks]
        expressions += [part for key in self.table.keys if key.operators for part in key.expressions]
        before: dict[str, set[str]] = {}
        for expression in expressions:
            for less, more in find_orders(expression, tuple(plain)):
                if self.casts[less] != self.casts[more] or less == more:
                    continue
                tried = {column: set(others) for column, others in before.items()}
                tried.setdefault(more, set()).add(less)
                tried.setdefault(less, set())
                try:
                    list(TopologicalSorter(tried).static_order())
                except CycleError:
                    continue
                before = tried
        return _connected(list(TopologicalSorter(before).static_order()), before)

    def _with_generated(self, query: str) -> str:
        generated = [column for column in self.table.columns if column.generated is not None]
        if not generated:
            return query
        columns = [f"({column.generated})::{column.cast} AS {column.name}" for column in generated]
        return _select(["made.*", *columns], f"({query}) AS made")


def _sorted_values(group: list[str]) -> dict[str, str]:
    """Return for each column its place among the values of all, where none is NULL."""
    values = ", ".join(group)
    sort = _select(["array_agg(v ORDER BY v)"], f"unnest(ARRAY[{values}]) AS v")
    places = [f"({sort})[{place}]" for place in range(1, len(group) + 1)]
    if len(group) == 2:
        places = [f"least({values})", f"greatest({values})"]
    known = f"num_nulls({values}) = 0"
    return {
        column: f"CASE WHEN {known} THEN {place} ELSE {column} END" for column, place in zip(group, places, strict=True)
    }


def parent_rows(key: ForeignKey, bound: list[str]) -> str:
    """Return the query for a parent's keys with numbers "#k", counted anew for each value of the bound columns."""
    columns = ", ".join(dict.fromkeys(key.parent_columns))
    part = f"PARTITION BY {', '.join(bound)} " if bound else ""
    known = [f"{column} IS NOT NULL" for column in key.parent_columns]
    return _select([columns, f'row_number() OVER ({part}ORDER BY {columns}) - 1 AS "#k"'], key.parent_rows, known)


def parent_groups(key: ForeignKey, bound: list[str]) -> str:
    """Return the query for how many keys a parent has, for each value of the bound columns."""
    known = [f"{column} IS NOT NULL" for column in key.parent_columns]
    query = _select([*bound, 'count(*) AS "#count"'], key.parent_rows, known)
    return f"{query} GROUP BY {', '.join(bound)}" if bound else query


def _connected(order: list[str], before: Mapping[str, set[str]]) -> list[list[str]]:
    groups: list[list[str]] = []
    for column in order:
        near = [group for group in groups if set(group) & before[column]]
        merged = [member for member in order if any(member in group for group in near)] + [column]
        groups = [group for group in groups if group not in near] + [merged]
    return groups


def _select(columns: Iterable[str], source: str, conditions: Iterable[str] = ()) -> str:
    where = " AND ".join(conditions)
    return " ".join(["SELECT", ", ".join(columns), "FROM", source] + (["WHERE", where] if where else []))
