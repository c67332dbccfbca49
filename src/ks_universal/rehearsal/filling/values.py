"""What goes into columns: for each data type an expression that makes a value of a number, and values at its limits."""

import re
from collections.abc import Mapping, Sequence

import msgspec

from ks_universal.rehearsal.filling.catalog import Type
from ks_universal.rehearsal.filling.patterns import Slots

NUMBER = "\N{LEFT-POINTING DOUBLE ANGLE QUOTATION MARK}k\N{RIGHT-POINTING DOUBLE ANGLE QUOTATION MARK}"
"""Stands in a generator's expression for the number, a bigint from 0 on."""
_K = NUMBER
LETTERS, DIGITS = "abcdefghijklmnopqrstuvwxyz", "0123456789"
ENOUGH = 10**12


class Generator(msgspec.Struct, frozen=True):
    """An expression with NUMBER in it, different for each number below `size` (None: for all)."""

    sql: str
    size: int | None = None

    def at(self, number: str) -> str:
        """Return the expression for the number that an expression gives."""
        return self.sql.replace(NUMBER, f"({number})")


def literal(text: str) -> str:
    """Quote a text for SQL, whatever is in it."""
    quoted = text.replace("'", "''")
    return f"'{quoted}'" if "\\" not in text else "E'" + quoted.replace("\\", "\\\\") + "'"


def pool(values: Sequence[str], cast: str) -> Generator:
    """Take turns among values, given as expressions."""
    return Generator(f"(ARRAY[{', '.join(values)}]::{cast}[])[1 + {_K} % {len(values)}]", len(values))


def from_slots(slots: Slots) -> Generator:
    """Make texts with a character of each set, counted through from the right; those far left stay the same."""
    parts: list[str] = []
    weight = 1
    for chars in reversed(slots):
        if len(chars) == 1 or weight >= ENOUGH:
            parts.append(literal(chars[0]))
        else:
            parts.append(f"substr({literal(chars)}, 1 + ({_K} / {weight} % {len(chars)})::int, 1)")
            weight *= len(chars)
    return Generator("(" + (" || ".join(reversed(parts)) or "''") + ")", None if weight >= ENOUGH else weight)


