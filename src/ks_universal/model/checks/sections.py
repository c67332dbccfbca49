"""The simple sections: configs, secretRefs, claims, jobs, cron jobs, network policies, quotas."""

from ks_universal.model.checks.report import Report
from ks_universal.model.checks.walk import each_job
from ks_universal.model.format.application import Application
from ks_universal.model.format.claims import ClaimSettings
from ks_universal.model.format.sections import CONFIG_KINDS, Config, ConfigType
from ks_universal.model.format.workloads import CronJob, Job, JobSettings
from ks_universal.model.kubernetes.names import is_quantity
from ks_universal.model.kubernetes.schedules import is_schedule
from ks_universal.values.nodes import Path

_DATA = ("data", "stringData", "binaryData")
_OF_OBJECTS = ("annotations", "immutable", "labels", "secretType")
_NEEDED = {
    "kubernetes.io/dockercfg": (".dockercfg",),
    "kubernetes.io/dockerconfigjson": (".dockerconfigjson",),
    "kubernetes.io/ssh-auth": ("ssh-privatekey",),
    "kubernetes.io/tls": ("tls.crt", "tls.key"),
}
_MOST_BYTES = 1024 * 1024
_ACCESS_MODES = ("ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod")


def check_sections(application: Application, report: Report) -> None:
    """Check configs, groups and claims."""
    for name, config in application.configs.items():
        if config.external:
            _check_external(("configs", name), report)
        else:
            _check_keys(("configs", name), config, report)
            _check_config(("configs", name), config, report)
    _check_objects(application, report)
    for group, entries in application.secret_refs.items():
        for index, entry in enumerate(entries):
            if entry.secret_key_ref is None and entry.value is None and entry.value_from is None:
                clause = "needs one of the keys 'secretKeyRef', 'value' and 'valueFrom'"
                report.error("values/missing-key", ("secretRefs", group, index), clause)
    _check_claims(application, report)


def _check_objects(application: Application, report: Report) -> None:
    """Find configs that are the same ConfigMap or Secret."""
    objects: dict[tuple[ConfigType, str, str | None], str] = {}
    for key, config in application.configs.items():
        called = config.name or key
        other = objects.setdefault((config.type, called, config.namespace), key)
        if other != key:
            clause = f"is the {CONFIG_KINDS[config.type]} '{called}', as the config '{other}' is"
            report.error("names/duplicate", ("configs", key), clause, "give one of them another 'name'", key=True)


def _check_external(path: Path, report: Report) -> None:
    for key in (*_DATA, *_OF_OBJECTS):
        if report.is_written((*path, key)):
            clause = "is said of a config that others make"
            report.error("values/contradiction", (*path, key), clause, "leave it out, or 'external'", key=True)


def _check_keys(path: Path, config: Config, report: Report) -> None:
    if config.keys is not None:
        clause = "is only for configs that others make"
        report.error("values/contradiction", (*path, "keys"), clause, "add 'external: true', or write 'data'", key=True)


def _check_config(path: Path, config: Config, report: Report) -> None:
    if not any(report.is_written((*path, field)) for field in _DATA):
        report.missing(path, "data")
    seen: set[str] = set()
    for field, data in zip(_DATA, (config.data, config.string_data, config.binary_data), strict=True):
        for key in data.keys() & seen:
            report.error("names/duplicate", (*path, field, key), "is written twice in this config", key=True)
        seen |= data.keys()
    for key, text in config.binary_data.items():
        if not _is_base64(text):
            clause = "is no base64"
            report.error("values/wrong-type", (*path, "binaryData", key), clause, "write the output of 'base64 FILE'")
    size_bytes = _measure(config)
    if size_bytes > _MOST_BYTES:
        clause = f"holds {size_bytes} bytes; a ConfigMap or Secret takes {_MOST_BYTES}"
        report.error("kubernetes/too-large", path, clause, "put large files into the image or a volume", key=True)
    if config.type is not ConfigType.SECRET and report.is_written((*path, "secretType")):
        clause = "is only for secrets"
        report.error("values/contradiction", (*path, "secretType"), clause, "write 'type: secret'", key=True)
    for key in _NEEDED.get(config.secret_type, ()) if config.type is ConfigType.SECRET else ():
        if key not in seen:
            clause = f"needs the key '{key}', as its secretType says"
            report.error("values/missing-key", (*path, "data"), clause, key=True)


def _measure(config: Config) -> int:
    """Count bytes as the API server does: of the values alone, and of base64 what it stands for."""
    plain = (*config.data.values(), *config.string_data.values())
    encoded = ("".join(text.split()) for text in config.binary_data.values())
    return sum(len(text.encode()) for text in plain) + sum(
        len(text) * 3 // 4 - text[-2:].count("=") for text in encoded
    )


def _is_base64(text: str) -> bool:
    from binascii import Error, a2b_base64

    try:
        a2b_base64("".join(text.split()), strict_mode=True)
    except (Error, ValueError):
        return False
    return True


def _check_claims(application: Application, report: Report) -> None:
    for name, claim in application.persistent_volume_claims.items():
        check_claim(("persistentVolumeClaims", name), claim, report)


def check_claim(path: Path, claim: ClaimSettings, report: Report) -> None:
    """Check what a claim asks for."""
    requests = claim.kubernetes.get("resources", {}).get("requests", {})
    if claim.size is None and "storage" not in requests:
        report.missing(path, "size")
    if claim.size is not None and not is_quantity(claim.size):
        report.error("values/wrong-type", (*path, "size"), "must be an amount such as 500Mi or 10Gi")
    if not claim.access_modes:
        report.missing(path, "accessModes", "such as [ReadWriteOnce]")
    for index, mode in enumerate(claim.access_modes):
        if mode not in _ACCESS_MODES:
            near = report.suggest(mode, _ACCESS_MODES)
            report.error("values/unknown-value", (*path, "accessModes", index), "is no access mode", near)


def check_policies(application: Application, report: Report) -> None:
    """Check network policies and quotas."""
    for name, policy in application.network_policies.items():
        path: Path = ("networkPolicies", name)
        if "podSelector" not in policy.kubernetes and name not in report.workload_names:
            clause = "is for no pods: no workload has its name, and it has no 'podSelector'"
            hint = "add 'podSelector'; {} is for all pods of the namespace"
            report.error("values/missing-key", path, clause, hint, key=True)
    for name, quota in application.resource_quotas.items():
        if not quota.kubernetes.get("hard"):
            report.missing(("resourceQuotas", name), "hard")


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
