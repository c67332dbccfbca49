"""`ks-universal completion`: what a shell has to read once to complete the commands."""

import click

from ks_universal.cli.completing import SHELLS, write_script
from ks_universal.cli.show.console import write_result


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
def command(shell: str) -> None:
    r"""Print the script that completes ks-universal and ksu in a shell.

    \b
    bash, in ~/.bashrc:         eval "$(ks-universal completion bash)"
    zsh, in ~/.zshrc:           eval "$(ks-universal completion zsh)"
    fish:                       ks-universal completion fish > ~/.config/fish/completions/ks-universal.fish
    powershell, in $PROFILE:    ks-universal completion powershell | Out-String | Invoke-Expression
    """
    write_result(write_script(shell))
