"""How tools write a text: each encoder as the tool or library itself does it, or by its documented rule."""

import html
import json
import re
import shlex
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable
from urllib.parse import quote, quote_plus
from xml.sax.saxutils import escape, quoteattr

Encoder = Callable[[str], str]


def encode_base64(text: str) -> str:
    return b64encode(text.encode()).decode()


def escape_in_javascript(text: str) -> str:
    """As `escape()` does."""
    units = (int(unit, 16) for unit in re.findall("....", text.encode("utf-16-be").hex()))
    plain = re.compile("[A-Za-z0-9@*_+./-]")
    return "".join(
        chr(unit) if plain.match(chr(unit)) else f"%{unit:02X}" if unit < 256 else f"%u{unit:04X}" for unit in units
    )


def quote_for_bash(text: str) -> str:
    """As `printf %q` does with what can be printed."""
    return re.sub(r"([^A-Za-z0-9_])", r"\\\1", text)


def write_go_json(text: str) -> str:
    raw = json.dumps(text, ensure_ascii=False)
    return raw.replace("&", r"\u0026").replace("<", r"\u003c").replace(">", r"\u003e")


ENCODERS: dict[str, Encoder] = {
    "as it is": str,
    "json of python": json.dumps,
    "json": lambda text: json.dumps(text, ensure_ascii=False),
    "json of go": write_go_json,
    "json of php": lambda text: json.dumps(text).replace("/", r"\/"),
    "json in json": lambda text: json.dumps(json.dumps({"password": text})),
    "percent": lambda text: quote(text, safe=""),
    "percent of a path": quote,
    "percent in lower case": lambda text: re.sub("%..", lambda m: m[0].lower(), quote(text, safe="")),
    "every byte in percent": lambda text: "".join(f"%{byte:02x}" for byte in text.encode()),
    "encodeURIComponent": lambda text: quote(text, safe="!'()*"),
    "url.UserPassword of go": lambda text: quote(text, safe="$&+,;="),
    "percent twice": lambda text: quote(quote(text, safe=""), safe=""),
    "escape of javascript": escape_in_javascript,
    "form": quote_plus,
    "url in json": lambda text: json.dumps({"url": f"postgres://me:{quote(text, safe='')}@pg:5432/app"}),
    "json in a url": lambda text: quote(json.dumps({"password": text})),
    "base64": encode_base64,
    "base64 with a line end": lambda text: encode_base64(f"{text}\n"),
    "base64 for urls": lambda text: urlsafe_b64encode(text.encode()).decode().rstrip("="),
    "basic authentication": lambda text: encode_base64(f"user:{text}"),
    "inside of base64": lambda text: encode_base64(f"u:{text}@host"),
    "repr": repr,
    "repr of bytes": lambda text: repr(text.encode()),
    "ascii": ascii,
    "shlex": shlex.quote,
    "single quotes of a shell": lambda text: "'" + text.replace("'", r"'\''") + "'",
    "printf %q": quote_for_bash,
    "html": html.escape,
    "xml": escape,
    "xml attribute": quoteattr,
    "numbers in html": lambda text: "".join(f"&#{ord(c)};" for c in text),
    "sql": lambda text: "'" + text.replace("'", "''") + "'",
    "csv": lambda text: '"' + text.replace('"', '""') + '"',
    "configparser": lambda text: text.replace("%", "%%"),
    "compose": lambda text: text.replace("$", "$$"),
    "colours": lambda text: f"\x1b[31m{text[:3]}\x1b[0;1m{text[3:]}\x1b[0m",
    "no width": lambda text: "\u200b".join(text),
    "utf-16": lambda text: re.sub("....", lambda m: rf"\u{m[0]}", text.encode("utf-16-be").hex()),
}
