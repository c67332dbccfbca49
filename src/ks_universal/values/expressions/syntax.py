"""What a template is made of. `at` is the offset of a part in the text, from 0."""

from typing import Any, NamedTuple


class Literal(NamedTuple):
    """A text, number, boolean, or nil (None)."""

    value: Any
    at: int


class Dot(NamedTuple):
    """`.`: what the enclosing `with` or `range` set, else the root."""

    at: int


class Variable(NamedTuple):
    """`$x`; `$` itself is the root."""

    name: str
    at: int


class Call(NamedTuple):
    """A function by its name; its arguments follow it in the command."""

    name: str
    at: int


class Access(NamedTuple):
    """Fields of something: `.Values.a`, `$x.a`, `(...).a`; `names` from the outside in."""

    ref: "Operand"
    names: tuple[str, ...]
    at: int


class Pipeline(NamedTuple):
    """Commands joined by `|`, each the last argument of the next; `variables` take the value, anew if `declares`."""

    commands: tuple["Command", ...]
    variables: tuple[str, ...]
    declares: bool
    at: int


class Command(NamedTuple):
    """A function with its arguments, or a single operand."""

    operands: tuple["Operand", ...]
    at: int


Operand = Literal | Dot | Variable | Call | Access | Pipeline


class Text(NamedTuple):
    """What is between the braces, trimmed."""

    text: str


class Output(NamedTuple):
    """`{{ pipeline }}`: prints its value, unless it sets a variable."""

    pipeline: Pipeline


class Branch(NamedTuple):
    """`if`, `with` or `range`, with what runs otherwise."""

    keyword: str
    pipeline: Pipeline
    body: "Block"
    otherwise: "Block"
    at: int


class Jump(NamedTuple):
    """`break` or `continue`."""

    keyword: str


Part = Text | Output | Branch | Jump
Block = tuple[Part, ...]
