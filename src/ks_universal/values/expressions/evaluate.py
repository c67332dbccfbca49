"""A parsed template to its text."""

from collections.abc import Callable, Iterator
from typing import Any

from ks_universal.suggestions import suggest
from ks_universal.values.expressions.context import UNREAD, Context
from ks_universal.values.expressions.data import Missing, Value, is_true, read_field
from ks_universal.values.expressions.errors import ExpressionError
from ks_universal.values.expressions.functions import FUNCTIONS, LAZY
from ks_universal.values.expressions.functions.refused import REFUSED
from ks_universal.values.expressions.functions.signature import Function, convert_arguments, missing_value
from ks_universal.values.expressions.functions.versions import Version
from ks_universal.values.expressions.numbers import format_value
from ks_universal.values.expressions.syntax import (
    Access,
    Block,
    Branch,
    Call,
    Command,
    Dot,
    Jump,
    Literal,
    Operand,
    Output,
    Pipeline,
    Text,
    Variable,
)

MAX_STEPS = 100_000
MAX_CHARACTERS = 1_000_000
MAX_SIZE = 1_000_000
"""Characters and entries of a value, all that is in it included."""
MAX_WORK = 10_000_000
"""Characters and entries that all functions of a text may take and give."""
MAX_STEPS_OF_ALL = 20 * MAX_STEPS
MAX_WORK_OF_ALL = 3 * MAX_WORK
"""What all texts of a run may take together: thousands that each stay within their limit would take an hour."""
_WEIGHT_OF_TPL = 20
"""How much longer a character takes that is read as a template."""
MAX_ERRORS = 20
MAX_TEMPLATES = 10
"""How far `tpl` may go in texts that call it again."""
_CLOCK = "expressions/clock"
_REVISION = frozenset({"Revision", "IsInstall", "IsUpgrade"})

Parse = Callable[[str], Block]


class _JumpSignal(Exception):  # noqa: N818 - control flow, no error
    """`break` or `continue` on its way to its `range`."""


class Evaluation:
    """One evaluation of one text. Findings about outputs are collected, so that all of them are shown at once."""

    def __init__(self, context: Context, parse: Parse) -> None:
        """`parse` is what `tpl` reads its texts with."""
        self._context = context
        self._parse = parse
        self._steps = 0
        self._work = 0
        self._depth = 0
        self.is_over = False
        """A limit is reached: nothing more is evaluated."""
        self.errors: list[ExpressionError] = []
        self.warnings: list[ExpressionError] = []

    def run(self, block: Block, dot: Value | None = None) -> str:
        """Give the text; what could not be evaluated is missing from it, and among `errors`."""
        root = self._context.root if dot is None else dot
        output: list[str] = []
        frame = _Frame(self, root, output)
        try:
            frame.run(block, root)
        except ExpressionError as error:
            self.errors.append(_at(error, 0))
        except RecursionError:
            self.errors.append(ExpressionError("this nests values too deep", at=0))
        return "".join(output)

    def run_text(self, text: str, dot: Value, at: int) -> str:
        """Do what `tpl` does. Raises ExpressionError, at the place of the call."""
        self.work(len(text) * _WEIGHT_OF_TPL)
        if self._depth >= MAX_TEMPLATES:
            raise ExpressionError("'tpl' evaluates texts that call it again and again")
        self._depth += 1
        output: list[str] = []
        try:
            _Frame(self, dot, output, collects=False).run(self._parse(text), dot)
        except ExpressionError as error:
            error.at = at
            raise
        finally:
            self._depth -= 1
        return "".join(output)

    def read(self, value: Value) -> Value:
        """Give a plain value for one of the tree."""
        return self._context.read(value)

    def read_whole(self, value: Value) -> Value:
        """Give a plain value also for the root, which functions take as a map."""
        return self._context.read_whole(value)

    def call(self, name: str, signature: Function, values: list[Value]) -> Value:
        """Call a function with plain values. Raises ExpressionError."""
        measure = self.measure if signature.deep else _measure_surface
        for value in values:
            self.work(measure(value) * signature.weight)
        arguments = convert_arguments(name, signature, values)
        if signature.timed:
            arguments.insert(0, self._context.pattern_time)
        if signature.clocked:
            arguments.insert(0, self._context.read_clock())
        result = signature.call(*arguments)
        self.work(self.measure(result) * signature.weight)
        return result

    def check_read(self, ref: Value, names: tuple[str, ...], at: int) -> None:
        """Look whether what is read of the root is known. Raises ExpressionError where it never is."""
        if ref is not self._context.root:
            return
        reason = UNREAD.get(names[0])
        if reason is not None:
            raise ExpressionError(f".{names[0]} cannot be read here: {reason}", code="expressions/refused", at=at)
        if names[0] == "Release" and (not names[1:] or names[1] in _REVISION):
            what = ".".join(("", *names[:2]))
            message = f"{what} is that of a first install here, whatever the cluster holds"
            self.warnings.append(ExpressionError(message, code="expressions/unknown-revision", at=at))

    def note_clock(self, name: str, at: int) -> None:
        """Warn, once a text, that it is another one in each run."""
        if all(warning.code != _CLOCK for warning in self.warnings):
            message = f"'{name}' makes this another text in each run: what reads it changes in each deploy"
            hint = "no migration runs for it; SOURCE_DATE_EPOCH sets the time"
            self.warnings.append(ExpressionError(message, hint=hint, code=_CLOCK, at=at))

    def count(self, steps: int = 1) -> None:
        """Stop what would take too long."""
        self._steps += steps
        if self._steps > MAX_STEPS:
            raise self._limit("this takes too many steps")
        self._context.steps += steps
        self._check_all()

    def work(self, size: int) -> None:
        """Stop what goes through long values again and again."""
        self._work += size
        if self._work > MAX_WORK:
            raise self._limit("this takes too much work")
        self._context.work += size
        self._check_all()

    def measure(self, value: Value) -> int:
        """Give the size of a value, with all that is in it; stop what makes endless ones."""
        size = _measure(value)
        if size > MAX_SIZE:
            raise self._limit("this makes a value that is too large")
        return size

    def _check_all(self) -> None:
        if self._context.steps > MAX_STEPS_OF_ALL or self._context.work > MAX_WORK_OF_ALL:
            self._context.is_spent = True
            raise self._limit("all expressions up to this one take too much work, and those after it are not evaluated")

    def _limit(self, message: str) -> ExpressionError:
        self.is_over = True
        return ExpressionError(message)


