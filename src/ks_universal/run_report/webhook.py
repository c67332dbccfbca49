"""Tells a chat how a run ended: a message as Slack's incoming webhooks and those like them take it."""

import httpx2

from ks_universal.diagnostics import Problem
from ks_universal.errors import TargetError
from ks_universal.json_types import Json
from ks_universal.plan.records import Outcome
from ks_universal.run_report.forms import choose_causes, list_failed
from ks_universal.run_report.timeline import RunTimeline

_TIMEOUT_S = 10.0
_MOST_CAUSES = 5


def post_run(url: str, timeline: RunTimeline, verdict: str) -> None:
    """Send how a run ended. Raises TargetError, which does not name the URL: whoever knows it may write there."""
    try:
        answer = httpx2.post(url, json=describe_message(timeline, verdict), timeout=_TIMEOUT_S)
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise TargetError(_fail(type(error).__name__)) from None
    if not answer.is_success:
        raise TargetError(_fail(f"it answers with status {answer.status_code}"))


def describe_message(timeline: RunTimeline, verdict: str) -> Json:
    """Give the message: the verdict, and the first causes with what to do about them."""
    icon = ":white_check_mark:" if timeline.outcome is Outcome.SUCCEEDED else ":x:"
    lines = [f"{icon} *{_escape(verdict)}*"]
    causes = [("", problem) for problem in timeline.problems]
    causes += [(f"{step.id}: ", cause) for step in list_failed(timeline) for cause in choose_causes(step)]
    for place, cause in causes[:_MOST_CAUSES]:
        lines.append(f"• {_escape(place)}`{cause.code}` {_escape(cause.message)}")
        if cause.hint:
            lines.append(f"    {_escape(cause.hint)}")
    if more := len(causes) - _MOST_CAUSES:
        lines += [f"and {more} more"] if more > 0 else []
    return {"text": "\n".join(lines)}


def _escape(text: str) -> str:
    """Escape what Slack reads as links and mentions."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _fail(why: str) -> Problem:
    return Problem(
        "run/webhook", f"the webhook did not take the message: {why}", hint="the run itself is as told above"
    )
