"""Nodes as JSON values, and as the text that stands for them where the format wants text (`AsYaml`)."""

from collections.abc import Callable
from typing import Any

from ks_universal.values.nodes import Mapping, Node, Scalar, Sequence
from ks_universal.values.scalars import resolve

YAML_TAG = "tag:yaml.org,2002:"
YAML_TEXT = f"{YAML_TAG}str"


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
    return write_yaml(node, lambda scalar: None if scalar.plain else (YAML_TEXT, None)).rstrip("\n")


def write_yaml(node: Node, describe: Callable[[Scalar], tuple[str, str | None] | None]) -> str:
    """Write a tree as YAML. `describe` gives a scalar's tag and style; None: it is written without quotes."""
    import yaml
    from yaml.nodes import MappingNode, ScalarNode, SequenceNode

    resolver: Any = yaml.SafeLoader("")

    def compose(node: Node) -> Any:
        if isinstance(node, Mapping):
            pairs = [(ScalarNode(YAML_TEXT, key), compose(child)) for key, child in node.entries.items()]
            return MappingNode(f"{YAML_TAG}map", pairs, flow_style=not pairs)
        if isinstance(node, Sequence):
            return SequenceNode(f"{YAML_TAG}seq", [compose(item) for item in node.items], flow_style=not node.items)
        # The serializer leaves the quotes out where the tag is the one that is read off the plain text.
        tag, style = describe(node) or (resolver.resolve(ScalarNode, node.text, (True, False)), None)
        return ScalarNode(tag, node.text, style=style)

    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    text: str = yaml.serialize(compose(node), Dumper=dumper, allow_unicode=True, width=2**20)
    return text
