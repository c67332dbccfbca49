"""What a shell completes: commands, options, files, and names that the kubeconfig, the cluster or the format knows.

Imported only where a shell asks, and what a finder needs only when it looks: somebody waits for each of them. What
cannot be found out (no cluster, no rights) completes to nothing, in silence.
"""

import os
from collections.abc import Awaitable, Callable, Iterable

import click
from click.shell_completion import CompletionItem, ShellComplete, add_completion_class, get_completion_class

from ks_universal import KsUniversalError
from ks_universal.cli.cluster import PLAN_FORMATS
from ks_universal.cli.environment import COMPLETION

SHELLS = ("bash", "zsh", "fish", "powershell")
_PROGRAMS = ("ks-universal", "ksu")
_PATIENCE_S = 3.0
"""How long a shell waits for what a cluster knows."""


class _PowerShell(ShellComplete):
    """PowerShell, which click does not know: words come one a line, and go with type and help between tabs."""

    name = "powershell"
    source_template = """\
Register-ArgumentCompleter -Native -CommandName %(prog_name)s -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    $env:%(complete_var)s = 'powershell_complete'
    $env:COMP_WORDS = ($commandAst.CommandElements | ForEach-Object { $_.ToString() }) -join "`n"
    $env:COMP_CWORD = $wordToComplete
    try {
        %(prog_name)s | ForEach-Object {
            $type, $value, $help = $_ -split "`t", 3
            if ($type -eq 'plain') {
                $shown = if ($help) { $help } else { $value }
                [System.Management.Automation.CompletionResult]::new($value, $value, 'ParameterValue', $shown)
            } else {
                [System.Management.Automation.CompletionCompleters]::CompleteFilename($wordToComplete)
            }
        }
    } finally {
        Remove-Item Env:%(complete_var)s, Env:COMP_WORDS, Env:COMP_CWORD -ErrorAction SilentlyContinue
    }
}
"""

    def get_completion_args(self) -> tuple[list[str], str]:
        """Read the words before the one to complete, and that."""
        words, incomplete = os.environ["COMP_WORDS"].split("\n")[1:], os.environ.get("COMP_CWORD", "")
        if incomplete and words and words[-1] == incomplete:
            words.pop()
        return words, incomplete

    def format_completion(self, item: CompletionItem) -> str:
        """Write an item on a line."""
        return f"{item.type}\t{item.value}\t{item.help or ''}"


add_completion_class(_PowerShell)


def write_script(shell: str) -> str:
    """Write what a shell has to read to complete this program by each of its names."""
    kind = get_completion_class(shell)
    assert kind is not None  # noqa: S101 - one of SHELLS
    return "\n".join(kind(click.Group(), {}, program, COMPLETION).source() for program in _PROGRAMS)


class _Found(click.ParamType[str]):
    """A text that completes to what a function finds."""

    name = "text"

    def __init__(self, find: Callable[[click.Context, str], Iterable[str]]) -> None:
        self._find = find

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG002 - click's signature
        """Give what begins like the word."""
        try:
            found = list(self._find(ctx, incomplete))
        except (KsUniversalError, OSError, TimeoutError):
            return []
        return [CompletionItem(word) for word in found if word.startswith(incomplete)]


class _FileOr(click.ParamType[str]):
    """A file, or one of some words."""

    name = "file"

    def __init__(self, *words: str) -> None:
        self._words = words

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG002 - see above
        """Have the shell complete a file where no word begins so."""
        found = [CompletionItem(word) for word in self._words if word.startswith(incomplete)]
        return found or [CompletionItem(incomplete, type="file")]


def add_completion(command: click.Command) -> click.Command:
    """Give the parameters of a command what they complete to, by their names."""
    for parameter in command.params:
        is_own = isinstance(parameter, click.Option) and parameter.name in ("name", "word")  # `init --name`
        if parameter.name in _FINDERS and not is_own:
            parameter.type = _Found(_FINDERS[parameter.name])
        elif parameter.metavar is not None and "FILE" in parameter.metavar:
            parameter.type = _FileOr(*(PLAN_FORMATS if "markdown" in parameter.metavar else ()))
        elif parameter.metavar == "DIR":
            parameter.type = click.Path(file_okay=False)
    return command


def _ask(question: Awaitable[Iterable[str]]) -> Iterable[str]:
    import asyncio

    async def ask() -> Iterable[str]:
        return await asyncio.wait_for(question, _PATIENCE_S)

    return asyncio.run(ask())


def _find_contexts(ctx: click.Context, _: str) -> Iterable[str]:
    from ks_universal import list_contexts

    return list_contexts(ctx.params.get("kubeconfig"))


def _find_namespaces(ctx: click.Context, _: str) -> Iterable[str]:
    from ks_universal import list_namespaces

    return _ask(list_namespaces(context=ctx.params.get("context"), kubeconfig=ctx.params.get("kubeconfig")))


def _find_releases(ctx: click.Context, _: str) -> Iterable[str]:
    from ks_universal import list_releases

    namespace, context, kubeconfig = (ctx.params.get(name) for name in ("namespace", "context", "kubeconfig"))

    async def ask() -> Iterable[str]:
        found = await list_releases(namespace=namespace, context=context, kubeconfig=kubeconfig)
        return [revision.release for revision in found.revisions]

    return _ask(ask())


def _find_keys(_: click.Context, word: str) -> Iterable[str]:
    """Give the keys below the last point of a word: `deployments.*.mig` begins `deployments.*.migrations`."""
    from ks_universal import explain_key

    above = word.rpartition(".")[0]
    return [f"{above}.{key.path}" if above else key.path for key in explain_key(above).keys]


_FINDERS: dict[str | None, Callable[[click.Context, str], Iterable[str]]] = {
    "context": _find_contexts,
    "namespace": _find_namespaces,
    "name": _find_releases,
    "word": _find_keys,
}
