"""Which values a column gets: those that its conditions accept, as the server says when it is asked."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ks_universal.rehearsal.filling.catalog import Catalog, Column, Table
from ks_universal.rehearsal.filling.expressions import Hints, conjuncts, find_hints, merge_hints
from ks_universal.rehearsal.filling.hinted import candidates
from ks_universal.rehearsal.filling.values import NUMBER, Generator, Types, guesses, literal, pool

if TYPE_CHECKING:
    import psycopg

_TRIED = "ARRAY[0, 1, 2, 3, 9, 10, 31, 100, 999]::bigint[]"
_MAX_LEAVES = 64


class Chooser:
    """Finds generators for columns and domains."""

    def __init__(self, connection: "psycopg.AsyncConnection", catalog: Catalog) -> None:
        """Take where to try values."""
        self._connection = connection
        self.types = Types(catalog.types)

    async def choose(self, table: Table, column: Column, rows: int) -> Generator | None:
        """Return how a column's values are made; None when no value of its type is known."""
        await self._learn_domains(column.type)
        type_ = self.types.plain(column.type, column.modifier)[0]
        base = self.types.make(column.type, column.modifier, column.name)
        if base is None and type_ is not None:
            known = await self._passing([Generator(text) for text in guesses(type_)], "value", type_.quoted, ())
            base = pool([generator.sql for generator in known], type_.quoted) if known else None
        if base is None:
            return None
        conditions = self.conditions(table, column)
        leaves = [_conditions_of_leaf(table, column, leaf) for leaf in table.partitions[:_MAX_LEAVES]]
        if any(leaves):
            parts = [await self._fit(column, base, (*conditions, *leaf), rows) or base for leaf in leaves]
            return _by_leaf(parts)
        return await self._fit(column, base, conditions, rows) or base

    def conditions(self, table: Table, column: Column) -> tuple[str, ...]:
        """Return what is required of a column alone: by the table, and by the domain that is its type."""
        own = [check.expression for check in table.checks if check.columns == (column.name,)]
        return (*own, *self.domain_conditions(column))

    def domain_conditions(self, column: Column) -> tuple[str, ...]:
        """Return what the domain that is a column's type requires, as conditions on the column."""
        return tuple(_of_value(check, column.name) for check in self.types.plain(column.type, column.modifier)[2])

    async def specials(self, table: Table, column: Column) -> tuple[str, ...]:
        """Return the values at the limits that a column alone may have, NULL first where it may."""
        conditions = self.conditions(table, column)
        nullable = not column.not_null and self.types.is_nullable(column.type)
        texts = [*(["NULL"] if nullable else []), *self.types.specials(column.type, column.modifier)]
        if not conditions:
            return tuple(texts)
        texts += [literal(text) for condition in conditions for text in find_hints(condition, column.name).literals]
        cast = self.types.cast(column.type, column.cast)
        unique = list(dict.fromkeys(texts))
        return tuple(g.sql for g in await self._passing([Generator(t) for t in unique], column.name, cast, conditions))

    async def literals(self, table: Table, column: Column, expressions: Sequence[str]) -> tuple[str, ...]:
        """Return the literals in expressions that a column may have as its value."""
        found = [text for expression in expressions for text in find_hints(expression, column.name).literals]
        cast = self.types.cast(column.type, column.cast)
        made = [Generator(literal(text)) for text in dict.fromkeys(found)]
        return tuple(g.sql for g in await self._passing(made, column.name, cast, self.conditions(table, column)))

    async def _learn_domains(self, oid: int) -> None:
        """Find generators for the domains in a type before it is used: of its elements, its attributes, or itself."""
        type_ = self.types.by_oid.get(oid)
        if type_ is None or oid in self.types.domains:
            return
        for part in [*([type_.base] if type_.base else []), *(part for part, _ in type_.attributes)]:
            await self._learn_domains(part)
        if type_.kind != "d":
            return
        plain, modifier, checks = self.types.plain(oid, -1)
        base = self.types.make(type_.base, type_.modifier, type_.name)
        if base is not None and plain is not None:
            column = Column('"value"', type_.base, modifier, type_.base_cast, type_.not_null, None, ())
            conditions = tuple(_of_value(check, column.name) for check in checks)
            base = await self._fit(column, base, conditions, 1000) or base
        self.types.domains[oid] = base

    async def _fit(self, column: Column, base: Generator, conditions: tuple[str, ...], rows: int) -> Generator | None:
        """Return the first generator with enough values that the conditions accept, else the best, if any is good."""
        cast = self.types.cast(column.type, column.cast)
        if not conditions or (await self._rates([base], column.name, cast, conditions))[0] == 1:
            return base
        type_, modifier, _ = self.types.plain(column.type, column.modifier)
        if type_ is None:
            return None
        hints = [_hints(condition, column.name) for condition in conditions]
        merged = merge_hints(hints)
        found = [base, *candidates(type_, modifier, merged), *self._hinted_arrays(column, merged)]
        singles = [Generator(literal(text), 1) for text in merged.literals]
        singles += [Generator(text, 1) for text in self.types.specials(column.type, column.modifier)]
        rates = await self._rates([*found, *singles], column.name, cast, conditions)
        accepted = [one.sql for one, rate in zip(singles, rates[len(found) :], strict=True) if rate == 1]
        tried = list(zip(found, rates, strict=False))
        enough = [one for one, rate in tried if rate == 1 and (one.size is None or one.size >= rows)]
        if enough:
            return enough[0]
        full = [one for one, rate in tried if rate == 1] + ([pool(accepted, cast)] if accepted else [])
        partly = [one for rate, one in sorted(((rate, one) for one, rate in tried if rate), key=lambda pair: -pair[0])]
        most = sorted(full, key=lambda one: -(one.size or 0))
        best = most or partly
        return best[0] if best else None

    def _hinted_arrays(self, column: Column, hints: Hints) -> list[Generator]:
        """Return arrays of the lengths that conditions name, and of the literals in them."""
        type_, modifier, _ = self.types.plain(column.type, column.modifier)
        part = self.types.make(type_.base, modifier, column.name) if type_ is not None and type_.kind == "a" else None
        if type_ is None or part is None:
            return []
        numbers = [int(text) for text in hints.literals if text.isdigit() and int(text) <= 50]
        sizes = dict.fromkeys([1, *hints.lengths, *numbers])
        found = [
            Generator(
                f"ARRAY[{', '.join(part.at(f'{NUMBER} + {place}') for place in range(size))}]::{type_.quoted}",
                part.size,
            )
            for size in sizes
            if 0 <= size <= 50
        ]
        return found + [Generator(f"ARRAY[{literal(text)}]::{type_.quoted}", 1) for text in hints.literals]

    async def _passing(
        self, generators: Sequence[Generator], column: str, cast: str, conditions: Sequence[str]
    ) -> list[Generator]:
        rates = await self._rates(generators, column, cast, conditions)
        return [generator for generator, rate in zip(generators, rates, strict=True) if rate == 1]

    async def _rates(
        self, generators: Sequence[Generator], column: str, cast: str, conditions: Sequence[str]
    ) -> list[float]:
        """Return for each generator the part of its values that the conditions accept; 0 where they fail on one."""
        import psycopg

        if not generators:
            return []
        queries = [_rate(number, one, column, cast, conditions) for number, one in enumerate(generators)]
        try:
            async with self._connection.transaction():
                cursor = await self._connection.execute(" UNION ALL ".join(queries).encode())
                return [float(rate) for _, rate in sorted(await cursor.fetchall())]
        except psycopg.Error:
            if len(generators) == 1:
                return [0.0]
        half = len(generators) // 2
        return [
            *await self._rates(generators[:half], column, cast, conditions),
            *await self._rates(generators[half:], column, cast, conditions),
        ]