TEXTS = {"text", "varchar", "bpchar", "name", "citext"}
INTEGERS = {"int2": 32767, "int4": 2147483647, "int8": None}
FLOATS = {"float4": 2**22, "float8": None}
_SIMPLE: Mapping[str, Generator] = {
    "bool": Generator(f"({_K} % 2 = 0)", 2),
    "int2": Generator(f"(1 + {_K} % 32767)", 32767),
    "int4": Generator(f"(1 + {_K} % 2147483647)", 2147483647),
    "int8": Generator(f"(1 + {_K})"),
    "float4": Generator(f"(1 + {_K}) * 1.25", 2**22),
    "float8": Generator(f"(1 + {_K}) * 1.25"),
    "money": Generator(f"(1.25 + {_K})::numeric"),
    "date": Generator(f"date '2020-01-01' + ({_K} % 2000000)::int", 2000000),
    "timestamp": Generator(f"timestamp '2020-01-01 09:30' + {_K} * interval '1 minute'"),
    "timestamptz": Generator(f"timestamptz '2020-01-01 09:30+00' + {_K} * interval '1 minute'"),
    "time": Generator(f"time '00:00' + ({_K} * 1013 % 86400000) * interval '1 ms'", 86400000),
    "timetz": Generator(f"timetz '00:00+00' + ({_K} * 1013 % 86400000) * interval '1 ms'", 86400000),
    "interval": Generator(f"(1 + {_K}) * interval '1 minute'"),
    "uuid": Generator(f"md5('row ' || {_K})::uuid"),
    "bytea": Generator(f"decode(md5('row ' || {_K}), 'hex')"),
    "json": Generator(f"json_build_object('id', {_K})"),
    "jsonb": Generator(f"jsonb_build_object('id', {_K})"),
    "jsonpath": Generator(f"('$.a' || {_K})::jsonpath"),
    "xml": Generator(f"('<row>' || {_K} || '</row>')"),
    "inet": Generator(f"inet '10.0.0.0' + {_K} % 16777216", 16777216),
    "cidr": Generator(f"inet '10.0.0.0' + {_K} % 16777216", 16777216),
    "macaddr": Generator(f"('02' || lpad(to_hex({_K} % 1099511627776), 10, '0'))", 2**40),
    "macaddr8": Generator(f"('0200' || lpad(to_hex({_K} % 1099511627776), 12, '0'))", 2**40),
    "tsvector": Generator(f"('word' || {_K})"),
    "tsquery": Generator(f"('word' || {_K})"),
    "pg_lsn": Generator(f"('0/' || to_hex({_K} % 4294967296))", 2**32),
    "oid": Generator(f"(1 + {_K} % 4294967295)::oid", 2**32 - 1),
    "xid": Generator(f"(3 + {_K} % 2147483647)::text", 2**31 - 1),
    "xid8": Generator(f"(3 + {_K})::text"),
    "tid": Generator(f"('(' || {_K} % 4294967295 || ',1)')", 2**32 - 1),
    "char": Generator(f"chr(97 + ({_K} % 26)::int)", 26),
    "regclass": pool(["'pg_catalog.pg_class'", "'pg_catalog.pg_type'"], "regclass"),
    "regtype": pool(["'pg_catalog.int4'", "'pg_catalog.text'"], "regtype"),
    "point": Generator(f"point({_K}, {_K})"),
    "line": Generator(f"line(point(0, {_K}), point(1, {_K}))"),
    "lseg": Generator(f"lseg(point(0, {_K}), point(1, {_K}))"),
    "box": Generator(f"box(point({_K}, 0), point({_K} + 0.5, 1))"),
    "path": Generator(f"('((0,0),(1,' || {_K} || '))')"),
    "polygon": Generator(f"('((0,0),(1,1),(1,' || {_K} || '))')"),
    "circle": Generator(f"circle(point({_K}, 0), 0.25)"),
    "hstore": Generator(f"('\"id\"=>\"' || {_K} || '\"')"),
    "ltree": Generator(f"('top.row' || {_K})"),
    "lquery": Generator(f"('top.row' || {_K})"),
    "ltxtquery": Generator(f"('row' || {_K})"),
    "cube": Generator(f"('(' || {_K} || ')')"),
    "seg": Generator(f"{_K}::text"),
}
LONG, _LONGEST = 2000, 10000
_SPECIALS: Mapping[str, tuple[str, ...]] = {
    "int2": ("0", "-1", "-32768", "32767"),
    "int4": ("0", "-1", "-2147483648", "2147483647"),
    "int8": ("0", "-1", "-9223372036854775808", "9223372036854775807"),
    "float4": ("0", "-1.5", "3e38", "-3e38", "1e-30"),
    "float8": ("0", "-1.5", "1e308", "-1e308", "1e-300"),
    "money": ("0", "'-92233720368547758.07'", "'92233720368547758.07'"),
    "date": ("'0001-01-02'", "'9999-12-30'", "'2024-02-29'", "'1969-12-31'"),
    "timestamp": ("'0001-01-02'", "'9999-12-30 23:59:59.999999'", "'2024-02-29'", "'1969-12-31 23:59:59.999999'"),
    "timestamptz": ("'0001-01-02Z'", "'9999-12-30 23:59:59.999999Z'", "'2024-03-31 01:30Z'", "'1969-12-31 23:59:59Z'"),
    "time": ("'00:00'", "'23:59:59.999999'"),
    "timetz": ("'00:00+14'", "'23:59:59.999999-12'"),
    "interval": ("'0'", "'-1 year'", "'100 years 11 months 30 days'"),
    "uuid": ("'00000000-0000-0000-0000-000000000000'", "'ffffffff-ffff-ffff-ffff-ffffffffffff'"),
    "bytea": ("''", r"'\x00ff'", f"decode(repeat('00', {LONG}), 'hex')"),
    "json": ("'null'", "'{}'", "'[]'", "'\"text\"'", "'1e3'", '\'{"a": {"b": [null, "\N{SNOWMAN}"]}}\''),
    "jsonb": ("'null'", "'{}'", "'[]'", "'\"text\"'", "'1e3'", '\'{"a": {"b": [null, "\N{SNOWMAN}"]}}\''),
    "inet": ("'::1'", "'0.0.0.0/0'", "'fe80::1/64'"),
    "cidr": ("'::/0'", "'192.168.0.0/16'"),
    "tsvector": ("''",),
    "hstore": ("''", "'\"a\"=>NULL'"),
    "ltree": ("''",),
    "point": ("'(0,0)'", "'(-1e300,1e300)'"),
    "xml": ("''", "'text'"),
}
_GUESSES = (
    "1",
    "a",
    "{}",
    "[]",
    "0",
    "",
    "(1,2)",
    "[1,2,3]",
    "(0,0)",
    "POINT(0 0)",
    "1.0.0",
    "{1,2}",
    "0-306-40615-2",
    "US",
)
_NUMERIC_NAME = re.compile(
    r"(?:^|_)(?:amount|total|price|cost|sum|count|number|num|no|nr|qty|quantity|code|zip|postcode|phone|year|age|size|weight"
    r"|height|width|length|rate|score|points|balance|sku|port|version|rank|position|value|id)s?$"
)
_DATE_NAME = re.compile(r"(?:_at|_on|(?:^|_)(?:date|day|time|timestamp|birthday))$")


