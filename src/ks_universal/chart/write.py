"""A tree as a values file: the characters of scalars as they were, texts of several lines as blocks; no comments."""

from ks_universal.model.conversion.text import YAML_TAG, YAML_TEXT, write_yaml
from ks_universal.values.nodes import Mapping, Scalar


def write_tree(tree: Mapping) -> str:
    """Write a tree so that it is read back as the same."""
    return write_yaml(tree, _describe)


def _describe(scalar: Scalar) -> tuple[str, str | None] | None:
    if scalar.tag is not None:
        return scalar.tag.replace("!!", YAML_TAG, 1), None
    if scalar.plain:
        return None
    return YAML_TEXT, "|" if "\n" in scalar.text else '"'
