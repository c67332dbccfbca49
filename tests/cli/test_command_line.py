"""The command line as people know it from other tools: help, names, variables, colours, completion."""

import io
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest

import ks_universal
from ks_universal.cli.catalog import COMMANDS, EXAMPLES, MEANT, SECTIONS
from ks_universal.cli.entry import commands
from ks_universal.cli.show.console import is_live, wants_colour
from support.shell import Invoke, Write

VALID = "deployments: {app: {containers: {main: {image: app, imageTag: v1}}}}"
WRONG = "deployments: {app: {containers: {main: {image: app, imageTag: v1, prots: {}}}}}"


def test_the_help_lists_each_command_in_a_group_with_a_whole_summary(ksu: Invoke) -> None:
    out = ksu("--help").out
    assert [line[:-1] for line in out.splitlines() if re.fullmatch(r"[A-Z].*:", line)] == ["Options", *SECTIONS]
    for section in SECTIONS.values():
        for name, summary in section.items():
            assert re.search(rf"^  {name} +{re.escape(summary)}$", out, re.MULTILINE)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_examples_of_a_command_are_in_its_help_and_take_its_options(ksu: Invoke, name: str) -> None:
    out = ksu(name, "--help").out
    assert EXAMPLES[name]
    for example in EXAMPLES[name]:
        assert f"  ks-universal {example}\n" in out
        words = shlex.split(example.partition(" > ")[0])
        assert words.pop(0) == name
        command = commands.get_command(click.Context(commands), name)
        assert command is not None
        command.make_context(name, words, resilient_parsing=False)


@pytest.mark.parametrize(("typed", "meant"), [*MEANT.items(), ("tempalte", "template")])
def test_what_other_tools_call_a_command_leads_to_it(ksu: Invoke, typed: str, meant: str) -> None:
    result = ksu(typed, "shop", "-f", "values.yaml")
    assert result.status == 2
    assert f"No such command '{typed}'. Did you mean '{meant}'?" in result.err
    assert meant in COMMANDS


def test_files_to_validate_may_be_arguments_each_laid_over_the_others(ksu: Invoke, write: Write) -> None:
    write({"a.yaml": VALID, "b.yaml": WRONG, "base.yaml": VALID, "part.yaml": "deployments: {app: {replicas: 3}}"})
    assert ksu("validate", "a.yaml") == (0, "", "values are valid\n")
    both = ksu("validate", "a.yaml", "b.yaml")
    assert (both.status, both.err.count("b.yaml:1:")) == (1, 1)
    assert ksu("validate", "-f", "base.yaml", "part.yaml", "a.yaml").status == 0
    assert ksu("validate", "part.yaml").status == 1
    assert ksu("validate").status == 2


def test_options_come_from_variables_and_the_command_line_wins(
    ksu: Invoke, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    write({"a b.yaml": VALID, "c.yaml": "deployments: {app: {replicas: 7}}"})
    monkeypatch.setenv("KSU_VALUES", "a b.yaml:c.yaml")
    monkeypatch.setenv("KSU_NAMESPACE", "here")
    out = ksu("template", "shop").out
    assert ("namespace: here\n" in out, "replicas: 7\n" in out) == (True, True)
    assert "namespace: there\n" in ksu("template", "shop", "-n", "there").out
    assert "env var: KSU_NAMESPACE" in " ".join(ksu("template", "--help").out.split())


def test_the_version_is_told_for_a_report_of_a_fault(ksu: Invoke) -> None:
    assert ksu("version").out.startswith(f"ks-universal {ks_universal.__version__} (Python 3.")
    assert f'"version": "{ks_universal.__version__}"' in ksu("version", "-o", "json").out


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("variables", "on_terminal", "elsewhere"),
    [
        ({}, True, False),
        ({"NO_COLOR": "1"}, False, False),
        ({"TERM": "dumb"}, False, False),
        ({"FORCE_COLOR": "1"}, True, True),
        ({"FORCE_COLOR": "1", "TERM": "dumb"}, True, True),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False, False),
    ],
)
def test_one_rule_says_whether_there_is_colour(
    ksu: Invoke, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], *, on_terminal: bool, elsewhere: bool
) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    terminal, file = _Terminal(), io.StringIO()
    assert (wants_colour(terminal), wants_colour(file)) == (on_terminal, elsewhere)
    assert (is_live(terminal), is_live(file)) == (variables.get("TERM") != "dumb", False)
    assert ("\x1b[" in ksu("validate", "missing.yaml").err) == elsewhere
    assert ("\x1b[" in ksu("up", "app", "-f", "missing.yaml").err) == elsewhere