class Types:
    """Makes generators for the types of a database."""

    def __init__(self, types: Sequence[Type]) -> None:
        """Take the types that there are."""
        self.by_oid = {type_.oid: type_ for type_ in types}
        self.domains: dict[int, Generator | None] = {}
        """What was found to pass the checks of each domain."""

    def plain(self, oid: int, modifier: int) -> tuple[Type | None, int, tuple[str, ...]]:
        """Return the type behind a domain (or the type itself), its modifier, and the checks of the domains."""
        type_, checks = self.by_oid.get(oid), ()
        while type_ is not None and type_.kind == "d":
            checks, modifier, oid = checks + type_.checks, type_.modifier, type_.base  # type: ignore[assignment]
            type_ = self.by_oid.get(oid)
        return type_, modifier, checks

    def cast(self, oid: int, cast: str) -> str:
        """Return what to cast to: the type behind a domain, in place of the domain."""
        type_ = self.by_oid.get(oid)
        while type_ is not None and type_.kind == "d":
            cast, type_ = type_.base_cast, self.by_oid.get(type_.base)
        return cast

    def is_nullable(self, oid: int) -> bool:
        """Tell whether no domain refuses NULL."""
        type_ = self.by_oid.get(oid)
        while type_ is not None and type_.kind == "d" and not type_.not_null:
            type_ = self.by_oid.get(type_.base)
        return type_ is None or type_.kind != "d"

    def make(self, oid: int, modifier: int, name: str, depth: int = 0) -> Generator | None:
        """Return how values of a type are made; a column's name says what a text may be. None: nobody knows."""
        if oid in self.domains:
            return self.domains[oid]
        type_, modifier, _ = self.plain(oid, modifier)
        if type_ is None or depth > 4:
            return None
        if type_.kind == "e":
            return pool([literal(label) for label in type_.labels], type_.quoted) if type_.labels else None
        if type_.kind in ("a", "r", "m"):
            return self._made_of_another(type_, modifier, name, depth)
        if type_.kind == "c":
            parts = [self.make(part, part_modifier, name, depth + 1) for part, part_modifier in type_.attributes]
            known = [part.sql for part in parts if part is not None]
            return Generator(f"ROW({', '.join(known)})::{type_.quoted}") if len(known) == len(parts) else None
        return make_base(type_, modifier, name)

    def _made_of_another(self, type_: Type, modifier: int, name: str, depth: int) -> Generator | None:
        part = self.make(type_.base, modifier if type_.kind == "a" else -1, name, depth + 1)
        if part is None:
            return None
        if type_.kind == "a":
            return Generator(f"ARRAY[{part.sql}, {part.at(f'{_K} + 1')}]::{type_.quoted}", part.size)
        if type_.kind == "m":
            return Generator(f"{type_.quoted}({part.sql})", part.size)
        base = self.by_oid[type_.base].quoted
        ends = f"({part.at(f'{_K} * 2')})::{base}, ({part.at(f'{_K} * 2 + 1')})::{base}"
        return Generator(
            f"{type_.quoted}(least({ends}), greatest({ends}), '[)')", part.size // 2 if part.size else None
        )

    def specials(self, oid: int, modifier: int) -> tuple[str, ...]:
        """Return values at the limits of what a type allows: expressions that are still to be cast."""
        type_, modifier, _ = self.plain(oid, modifier)
        if type_ is None:
            return ()
        if type_.kind == "a":
            return ("'{}'", "'{NULL}'")
        if type_.kind in ("r", "m"):
            return ("'empty'", "'(,)'") if type_.kind == "r" else ("'{}'", "'{(,)}'")
        if type_.name in TEXTS:
            return _special_texts(max_length(type_, modifier))
        if type_.name == "numeric":
            return _special_numerics(modifier)
        if type_.name in ("bit", "varbit"):
            bits = max(modifier, 1) if type_.name == "bit" or modifier > 0 else 64
            return tuple(f"B'{bit * bits}'" for bit in "01")
        return _SPECIALS.get(type_.name, ())


