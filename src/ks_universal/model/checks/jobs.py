"""Jobs and cron jobs: their numbers, when they run, and what restarts their containers."""

from ks_universal.model.application import Application
from ks_universal.model.checks.places import each_job
from ks_universal.model.checks.report import Report
from ks_universal.model.schedules import is_schedule
from ks_universal.model.workloads import CronJob, Job, JobSettings
from ks_universal.values.nodes import Path

_RESTARTS = ("Never", "OnFailure")
_AT_LEAST = {
    "activeDeadlineSeconds": 1,
    "backoffLimit": 0,
    "backoffLimitPerIndex": 0,
    "completions": 1,
    "maxFailedIndexes": 0,
    "parallelism": 1,
    "ttlSecondsAfterFinished": 0,
}
_CRON_AT_LEAST = dict.fromkeys(("failedJobsHistoryLimit", "startingDeadlineSeconds", "successfulJobsHistoryLimit"), 0)
_SCHEDULE_HINT = (
    "five fields (minute 0-59, hour 0-23, day 1-31, month 1-12, weekday 0-6) such as '30 2 * * *', "
    "or @hourly, @daily, @weekly"
)


def check_jobs(application: Application, report: Report) -> None:
    """Check all jobs and cron jobs."""
    for path, job in each_job(application):
        _check_job(path, job, report)
        if isinstance(job, CronJob):
            _check_cron_job(path, job, report)


def _check_job(path: Path, job: JobSettings, report: Report) -> None:
    if job.restart_policy not in _RESTARTS:
        hint = report.suggest(job.restart_policy, _RESTARTS)
        report.error("values/unknown-value", (*path, "restartPolicy"), "must be Never or OnFailure", hint)
    for key, least in _AT_LEAST.items():
        _check_least(path, key, job.job_spec.get(key), least, report)
    if isinstance(job, Job) and job.wait and job.job_spec.get("suspend"):
        clause = "is true, and the Job is suspended: a deploy waits until something else starts it"
        report.warn("jobs/waits-suspended", (*path, "wait"), clause, "leave out 'wait' or 'suspend'")


def _check_least(path: Path, key: str, number: int | None, least: int, report: Report) -> None:
    if number is not None and number < least:
        report.error("values/out-of-range", (*path, key), f"must be at least {least}")


def _check_cron_job(path: Path, job: CronJob, report: Report) -> None:
    if not is_schedule(job.schedule):
        report.error("values/unknown-value", (*path, "schedule"), "is no schedule", _SCHEDULE_HINT)
    if job.timezone is not None and "timeZone" in job.cron_job_spec:
        clause = "is said twice, by 'timezone' and by 'timeZone'"
        report.error("values/contradiction", (*path, "timezone"), clause, "keep one of them")
    for key, least in _CRON_AT_LEAST.items():
        _check_least(path, key, job.cron_job_spec.get(key), least, report)
