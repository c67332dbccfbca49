"""`--report FILE`: what a run came to, as a page, as Markdown or as JSON, by the name of the file."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ks_universal import InputError
from ks_universal.cli.show.console import say, show_problems, write_file

if TYPE_CHECKING:
    from ks_universal import RunTimeline

_ENDINGS = (".html", ".md", ".json")


class ReportFile(click.ParamType[str]):
    """The name of a file that ends in .html, .md or .json and whose folder exists, or GitHub's step summary."""

    name = "file"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Refuse before the run what could not be written after it."""
        if not (_is_summary(value) or value.endswith(_ENDINGS)):
            self.fail(f"{value!r} does not say what to write: end it in {', '.join(_ENDINGS)}", param, ctx)
        folder = Path(value).parent
        if not folder.is_dir() or not os.access(folder, os.W_OK):
            self.fail(f"{value!r} cannot be written: no such folder, or not yours to write", param, ctx)
        return str(value)


def write_report_file(file: str, timeline: "RunTimeline", verdict: str) -> None:
    """Write the report of a run; where that fails, it is told, and changes nothing of the run's outcome."""
    import msgspec

    from ks_universal import describe_timeline, write_run_markdown, write_run_page

    try:
        if _is_summary(file):
            with Path(file).open("a", encoding="utf-8", errors="backslashreplace") as stream:
                stream.write(write_run_markdown(timeline, verdict))
        elif file.endswith(".json"):
            described = {"verdict": verdict, **describe_timeline(timeline)}
            write_file(file, msgspec.json.format(msgspec.json.encode(described)).decode() + "\n")
        else:
            write_file(file, (write_run_page if file.endswith(".html") else write_run_markdown)(timeline, verdict))
    except InputError as error:
        show_problems(error.problems)
    except OSError as error:
        say(f"{file} cannot be written: {os.strerror(error.errno or 0).lower()}")


def _is_summary(file: str) -> bool:
    """Tell whether it is the file whose Markdown a workflow of GitHub shows; what is in it stays."""
    return file == os.environ.get("GITHUB_STEP_SUMMARY")
