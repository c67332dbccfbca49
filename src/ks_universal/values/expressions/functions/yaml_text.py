"""YAML as Helm's `toYaml` writes it: keys sorted, quotes where go-yaml sets them, no final newline."""

import re
from functools import cache
from typing import Any

from ks_universal.values.expressions.numbers import format_float
from ks_universal.values.nodes import Scalar, Written
from ks_universal.values.scalars import resolve

_LARGEST_WHOLE = 2**63
# Texts that other readers take for something else: old booleans are known to `resolve`; these are not.
_AMBIGUOUS = re.compile(
    r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?"
    r"|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt ].*)?"
)


def to_yaml(value: Any) -> str:
    """Write a value as a block."""
    import yaml

    return (
        str(yaml.dump(value, Dumper=_dumper(), allow_unicode=True, width=2**20, default_flow_style=False))
        .rstrip("\n")
        .removesuffix("\n...")
    )


@cache
def _dumper() -> Any:
    import yaml

    class Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]  # chosen at run time
        def ignore_aliases(self, _: Any) -> bool:
            return True

    Dumper.add_multi_representer(dict, lambda dumper, value: dumper.represent_dict(dict(value)))
    Dumper.add_multi_representer(str, _represent_text)
    Dumper.add_multi_representer(bool, lambda dumper, value: dumper.represent_bool(value))
    Dumper.add_multi_representer(int, lambda dumper, value: dumper.represent_int(int(value)))
    Dumper.add_multi_representer(float, _represent_float)
    Dumper.add_multi_representer(object, lambda dumper, value: _represent_text(dumper, str(value)))
    for kind in (dict, str, bool, int, float):
        Dumper.add_representer(kind, Dumper.yaml_multi_representers[kind])
    return Dumper


def _represent_text(dumper: Any, text: str) -> Any:
    style = "|" if "\n" in text else '"' if _is_ambiguous(text) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style)


def _is_ambiguous(text: str) -> bool:
    if _AMBIGUOUS.fullmatch(text):
        return True
    try:
        return not isinstance(resolve(Scalar(text, plain=True, at=Written(""))), str)
    except ValueError:
        return True


def _represent_float(dumper: Any, value: float) -> Any:
    if value.is_integer() and abs(value) < _LARGEST_WHOLE:
        return dumper.represent_int(int(value))
    return dumper.represent_scalar("tag:yaml.org,2002:float", format_float(value))