class _Frame:
    """The variables and the output of one template."""

    def __init__(self, evaluation: Evaluation, root: Value, output: list[str], *, collects: bool = True) -> None:
        self._evaluation = evaluation
        self._output = output
        self._collects = collects
        self._length = 0
        self._scopes: list[dict[str, Value]] = [{"$": root}]

    def run(self, block: Block, dot: Value) -> None:
        """Run a block, with `dot` as what `.` is."""
        for part in block:
            self._evaluation.count()
            if isinstance(part, Text):
                self._write(part.text)
            elif isinstance(part, Output):
                self._run_output(part.pipeline, dot)
            elif isinstance(part, Jump):
                raise _JumpSignal(part.keyword)
            else:
                self._run_branch(part, dot)

    def _run_output(self, pipeline: Pipeline, dot: Value) -> None:
        if pipeline.variables:
            self._evaluate(pipeline, dot)
            return
        try:
            value = self._evaluate(pipeline, dot)
            if isinstance(value, Missing):
                raise _at(missing_value(value), pipeline.at)
            self._evaluation.work(self._evaluation.measure(value))
            self._write("" if value is None else format_value(value))
        except ExpressionError as error:
            if not self._collects or self._evaluation.is_over or len(self._evaluation.errors) >= MAX_ERRORS:
                raise
            self._evaluation.errors.append(error)

    def _write(self, text: str) -> None:
        self._length += len(text)
        if self._length > MAX_CHARACTERS:
            raise ExpressionError(f"the text grows beyond {MAX_CHARACTERS:,} characters")
        self._output.append(text)

    def _run_branch(self, branch: Branch, dot: Value) -> None:
        self._scopes.append({})
        value = self._evaluate(branch.pipeline, dot)
        if branch.keyword == "range":
            self._run_range(branch, value, dot)
        elif is_true(value):
            self._run_inner(branch.body, value if branch.keyword == "with" else dot)
        else:
            self._run_inner(branch.otherwise, dot)
        self._scopes.pop()

    def _run_range(self, branch: Branch, value: Value, dot: Value) -> None:
        if isinstance(value, Missing):
            raise _at(missing_value(value), branch.pipeline.at)
        names = branch.pipeline.variables
        empty = True
        for key, item in _at_place(lambda: list(_iterate(value, self._evaluation)), branch.pipeline.at):
            empty = False
            for name, given in zip(names, (key, item) if len(names) == 2 else (item,), strict=False):
                self._scopes[-1][name] = given
            depth = len(self._scopes)
            try:
                self._run_inner(branch.body, item)
            except _JumpSignal as jump:
                del self._scopes[depth:]
                if jump.args[0] == "break":
                    break
        if empty:
            self._run_inner(branch.otherwise, dot)

    def _run_inner(self, block: Block, dot: Value) -> None:
        self._scopes.append({})
        self.run(block, dot)
        self._scopes.pop()

    def _evaluate(self, pipeline: Pipeline, dot: Value) -> Value:
        self._evaluation.count()
        value = self._run_command(pipeline.commands[0], dot, ())
        for command in pipeline.commands[1:]:
            value = self._run_command(command, dot, (value,))
        for name in pipeline.variables if len(pipeline.variables) == 1 else ():
            self._assign(name, value, declares=pipeline.declares)
        return value

    def _assign(self, name: str, value: Value, *, declares: bool) -> None:
        scopes = (scope for scope in reversed(self._scopes) if name in scope)
        scope = self._scopes[-1] if declares else next(scopes, self._scopes[-1])
        scope[name] = value

    def _run_command(self, command: Command, dot: Value, piped: tuple[Value, ...]) -> Value:
        head = command.operands[0]
        if not isinstance(head, Call):
            return self._read(head, dot)
        return self._call(head, command.operands[1:], dot, piped)

    def _call(self, call: Call, operands: tuple[Operand, ...], dot: Value, piped: tuple[Value, ...]) -> Value:
        if call.name in ("and", "or"):
            return self._choose(call, operands, dot, piped)
        signature = FUNCTIONS.get(call.name)
        if signature is None and call.name != "tpl":
            raise _unknown_function(call)
        values = [*(self._read(operand, dot) for operand in operands), *piped]
        if signature is None:
            return self._call_template(call, values)
        if signature.clocked:
            self._evaluation.note_clock(call.name, call.at)
        plain = [self._evaluation.read_whole(value) for value in values]
        return _at_place(lambda: self._evaluation.call(call.name, signature, plain), call.at)

    def _call_template(self, call: Call, values: list[Value]) -> str:
        if len(values) != 2 or not isinstance(values[0], str | Missing):
            raise ExpressionError("'tpl' takes a text and what '.' is in it", hint='tpl "..." $', at=call.at)
        if isinstance(values[0], Missing):
            raise _at(missing_value(values[0]), call.at)
        return self._evaluation.run_text(values[0], values[1], call.at)

    def _choose(self, call: Call, operands: tuple[Operand, ...], dot: Value, piped: tuple[Value, ...]) -> Value:
        """Evaluate `and` or `or`: up to the first argument that settles it, which is the value."""
        if not operands and not piped:
            raise ExpressionError(f"'{call.name}' takes at least 1 argument", at=call.at)
        value: Value = None
        for operand in operands:
            value = self._read(operand, dot)
            if is_true(value) is (call.name == "or"):
                return value
        return piped[0] if piped else value

    def _read(self, operand: Operand, dot: Value) -> Value:
        if isinstance(operand, Literal):
            return operand.value
        if isinstance(operand, Access):
            return self._read_fields(operand, self._read_subject(operand.ref, dot))
        return self._evaluation.read(self._read_subject(operand, dot))

    def _read_subject(self, operand: Operand, dot: Value) -> Value:
        if isinstance(operand, Dot):
            return dot
        if isinstance(operand, Variable):
            return next(scope[operand.name] for scope in reversed(self._scopes) if operand.name in scope)
        if isinstance(operand, Call):
            return self._call(operand, (), dot, ())
        if isinstance(operand, Pipeline):
            return self._evaluate(operand, dot)
        return self._read(operand, dot)

    def _read_fields(self, access: Access, ref: Value) -> Value:
        name = access.ref.name if isinstance(access.ref, Variable) else ""
        self._evaluation.check_read(ref, access.names, access.at)
        value = ref
        for key in access.names:
            name = f"{name}.{key}"
            value = _read_one(value, key, name, access.at)
        return _at_place(lambda: self._evaluation.read(value), access.at)