ASK = """
import json, os, sys
from ks_universal.cli import run
for shell, *words in json.loads(sys.argv[1]):
    os.environ["COMP_WORDS"] = ("\\n" if shell == "powershell" else " ").join(words)
    os.environ["COMP_CWORD"] = words[-1] if shell == "powershell" else str(len(words) - 1)
    os.environ["_KS_UNIVERSAL_COMPLETE"] = f"{shell}_complete"
    try:
        run([])
    except SystemExit:
        print("--")
"""
"""Asks as the scripts of shells do; in a process of its own, because commands stay as they are made for completion."""


COMPLETIONS = (
    (["bash", "ksu", "dep"], "plain,deploy"),
    (["bash", "ksu", "deploy", "--create"], "plain,--create-namespace"),
    (["bash", "ksu", "validate", "-f", "val"], "file,val"),
    (["bash", "ksu", "validate", "val"], "file,val"),
    (["bash", "ksu", "plan", "shop", "-o", "j"], "plain,json"),
    (["bash", "ksu", "plan", "shop", "-o", "my"], "file,my"),
    (["bash", "ksu", "plan", "shop", "--context", ""], "plain,prod-eu"),
    (["bash", "ksu", "explain", "deployments.*.migrations.ret"], "plain,deployments.*.migrations.retry"),
    (["bash", "ksu", "status", "sh"], ""),  # no cluster to ask: nothing is said
    (["powershell", "ksu", "dep"], f"plain\tdeploy\t{SECTIONS['Cluster']['deploy']}"),
)


@pytest.mark.parametrize(("words", "found"), COMPLETIONS)
def test_names_files_and_keys_are_completed(answers: dict[tuple[str, ...], str], words: list[str], found: str) -> None:
    assert answers[tuple(words)] == found


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, ...], str]:
    """Ask all questions of the test above at once."""
    kubeconfig = tmp_path_factory.mktemp("kube") / "config"
    kubeconfig.write_text("contexts: [{name: prod-eu, context: {cluster: a, user: b}}]")
    questions = [words for words, _ in COMPLETIONS]
    done = subprocess.run(
        [sys.executable, "-c", ASK, json.dumps(questions)],
        env={**os.environ, "KUBECONFIG": str(kubeconfig)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    return {tuple(words): text.strip("\n") for words, text in zip(questions, done.stdout.split("\n--\n"), strict=False)}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "powershell"])
def test_the_script_of_a_shell_is_for_both_names(ksu: Invoke, shell: str) -> None:
    result = ksu("completion", shell)
    assert result.status == 0
    assert "_KS_UNIVERSAL_COMPLETE" in result.out
    assert {"ks-universal", "ksu"} <= set(re.findall(r"\bks(?:u|-universal)\b", result.out))


def test_bash_completes_by_the_script() -> None:
    script = """
        eval "$(ks-universal completion bash)"
        for program in ksu ks-universal; do
            complete -p $program
            COMP_WORDS=($program hist) COMP_CWORD=1
            "_${program//-/_}_completion" $program
            echo "${COMPREPLY[@]}"
        done
    """
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", script], env={**os.environ, "PATH": path}, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == [
        "complete -o nosort -F _ksu_completion ksu",
        "history",
        "complete -o nosort -F _ks_universal_completion ks-universal",
        "history history",
    ]
