"""What `ks_universal` offers: all that the command line uses, with every type that a signature names."""

import ast
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_type_hints

import msgspec
import pytest

import ks_universal

SOURCE = Path(ks_universal.__file__)
EXPORTED = {name: getattr(ks_universal, name) for name in ks_universal.__all__}
INNER = {
    "Application": "the format as types; docs/values.md and `explain_key` say what is in it",
    "Local": "likewise",
}
OPAQUE = {
    "Client": "targets are opened by functions",
    "Mapping": "the tree of the values, handed from `load` to the checks of objects",
}


def find_homes() -> dict[str, str]:
    return {name: module for module, names in ks_universal._HOMES.items() for name in names.split()}


def find_typed() -> dict[str, str]:
    """Read what type checkers are told: the imports under TYPE_CHECKING."""
    tree = ast.parse(SOURCE.read_text())
    checked = next(node for node in tree.body if isinstance(node, ast.If))
    imports = [node for node in checked.body if isinstance(node, ast.ImportFrom)]
    return {alias.name: str(node.module) for node in imports for alias in node.names}


def test_names_are_the_same_for_programs_and_for_type_checkers() -> None:
    assert find_homes() == find_typed()
    assert sorted(find_homes()) == sorted(ks_universal.__all__)


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = ks_universal.nothing


def list_parts(hint: Any) -> Iterator[Any]:
    yield hint
    for part in get_args(hint):
        yield from list_parts(part)


def list_hints(name: str, found: Any) -> Iterator[Any]:
    """List the types that a function, or the fields and public methods of a class, name."""
    if inspect.isfunction(found):
        yield from get_type_hints(found, localns=EXPORTED).values()
    elif inspect.isclass(found) and name not in INNER:
        if issubclass(found, msgspec.Struct) or getattr(found, "__annotations__", None):
            yield from get_type_hints(found, localns=EXPORTED).values()
        for method, value in vars(found).items():
            function = value.fget if isinstance(value, property) else inspect.unwrap(value) if callable(value) else None
            if inspect.isfunction(function) and (not method.startswith("_") or method in {"__init__", "__call__"}):
                yield from get_type_hints(function, localns=EXPORTED).values()


def find_named(name: str) -> set[str]:
    parts = (part for hint in list_hints(name, EXPORTED[name]) for part in list_parts(hint))
    types = (part for part in parts if isinstance(part, type) and part.__module__.startswith("ks_universal"))
    return {each.__name__ for each in types if not each.__name__.startswith("_")}


@pytest.mark.parametrize("name", [name for name in ks_universal.__all__ if callable(EXPORTED[name])])
def test_every_type_that_a_public_signature_names_is_public(name: str) -> None:
    assert find_named(name) - set(ks_universal.__all__) - OPAQUE.keys() == set()
