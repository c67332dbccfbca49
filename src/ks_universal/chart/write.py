"""A tree as a values file: the characters of scalars as they were, texts of several lines as blocks; no comments."""

from typing import Any

from ks_universal.values.nodes import Mapping, Node, Scalar

_TAG = "tag:yaml.org,2002:"


def write_tree(tree: Mapping) -> str:
    """Write a tree so that it is read back as the same."""
    import yaml

    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    text: str = yaml.serialize(_compose(tree), Dumper=dumper, allow_unicode=True, width=2**20)
    return text


def _compose(node: Node) -> Any:
    from yaml.nodes import MappingNode, SequenceNode

    if isinstance(node, Scalar):
        return _compose_scalar(node)
    if isinstance(node, Mapping):
        pairs = [(_compose_key(key), _compose(child)) for key, child in node.entries.items()]
        return MappingNode(f"{_TAG}map", pairs, flow_style=not pairs)
    return SequenceNode(f"{_TAG}seq", [_compose(item) for item in node.items], flow_style=not node.items)


def _compose_key(key: str) -> Any:
    from yaml.nodes import ScalarNode

    return ScalarNode(f"{_TAG}str", key)


def _compose_scalar(scalar: Scalar) -> Any:
    from yaml import SafeLoader
    from yaml.nodes import ScalarNode

    if scalar.tag is not None:
        return ScalarNode(scalar.tag.replace("!!", _TAG, 1), scalar.text)
    if not scalar.plain:
        return ScalarNode(f"{_TAG}str", scalar.text, style="|" if "\n" in scalar.text else '"')
    resolver: Any = SafeLoader("")
    return ScalarNode(resolver.resolve(ScalarNode, scalar.text, (True, False)), scalar.text)
