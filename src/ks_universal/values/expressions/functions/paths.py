"""Functions on paths with slashes."""

import posixpath

from ks_universal.values.expressions.functions.signature import Function, function


def _base(path: str) -> str:
    if not path:
        return "."
    return path.rstrip("/").rpartition("/")[2] or "/"


def _clean(path: str) -> str:
    # Go has one slash where POSIX lets two at the start be.
    return posixpath.normpath("/" + path.lstrip("/") if path.startswith("/") else path)


def _dir(path: str) -> str:
    before, slash, _ = path.rpartition("/")
    return _clean(before + slash)


def _ext(path: str) -> str:
    name = path.rpartition("/")[2]
    dot = name.rfind(".")
    return name[dot:] if dot >= 0 else ""


PATHS: dict[str, Function] = {
    "base": function(_base, "text"),
    "clean": function(_clean, "text"),
    "dir": function(_dir, "text"),
    "ext": function(_ext, "text"),
    "isAbs": function(lambda path: path.startswith("/"), "text"),
}