def _rate(number: int, generator: Generator, column: str, cast: str, conditions: Sequence[str]) -> str:
    allowed = " AND ".join(f"({condition}) IS NOT FALSE" for condition in conditions) or f"{column} IS NOT NULL"
    value = f"({generator.at('k')})::{cast} AS {column}"
    values = " ".join(["(SELECT", value, f"FROM unnest({_TRIED}) AS numbers(k)) AS tried"])
    return " ".join(["SELECT", f"{number}, avg(({allowed})::int)::float8 FROM", values])


def _of_value(check: str, column: str) -> str:
    """Return the check of a domain, which calls the value VALUE, as a condition on a column."""
    return " ".join(["(SELECT", check, "FROM", f"(SELECT {column} AS value) AS of_domain)"])


def _hints(condition: str, column: str) -> Hints:
    """Return what a condition says of a column, be it as that of its domain."""
    return merge_hints([find_hints(condition, column), find_hints(condition, "VALUE")])


def _conditions_of_leaf(table: Table, column: Column, leaf: str) -> tuple[str, ...]:
    """Return what a partition requires of a column alone."""
    found = [part for part in conjuncts(leaf) if table.columns_of(part) == (column.name,)]
    return tuple(part for part in found if "satisfies_hash_partition" not in part and not part.endswith("IS NOT NULL)"))


def _by_leaf(parts: Sequence[Generator]) -> Generator:
    """Make values for each partition in turn, for the same one in all columns of a row."""
    cases = " ".join(f"WHEN {place} THEN {part.sql}" for place, part in enumerate(parts))
    known = [part.size for part in parts if part.size is not None]
    return Generator(f'CASE indexes."#n" % {len(parts)} {cases} END', min(known, default=None))