def make_base(type_: Type, modifier: int, name: str) -> Generator | None:
    """Return how values of a base type are made."""
    if type_.name in TEXTS:
        return _texts(max_length(type_, modifier), name)
    if type_.name == "numeric":
        return _numerics(modifier)
    if type_.name in ("bit", "varbit"):
        bits = max(modifier, 1) if type_.name == "bit" else min(modifier, 32) if modifier > 0 else 32
        width = min(bits, 62)
        padding = f" || repeat('0', {bits - width})::varbit" if bits > width else ""
        return Generator(f"({_K} % {2**width})::bit({width}){padding}", 2**width)
    if type_.name in ("vector", "halfvec"):
        return Generator(f"('[' || {_K} || {literal(',1' * (max(modifier, 1) - 1) + ']')})")
    return _SIMPLE.get(type_.name)


def guesses(type_: Type) -> tuple[str, ...]:
    """Return texts that a type which nobody knows may take."""
    return tuple(f"{literal(text)}::{type_.quoted}" for text in _GUESSES)


def max_length(type_: Type, modifier: int) -> int | None:
    """Return how many characters a type of texts holds; None: any number."""
    if type_.name == "name":
        return 63
    return modifier - 4 if modifier > 4 else None


def _texts(length: int | None, name: str) -> Generator:
    """Return texts that are what the name of the column says: numbers, dates, addresses; else the name and a number."""
    plain = name.strip('"').lower()
    room = length if length is not None else 1000
    if "email" in plain and room >= 30:
        return Generator(f"('row' || {_K} || '@example.com')")
    if _NUMERIC_NAME.search(plain) and room >= 9:
        return Generator(f"(1 + {_K})::text")
    if _DATE_NAME.search(plain) and room >= 10:
        return Generator(f"(date '2020-01-01' + ({_K} % 2000000)::int)::text", 2000000)
    if "uuid" in plain and room >= 36:
        return Generator(f"(md5('row ' || {_K})::uuid)::text")
    if ("url" in plain or "link" in plain) and room >= 40:
        return Generator(f"('https://example.com/' || {_K})")
    if room >= len(plain) + 10:
        return Generator(f"({literal(plain + ' ')} || {_K})")
    return Generator(f"('v' || {_K})") if room >= 10 else from_slots([DIGITS + LETTERS] * room)


def _numerics(modifier: int) -> Generator:
    if modifier < 4:
        return Generator(f"(1.25 + {_K})")
    precision, scale = precision_of(modifier)
    if precision - scale >= 7:
        return Generator(f"({1 + (0.25 if scale >= 2 else 0)} + {_K} % {10 ** min(precision - scale, 18) - 1})")
    room = min(10 ** min(precision, 18) - 1, ENOUGH)
    return Generator(f"((1 + {_K} % {room}) * 1e{-scale}::numeric)", room)


def precision_of(modifier: int) -> tuple[int, int]:
    """Return the precision and scale in the modifier of a numeric."""
    return (modifier - 4) >> 16 & 0xFFFF, ((modifier - 4) & 0x7FF ^ 1024) - 1024


def _special_numerics(modifier: int) -> tuple[str, ...]:
    if modifier < 4:
        return ("0", "-1", "123456789012345678901234567890.123456789", "-123456789012345678901234567890.5")
    precision, scale = precision_of(modifier)
    most = f"({10**precision - 1} * 1e{-scale}::numeric)"
    return ("0", most, f"-{most}", f"1e{-scale}::numeric")


def _special_texts(length: int | None) -> tuple[str, ...]:
    return (
        "''",
        "'not a number'",
        f"repeat('x', {min(length, _LONGEST) if length is not None else LONG})",
        "'O''Brien \"100%\" \\ {null} \N{SNOWMAN}\N{PARTY POPPER}'",
        "'  padded  '",
        "'NULL'",
        "'-1e400'",
    )
