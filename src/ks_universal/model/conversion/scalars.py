"""Converts single scalars: each function takes (node, trail, findings) and gives the value, or UNSET.

UNSET without a finding means null; whoever asked knows whether that is an absent key or an empty entry.
"""

from collections.abc import Callable
from typing import Any

from msgspec import UNSET

from ks_universal.model.conversion.findings import Findings, Trail
from ks_universal.model.conversion.text import scalar_text, to_json, to_yaml
from ks_universal.values.nodes import Mapping, Node, Scalar, Sequence, Written
from ks_universal.values.scalars import is_null, resolve

Convert = Callable[[Node, Trail, Findings], Any]
_TRUTH = {"true": True, "false": False}
_NOWHERE = Written("")


def convert_text(node: Node, trail: Trail, findings: Findings) -> Any:
    """Text: the characters as written, whatever they would mean elsewhere."""
    if type(node) is Scalar:
        if is_null(node):
            return UNSET
        return node.text if node.tag is None else _tagged_text(node, trail, findings)
    return _refuse(node, trail, findings, "a text")


def convert_any_text(node: Node, trail: Trail, findings: Findings) -> Any:
    """Text, or a list or map that becomes YAML text."""
    return convert_text(node, trail, findings) if type(node) is Scalar else to_yaml(node)


def convert_bool(node: Node, trail: Trail, findings: Findings) -> Any:
    """A boolean as Kubernetes reads it, or one of the texts `"true"` and `"false"`."""
    value = _resolve(node, trail, findings, "true or false")
    if value is UNSET or isinstance(value, bool):
        return value
    if isinstance(value, str) and value in _TRUTH:
        return _TRUTH[value]
    return _refuse(node, trail, findings, "true or false")


def find_truth(node: Node) -> bool | None:
    """Find which boolean `convert_bool` would make of a node; None where it would refuse it."""
    try:
        value = resolve(node) if type(node) is Scalar else None
    except ValueError:
        return None
    return _TRUTH.get(value) if isinstance(value, str) else value if isinstance(value, bool) else None


def convert_int(node: Node, trail: Trail, findings: Findings) -> Any:
    """A whole number, or its text."""
    return _convert_int(node, trail, findings, 2**63)


def convert_int32(node: Node, trail: Trail, findings: Findings) -> Any:
    """A whole number of 32 bits, or its text."""
    return _convert_int(node, trail, findings, 2**31)


def convert_number(node: Node, trail: Trail, findings: Findings) -> Any:
    """A number, or its text."""
    value = _read_number(_resolve(node, trail, findings, "a number"))
    if value is UNSET or (isinstance(value, int | float) and not isinstance(value, bool)):
        return value
    return _refuse(node, trail, findings, "a number")


def convert_int_or_text(node: Node, trail: Trail, findings: Findings) -> Any:
    """Kubernetes' IntOrString. Digits are a number also when quoted: as a text they are never valid."""
    value = _read_number(_resolve(node, trail, findings, "a number or a text"))
    if value is UNSET or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    return convert_text(node, trail, findings)


def convert_quantity(node: Node, trail: Trail, findings: Findings) -> Any:
    """Kubernetes' Quantity: an amount as written, `100m`, `0.5`, `256Mi`."""
    from ks_universal.model.kubernetes.names import is_quantity

    value = convert_text(node, trail, findings)
    if isinstance(value, str) and not is_quantity(value):
        findings.unfit_value(trail, node, "must be an amount such as 500m, 2 or 256Mi")
        return UNSET
    return value


def convert_any(node: Node, trail: Trail, findings: Findings) -> Any:
    """Anything, as JSON."""
    try:
        value = to_json(node)
    except ValueError:
        _report_unreadable(node, trail, findings)
        return UNSET
    return UNSET if value is None else value


def _report_unreadable(node: Node, trail: Trail, findings: Findings) -> None:
    """Report each scalar below a node that has no value."""
    if isinstance(node, Mapping):
        for key, child in node.entries.items():
            _report_unreadable(child, (trail, key), findings)
    elif isinstance(node, Sequence):
        for index, child in enumerate(node.items):
            _report_unreadable(child, (trail, index), findings)
    else:
        _resolve(node, trail, findings, "a value")


def _convert_int(node: Node, trail: Trail, findings: Findings, limit: int) -> Any:
    value = _read_number(_resolve(node, trail, findings, "a whole number"))
    if value is UNSET:
        return value
    if not isinstance(value, int) or isinstance(value, bool):
        return _refuse(node, trail, findings, "a whole number")
    if not -limit <= value < limit:
        findings.unfit_value(trail, node, f"must be between {-limit} and {limit - 1}")
        return UNSET
    return value


def _resolve(node: Node, trail: Trail, findings: Findings, expected: str) -> Any:
    if type(node) is not Scalar:
        return _refuse(node, trail, findings, expected)
    try:
        value = resolve(node)
    except ValueError as error:
        findings.unfit_value(trail, node, str(error))
        return UNSET
    return UNSET if value is None else value


def _read_number(value: Any) -> Any:
    """Read the text of a number as the number; anything else stays."""
    if not isinstance(value, str) or not value[:1].isascii():
        return value
    try:
        number = resolve(Scalar(value, plain=True, at=_NOWHERE))
    except ValueError:
        return value
    return number if isinstance(number, int | float) and not isinstance(number, bool) else value


def _tagged_text(node: Scalar, trail: Trail, findings: Findings) -> Any:
    try:
        return scalar_text(node)
    except ValueError as error:
        findings.unfit_value(trail, node, str(error))
        return UNSET


def _refuse(node: Node, trail: Trail, findings: Findings, expected: str) -> Any:
    findings.wrong_type(trail, node, expected)
    return UNSET