def _measure(value: Value) -> int:
    """Count the characters and entries of a value, as often as they would be printed; no further than MAX_SIZE."""
    size, left = 0, [value]
    while left and size <= MAX_SIZE:
        part = left.pop()
        size += len(part) if isinstance(part, str | list | dict) else 1
        if isinstance(part, list | dict):
            left.extend(part.values() if isinstance(part, dict) else part)
    return size


def _measure_surface(value: Value) -> int:
    return len(value) if isinstance(value, str | list | dict) else 1


def _read_one(ref: Value, key: str, name: str, at: int) -> Value:
    found = ref.field(key) if isinstance(ref, Version) else read_field(ref, key, name)
    if found is None:
        above = name.rpartition(".")[0] or "this"
        raise ExpressionError(
            f"{above} is no map, so that {name} has no value", code="expressions/missing-value", at=at
        )
    return found


def _iterate(value: Value, evaluation: Evaluation) -> Iterator[tuple[Any, Any]]:
    """Give (key, item) of what `range` goes through: maps by sorted key, and whole numbers from 0."""
    if isinstance(value, dict | list):
        evaluation.count(len(value))
    if isinstance(value, dict):
        return ((key, value[key]) for key in sorted(value))
    if isinstance(value, list):
        return iter(list(enumerate(value)))
    if isinstance(value, int) and not isinstance(value, bool):
        evaluation.count(max(0, value))
        return ((number, number) for number in range(value))
    if value is None:
        return iter(())
    raise ExpressionError("'range' goes through a list, a map or a whole number")


def _at_place(compute: Callable[[], Any], at: int) -> Any:
    """Compute something; an error that does not know its position gets this one."""
    try:
        return compute()
    except ExpressionError as error:
        raise _at(error, at) from None


def _at(error: ExpressionError, at: int) -> ExpressionError:
    if error.at is None:
        error.at = at
    return error


def _unknown_function(call: Call) -> ExpressionError:
    if call.name in REFUSED:
        reason, advice = REFUSED[call.name]
        return ExpressionError(
            f"the function '{call.name}' {reason}", hint=advice, code="expressions/refused", at=call.at
        )
    hint = suggest(call.name, [*FUNCTIONS, *LAZY, *REFUSED])
    return ExpressionError(
        f"there is no function '{call.name}'", hint=hint, code="expressions/unknown-function", at=call.at
    )
