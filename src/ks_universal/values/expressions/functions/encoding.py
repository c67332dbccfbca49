"""Functions that write values as other texts, and read them back."""

from typing import Any

from ks_universal.values.expressions.data import read_node, written
from ks_universal.values.expressions.errors import ExpressionError
from ks_universal.values.expressions.functions.json_text import to_json, to_pretty_json, to_raw_json
from ks_universal.values.expressions.functions.signature import Function, function
from ks_universal.values.expressions.functions.yaml_text import to_yaml
from ks_universal.values.expressions.printing import print_values

_HTML = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&#34;", "'": "&#39;", "\0": "\ufffd"}
_JS = {"\\": "\\\\", "'": "\\'", '"': '\\"', "<": "\\u003C", ">": "\\u003E", "&": "\\u0026", "=": "\\u003D"}
_URL_SAFE = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~")


def _encode_base64(text: str) -> str:
    from base64 import b64encode

    return b64encode(text.encode()).decode()


def _decode_base64(text: str) -> str:
    from base64 import b64decode

    return _decoded("base64", lambda: b64decode("".join(text.splitlines()), validate=True))


def _encode_base32(text: str) -> str:
    from base64 import b32encode

    return b32encode(text.encode()).decode()


def _decode_base32(text: str) -> str:
    from base64 import b32decode

    return _decoded("base32", lambda: b32decode("".join(text.splitlines())))


def _decoded(encoding: str, decode: Any) -> str:
    try:
        return str(decode().decode())
    except ValueError as error:
        raise ExpressionError(f"this is no text in {encoding}") from error


def _digest(name: str) -> Any:
    def digest(text: str) -> str:
        import hashlib

        return hashlib.new(name, text.encode(), usedforsecurity=False).hexdigest()

    return digest


def _adler32(text: str) -> str:
    from zlib import adler32

    return str(adler32(text.encode()))


def _from_json(text: str) -> Any:
    import json

    try:
        value = json.loads(text, parse_int=_whole, parse_float=written, parse_constant=_refuse_constant)
        return _replace_surrogates(value) if "\\ud" in text.lower() else value
    except (ValueError, RecursionError) as error:
        raise ExpressionError("this text is not JSON") from error


def _replace_surrogates(value: Any) -> Any:
    """Do what Go does with halves of characters, surrogates, which no text in UTF-8 can hold."""
    match value:
        case str():
            return "".join("\ufffd" if "\ud800" <= character <= "\udfff" else character for character in value)
        case dict():
            return {_replace_surrogates(key): _replace_surrogates(child) for key, child in value.items()}
        case list():
            return list(map(_replace_surrogates, value))
        case _:
            return value


def _whole(text: str) -> Any:
    return written(text, int(text))


def _refuse_constant(_: str) -> Any:
    raise ValueError


def _from_yaml(text: str) -> Any:
    from ks_universal.values.parse import parse_yaml

    tree, problems = parse_yaml(f"value:\n{_indented(text)}", "")
    if problems:
        raise ExpressionError("this text is not YAML")
    try:
        return read_node(tree.entries["value"])
    except ValueError as error:
        raise ExpressionError("this YAML holds a number that is not finite") from error


def _indented(text: str) -> str:
    return "".join(f" {line}" for line in text.splitlines(keepends=True) if line.rstrip() != "---")


def _of_kind(read: Any, kind: type, name: str) -> Any:
    def checked(text: str) -> Any:
        value = read(text)
        if not isinstance(value, kind):
            raise ExpressionError(f"this text holds no {name}")
        return value

    return checked


def _escape(table: dict[str, str]) -> Any:
    return lambda *values: "".join(table.get(character, character) for character in print_values(*values))


def _escape_js(*values: Any) -> str:
    return "".join(_JS.get(c, f"\\u{ord(c):04X}" if c < " " else c) for c in print_values(*values))


def _escape_url(*values: Any) -> str:
    text = print_values(*values)
    return "".join(c if c in _URL_SAFE else "+" if c == " " else "".join(f"%{b:02X}" for b in c.encode()) for c in text)


ENCODING: dict[str, Function] = {
    "adler32sum": function(_adler32, "text"),
    "b32dec": function(_decode_base32, "text", weight=5),
    "b32enc": function(_encode_base32, "text", weight=5),
    "b64dec": function(_decode_base64, "text"),
    "b64enc": function(_encode_base64, "text"),
    "fromJson": function(_of_kind(_from_json, dict, "map"), "text", weight=5),
    "fromJsonArray": function(_of_kind(_from_json, list, "list"), "text", weight=5),
    "fromYaml": function(_of_kind(_from_yaml, dict, "map"), "text", weight=20),
    "fromYamlArray": function(_of_kind(_from_yaml, list, "list"), "text", weight=20),
    "html": function(_escape(_HTML), "any*", weight=5, deep=True),
    "js": function(_escape_js, "any*", weight=5, deep=True),
    "sha1sum": function(_digest("sha1"), "text"),
    "sha256sum": function(_digest("sha256"), "text"),
    "sha512sum": function(_digest("sha512"), "text"),
    "toJson": function(to_json, "any", weight=5),
    "toPrettyJson": function(to_pretty_json, "any", weight=5),
    "toRawJson": function(to_raw_json, "any", weight=5),
    "toYaml": function(to_yaml, "any", weight=20),
    "urlquery": function(_escape_url, "any*", weight=5, deep=True),
}
