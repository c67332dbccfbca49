"""JSON as Go's encoder writes it: keys sorted, numbers its way, `<`, `>` and `&` escaped for HTML."""

from typing import Any

from ks_universal.values.expressions.numbers import format_float

_HTML = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"})


def to_json(value: Any) -> str:
    """Write a value on one line."""
    return to_raw_json(value).translate(_HTML)


def to_raw_json(value: Any) -> str:
    """Write a value on one line, without HTML's escapes."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{_write_scalar(key)}:{to_raw_json(value[key])}" for key in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(to_raw_json, value)) + "]"
    return _write_scalar(value)


def to_pretty_json(value: Any) -> str:
    """Write a value with two blanks of indentation."""
    return _write_pretty(value, "\n").translate(_HTML)


def _write_pretty(value: Any, line: str) -> str:
    inner = line + "  "
    if isinstance(value, dict) and value:
        entries = (f"{_write_scalar(key)}: {_write_pretty(value[key], inner)}" for key in sorted(value))
        return "{" + inner + f",{inner}".join(entries) + line + "}"
    if isinstance(value, list) and value:
        return "[" + inner + f",{inner}".join(_write_pretty(item, inner) for item in value) + line + "]"
    return to_raw_json(value)


def _write_scalar(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    if isinstance(value, int):
        return str(int(value))
    if isinstance(value, float):
        return format_float(value, plain_from=-6, plain_below=21).replace("e-0", "e-")
    import json

    text = value if isinstance(value, str) else str(value)
    return json.dumps(text, ensure_ascii=False).replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
