"""`configs`: ConfigMaps and Secrets, byte for byte what was written (section 12 of the values reference)."""

from binascii import b2a_base64
from typing import Any

from ks_universal.digests import sha256_hex
from ks_universal.json_types import Json
from ks_universal.model.format.sections import Config, ConfigType, find_config
from ks_universal.resources.metadata import Scope, build_labels, build_metadata
from ks_universal.resources.references import Reference


def build_config(scope: Scope, name: str, config: Config) -> Json:
    """Build the ConfigMap, or the Secret with its values in base64."""
    metadata = build_metadata(scope, name, build_labels(scope, name, config.labels), config.annotations)
    body: Json = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}
    text = {**config.data, **config.string_data}
    binary = {key: "".join(value.split()) for key, value in config.binary_data.items()}
    if config.type is ConfigType.SECRET:
        body["kind"], body["type"] = "Secret", config.secret_type
        body["data"] = {key: encode(value) for key, value in text.items()} | binary
    else:
        body["data"] = text
        if binary:
            body["binaryData"] = binary
    if config.immutable is not None:
        body["immutable"] = config.immutable
    return body


def digest_configs(
    configs: dict[str, Config], references: tuple[Reference, ...], extra: list[tuple[str, str, str]]
) -> str | None:
    """Digest the content of those referenced configs that are in these values; None where there are none.

    `extra` says what extra objects are or make of it.

    Not by `digest_json`: the pods of every release carry this one. `ascii` writes alike in every version of Python;
    `repr` escapes what the version's Unicode table does not know.
    """
    found = ((kind, name, find_config(configs, kind, name)) for kind, name in sorted(references))
    read: list[Any] = [
        (kind, name, _content(each[1])) for kind, name, each in found if each is not None and not each[1].external
    ]
    read += extra
    return sha256_hex(ascii(read).encode())[:32] if read else None


def _content(config: Config) -> dict[str, str]:
    return {**config.data, **config.string_data, **config.binary_data}


def encode(text: str) -> str:
    """Encode a text as a Secret holds it."""
    return b2a_base64(text.encode(), newline=False).decode()
