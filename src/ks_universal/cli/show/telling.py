"""What is told of a run beside the terminal: a file (`--report`), a chat (`--webhook`), a trace (by its variables)."""

from typing import TYPE_CHECKING

import msgspec

from ks_universal import KsUniversalError, RunRecorder, post_run, send_trace, wants_traces
from ks_universal.cli.show.console import show_problems
from ks_universal.cli.show.report_file import write_report_file

if TYPE_CHECKING:
    from ks_universal.cli.show.report import RunReport


class Telling(msgspec.Struct, frozen=True):
    """Where how a run went is told; nothing of it changes the run's outcome."""

    report_file: str | None
    webhook: str | None

    def open(self) -> RunRecorder | None:
        """Give what gathers the run, where anybody wants it."""
        return RunRecorder() if self.report_file or self.webhook or wants_traces() else None

    def tell(self, release: str, report: "RunReport") -> None:
        """Tell it, after the run; what is not taken is told on standard error."""
        if report.recorder is None:
            return
        timeline, verdict = report.recorder.gather(release), report.tell_verdict(release)
        if self.report_file:
            write_report_file(self.report_file, timeline, verdict)
        try:
            if self.webhook:
                post_run(self.webhook, timeline, verdict)
        except KsUniversalError as error:
            show_problems(error.problems)
        try:
            if wants_traces():
                send_trace(timeline, verdict)
        except KsUniversalError as error:
            show_problems(error.problems)
