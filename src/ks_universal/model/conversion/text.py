"""Nodes as JSON values, and as the text that stands for them where the format wants text (`AsYaml`)."""

from typing import Any

from ks_universal.values.nodes import Mapping, Node, Scalar, Sequence
from ks_universal.values.scalars import resolve


def to_json(node: Node) -> Any:
    """Read a node as Kubernetes' tools would; entries without a value are left out.

    Raises:
        ValueError: A scalar has no value (see `resolve`).
    """
    if isinstance(node, Mapping):
        values = {key: to_json(child) for key, child in node.entries.items()}
        return {key: value for key, value in values.items() if value is not None}
    if isinstance(node, Sequence):
        return [to_json(item) for item in node.items]
    return resolve(node)


def scalar_text(scalar: Scalar) -> str:
    """Give the characters of a scalar as written (`!!binary` decoded).

    Raises:
        ValueError: It is tagged `!!binary` and is not base64.
    """
    return str(resolve(scalar)) if scalar.tag == "!!binary" else scalar.text


def to_yaml(node: Node) -> str:
    """Write a list or map as YAML, its scalars with the characters they had, without a final newline."""
    import yaml

    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    text: str = yaml.serialize(_compose(node), Dumper=dumper, allow_unicode=True, width=2**20)
    return text.rstrip("\n")


def _compose(node: Node) -> Any:
    from yaml.nodes import MappingNode, ScalarNode, SequenceNode

    if isinstance(node, Mapping):
        pairs = [(_scalar(ScalarNode, key, plain=False), _compose(child)) for key, child in node.entries.items()]
        return MappingNode("tag:yaml.org,2002:map", pairs, flow_style=not pairs)
    if isinstance(node, Sequence):
        return SequenceNode("tag:yaml.org,2002:seq", [_compose(item) for item in node.items], flow_style=not node.items)
    return _scalar(ScalarNode, node.text, plain=node.plain)


def _scalar(kind: Any, text: str, *, plain: bool) -> Any:
    return kind(_plain_tag(text) if plain else "tag:yaml.org,2002:str", text)


def _plain_tag(text: str) -> str:
    """Find the tag with which the serializer writes a text without quotes."""
    from yaml import SafeLoader
    from yaml.nodes import ScalarNode

    resolver: Any = SafeLoader("")
    tag: str = resolver.resolve(ScalarNode, text, (True, False))
    return tag
