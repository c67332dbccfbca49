"""Takes an application and its database safely from one version to the next on Kubernetes.

What the command line does, a program does with these functions; docs/python.md has examples:

    import ks_universal

    values = ks_universal.load(["values.yaml"])
    rendered = ks_universal.render(values, "my-app", "production")
    print(ks_universal.template(rendered), end="")

Names are imported when they are first used: a program that only validates does not pay for the rest.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ks_universal.api.cluster import (
        Approve,
        RunOptions,
        build_roles,
        deploy,
        migrate,
        open_cluster,
        preview,
        read_history,
        read_revisions,
        read_status,
        rollback,
        uninstall,
        unlock,
    )
    from ks_universal.api.explain import KeyExplanation, explain_code, explain_key, is_code
    from ks_universal.api.file_watch import FileWatch, FolderWatch, Stamps, watch_folders, watching
    from ks_universal.api.folders import FolderChanges, check_folder, check_for_files, template_files, write_folder
    from ks_universal.api.found_project import FoundProject, find_project
    from ks_universal.api.imports import ImportedValues, import_manifests
    from ks_universal.api.installation import build_controller_manifests, build_release_account
    from ks_universal.api.local import (
        check_for_target,
        choose_engine,
        down,
        list_local_data,
        list_sources,
        make_output_folder,
        open_local,
        tell_full_disk,
        up,
    )
    from ks_universal.api.local_exec import LocalCommand, build_local_command
    from ks_universal.api.local_releases import (
        LocalReleaseState,
        await_local_release,
        follow_local_logs,
        is_local_release,
        is_run_locally,
        read_local_history,
        read_local_logs,
        read_local_status,
        run_local_job,
    )
    from ks_universal.api.logs import Logs, Running, StepLog, find_running, follow_logs, read_logs
    from ks_universal.api.plans import read_plan, write_plan
    from ks_universal.api.project import Environment, Project, read_project
    from ks_universal.api.rehearsals import check_rehearsal, list_rehearsed, rehearse_update, summarize_rehearsal
    from ks_universal.api.releases import compare_revisions, list_namespaces, list_releases
    from ks_universal.api.starting_values import STARTING_TOOLS, find_missing, write_local_values, write_starting_values
    from ks_universal.api.values import (
        ConvertedValues,
        Values,
        build_values_schema,
        check_flavor,
        check_for_run,
        check_for_version,
        check_pod_security,
        convert,
        leave_to_server,
        list_names,
        list_value_files,
        load,
        render,
        template,
        validate,
    )
    from ks_universal.controller.run import ControllerOptions, run_controller
    from ks_universal.controls import keep_colours, remove_controls
    from ks_universal.diagnostics import Position, Problem, Severity, describe_problem, has_errors, sort_problems
    from ks_universal.engine.events import (
        AttemptEnded,
        AttemptStarted,
        ContainerEnded,
        Emit,
        Event,
        LockAwaited,
        LogWritten,
        ObjectChanged,
        ProbePassed,
        RunEnded,
        RunStarted,
        StepFailed,
        StepKind,
        StepPaused,
        StepSkipped,
        StepStarted,
        StepSucceeded,
        StopFailed,
        Waited,
    )
    from ks_universal.engine.masking import Mask
    from ks_universal.engine.progress import GO_ON, RunProgress
    from ks_universal.engine.retries import find_permanent_cause
    from ks_universal.engine.run import run
    from ks_universal.engine.target import Preflight, Session, Target
    from ks_universal.errors import (
        InputError,
        KsUniversalError,
        LockedError,
        LockLostError,
        StoppedError,
        TargetError,
        TimedOutError,
    )
    from ks_universal.finding_codes import FindingCode
    from ks_universal.installation.controller import Installation
    from ks_universal.json_types import Json
    from ks_universal.manifest.flavors import Flavor, FluxSource, PlainStage
    from ks_universal.manifest.yaml import write_yaml
    from ks_universal.model.format.application import Application
    from ks_universal.model.format.local import Local, LocalPostgres
    from ks_universal.model.format.migrations import FailOn, Phase, RehearsalPolicy, Retry, When
    from ks_universal.model.format.workloads import JobWhen
    from ks_universal.model.kubernetes.durations import parse_duration
    from ks_universal.plan.changes import Change, FieldChange, ObjectChange, Operation
    from ks_universal.plan.one_off_jobs import list_jobs, tell_end_of_gone
    from ks_universal.plan.records import (
        Attempt,
        Failure,
        History,
        JobRecord,
        JobState,
        Outcome,
        Revision,
        State,
        StepRecord,
    )
    from ks_universal.plan.rehearsals import POLICY_CODES, RehearsalSummary, VerdictSummary
    from ks_universal.plan.saved import PlannedRun, Preview, describe_plan
    from ks_universal.plan.selection import MigratePolicy
    from ks_universal.plan.steps import Apply, AwaitOldPods, Delete, Migrate, Plan, RollOut, RunJob, Skipped, SkippedJob
    from ks_universal.rehearsal.command import Command, Process, read_command
    from ks_universal.rehearsal.facts import (
        CommandResult,
        HeldLock,
        ObservedLock,
        ObservedStatement,
        RehearsalRun,
        SqlError,
        StatementPart,
        VerdictSeverity,
    )
    from ks_universal.rehearsal.growth import Growth, StatementGrowth
    from ks_universal.rehearsal.page import write_rehearsal_page
    from ks_universal.rehearsal.rehearse import RehearsalCommands, RehearsalReport, rehearse
    from ks_universal.rehearsal.report import describe_rehearsal, describe_run, write_rehearsal_markdown
    from ks_universal.rehearsal.server import RehearsalServer
    from ks_universal.rehearsal.squawk import SquawkFinding
    from ks_universal.rehearsal.verdicts import REHEARSAL_CODES, RehearsalVerdict
    from ks_universal.resources.checks.pod_security import Policy
    from ks_universal.resources.objects import Migration, ObjectRef, OneOff, Rendered, Resource
    from ks_universal.run_report.forms import describe_timeline, write_run_markdown
    from ks_universal.run_report.page import write_run_page
    from ks_universal.run_report.timeline import (
        RunRecorder,
        RunTimeline,
        StepState,
        TimedAttempt,
        TimedStep,
        TimedWait,
        TimeSpan,
    )
    from ks_universal.run_report.traces import send_trace, wants_traces
    from ks_universal.run_report.webhook import post_run
    from ks_universal.targets.accounts import name_user
    from ks_universal.targets.kubernetes.api.connection import find_context, find_namespace, list_contexts
    from ks_universal.targets.kubernetes.record.lease import Claim, Holder
    from ks_universal.targets.kubernetes.status import ReleaseState, Workload
    from ks_universal.targets.kubernetes.target import ClusterOptions, KubernetesTarget
    from ks_universal.targets.local import LocalTarget
    from ks_universal.targets.local.jobs_on_request import JobEnd
    from ks_universal.targets.local.live import LiveApplication, LiveContainer
    from ks_universal.values.overrides import OVERRIDE_FLAGS, Override

__version__ = "0.2.0"

__all__ = [
    "GO_ON",
    "OVERRIDE_FLAGS",
    "POLICY_CODES",
    "REHEARSAL_CODES",
    "STARTING_TOOLS",
    "Application",
    "Apply",
    "Approve",
    "Attempt",
    "AttemptEnded",
    "AttemptStarted",
    "AwaitOldPods",
    "Change",
    "Claim",
    "ClusterOptions",
    "Command",
    "CommandResult",
    "ContainerEnded",
    "ControllerOptions",
    "ConvertedValues",
    "Delete",
    "Emit",
    "Environment",
    "Event",
    "FailOn",
    "Failure",
    "FieldChange",
    "FileWatch",
    "FindingCode",
    "Flavor",
    "FluxSource",
    "FolderChanges",
    "FolderWatch",
    "FoundProject",
    "Growth",
    "HeldLock",
    "History",
    "Holder",
    "ImportedValues",
    "InputError",
    "Installation",
    "JobEnd",
    "JobRecord",
    "JobState",
    "JobWhen",
    "Json",
    "KeyExplanation",
    "KsUniversalError",
    "KubernetesTarget",
    "LiveApplication",
    "LiveContainer",
    "Local",
    "LocalCommand",
    "LocalPostgres",
    "LocalReleaseState",
    "LocalTarget",
    "LockAwaited",
    "LockLostError",
    "LockedError",
    "LogWritten",
    "Logs",
    "Mask",
    "Migrate",
    "MigratePolicy",
    "Migration",
    "ObjectChange",
    "ObjectChanged",
    "ObjectRef",
    "ObservedLock",
    "ObservedStatement",
    "OneOff",
    "Operation",
    "Outcome",
    "Override",
    "Phase",
    "PlainStage",
    "Plan",
    "PlannedRun",
    "Policy",
    "Position",
    "Preflight",
    "Preview",
    "ProbePassed",
    "Problem",
    "Process",
    "Project",
    "RehearsalCommands",
    "RehearsalPolicy",
    "RehearsalReport",
    "RehearsalRun",
    "RehearsalServer",
    "RehearsalSummary",
    "RehearsalVerdict",
    "ReleaseState",
    "Rendered",
    "Resource",
    "Retry",
    "Revision",
    "RollOut",
    "RunEnded",
    "RunJob",
    "RunOptions",
    "RunProgress",
    "RunRecorder",
    "RunStarted",
    "RunTimeline",
    "Running",
    "Session",
    "Severity",
    "Skipped",
    "SkippedJob",
    "SqlError",
    "SquawkFinding",
    "Stamps",
    "State",
    "StatementGrowth",
    "StatementPart",
    "StepFailed",
    "StepKind",
    "StepLog",
    "StepPaused",
    "StepRecord",
    "StepSkipped",
    "StepStarted",
    "StepState",
    "StepSucceeded",
    "StopFailed",
    "StoppedError",
    "Target",
    "TargetError",
    "TimeSpan",
    "TimedAttempt",
    "TimedOutError",
    "TimedStep",
    "TimedWait",
    "Values",
    "VerdictSeverity",
    "VerdictSummary",
    "Waited",
    "When",
    "Workload",
    "await_local_release",
    "build_controller_manifests",
    "build_local_command",
    "build_release_account",
    "build_roles",
    "build_values_schema",
    "check_flavor",
    "check_folder",
    "check_for_files",
    "check_for_run",
    "check_for_target",
    "check_for_version",
    "check_pod_security",
    "check_rehearsal",
    "choose_engine",
    "compare_revisions",
    "convert",
    "deploy",
    "describe_plan",
    "describe_problem",
    "describe_rehearsal",
    "describe_run",
    "describe_timeline",
    "down",
    "explain_code",
    "explain_key",
    "find_context",
    "find_missing",
    "find_namespace",
    "find_permanent_cause",
    "find_project",
    "find_running",
    "follow_local_logs",
    "follow_logs",
    "has_errors",
    "import_manifests",
    "is_code",
    "is_local_release",
    "is_run_locally",
    "keep_colours",
    "leave_to_server",
    "list_contexts",
    "list_jobs",
    "list_local_data",
    "list_names",
    "list_namespaces",
    "list_rehearsed",
    "list_releases",
    "list_sources",
    "list_value_files",
    "load",
    "make_output_folder",
    "migrate",
    "name_user",
    "open_cluster",
    "open_local",
    "parse_duration",
    "post_run",
    "preview",
    "read_command",
    "read_history",
    "read_local_history",
    "read_local_logs",
    "read_local_status",
    "read_logs",
    "read_plan",
    "read_project",
    "read_revisions",
    "read_status",
    "rehearse",
    "rehearse_update",
    "remove_controls",
    "render",
    "rollback",
    "run",
    "run_controller",
    "run_local_job",
    "send_trace",
    "sort_problems",
    "summarize_rehearsal",
    "tell_end_of_gone",
    "tell_full_disk",
    "template",
    "template_files",
    "uninstall",
    "unlock",
    "up",
    "validate",
    "wants_traces",
    "watch_folders",
    "watching",
    "write_folder",
    "write_local_values",
    "write_plan",
    "write_rehearsal_markdown",
    "write_rehearsal_page",
    "write_run_markdown",
    "write_run_page",
    "write_starting_values",
    "write_yaml",
]

_HOMES = {
    "ks_universal.engine.masking": "Mask",
    "ks_universal.api.rehearsals": "check_rehearsal list_rehearsed rehearse_update summarize_rehearsal",
    "ks_universal.rehearsal.command": "Command Process read_command",
    "ks_universal.rehearsal.facts": (
        "CommandResult HeldLock ObservedLock ObservedStatement RehearsalRun SqlError StatementPart VerdictSeverity"
    ),
    "ks_universal.rehearsal.growth": "Growth StatementGrowth",
    "ks_universal.rehearsal.rehearse": "RehearsalCommands RehearsalReport rehearse",
    "ks_universal.rehearsal.page": "write_rehearsal_page",
    "ks_universal.run_report.forms": "describe_timeline write_run_markdown",
    "ks_universal.run_report.page": "write_run_page",
    "ks_universal.run_report.traces": "send_trace wants_traces",
    "ks_universal.run_report.webhook": "post_run",
    "ks_universal.run_report.timeline": "RunRecorder RunTimeline StepState TimeSpan TimedAttempt TimedStep TimedWait",
    "ks_universal.rehearsal.report": "describe_rehearsal describe_run write_rehearsal_markdown",
    "ks_universal.rehearsal.server": "RehearsalServer",
    "ks_universal.rehearsal.squawk": "SquawkFinding",
    "ks_universal.rehearsal.verdicts": "REHEARSAL_CODES RehearsalVerdict",
    "ks_universal.api.cluster": (
        "Approve RunOptions build_roles deploy migrate open_cluster preview read_history read_revisions "
        "read_status rollback uninstall unlock"
    ),
    "ks_universal.api.logs": "Logs Running StepLog find_running follow_logs read_logs",
    "ks_universal.api.explain": "KeyExplanation explain_code explain_key is_code",
    "ks_universal.api.file_watch": "FileWatch FolderWatch Stamps watch_folders watching",
    "ks_universal.api.folders": "FolderChanges check_folder check_for_files template_files write_folder",
    "ks_universal.api.found_project": "FoundProject find_project",
    "ks_universal.api.imports": "ImportedValues import_manifests",
    "ks_universal.api.installation": "build_controller_manifests build_release_account",
    "ks_universal.api.local": (
        "check_for_target choose_engine down list_sources list_local_data make_output_folder open_local "
        "tell_full_disk up"
    ),
    "ks_universal.api.local_exec": "LocalCommand build_local_command",
    "ks_universal.api.local_releases": (
        "LocalReleaseState await_local_release follow_local_logs is_local_release is_run_locally read_local_history "
        "read_local_logs read_local_status run_local_job"
    ),
    "ks_universal.api.plans": "read_plan write_plan",
    "ks_universal.api.project": "Environment Project read_project",
    "ks_universal.api.releases": "compare_revisions list_namespaces list_releases",
    "ks_universal.api.starting_values": "STARTING_TOOLS find_missing write_local_values write_starting_values",
    "ks_universal.api.values": (
        "ConvertedValues Values build_values_schema check_flavor check_for_run check_for_version "
        "check_pod_security convert leave_to_server list_names list_value_files load render template validate"
    ),
    "ks_universal.controller.run": "ControllerOptions run_controller",
    "ks_universal.controls": "keep_colours remove_controls",
    "ks_universal.diagnostics": "Position Problem Severity describe_problem has_errors sort_problems",
    "ks_universal.engine.events": (
        "AttemptEnded AttemptStarted ContainerEnded Emit Event LockAwaited LogWritten ObjectChanged "
        "ProbePassed RunEnded RunStarted StepFailed StepKind StepPaused StepSkipped StepStarted StepSucceeded "
        "StopFailed Waited"
    ),
    "ks_universal.engine.progress": "GO_ON RunProgress",
    "ks_universal.engine.retries": "find_permanent_cause",
    "ks_universal.engine.run": "run",
    "ks_universal.engine.target": "Preflight Session Target",
    "ks_universal.errors": (
        "InputError KsUniversalError LockLostError LockedError StoppedError TargetError TimedOutError"
    ),
    "ks_universal.finding_codes": "FindingCode",
    "ks_universal.installation.controller": "Installation",
    "ks_universal.json_types": "Json",
    "ks_universal.manifest.flavors": "Flavor FluxSource PlainStage",
    "ks_universal.manifest.yaml": "write_yaml",
    "ks_universal.model.format.application": "Application",
    "ks_universal.model.format.local": "Local LocalPostgres",
    "ks_universal.model.format.migrations": "FailOn Phase RehearsalPolicy Retry When",
    "ks_universal.model.format.workloads": "JobWhen",
    "ks_universal.model.kubernetes.durations": "parse_duration",
    "ks_universal.plan.changes": "Change FieldChange ObjectChange Operation",
    "ks_universal.plan.one_off_jobs": "list_jobs tell_end_of_gone",
    "ks_universal.plan.records": "Attempt Failure History JobRecord JobState Outcome Revision State StepRecord",
    "ks_universal.plan.rehearsals": "POLICY_CODES RehearsalSummary VerdictSummary",
    "ks_universal.plan.saved": "PlannedRun Preview describe_plan",
    "ks_universal.plan.selection": "MigratePolicy",
    "ks_universal.plan.steps": "Apply AwaitOldPods Delete Migrate Plan RollOut RunJob Skipped SkippedJob",
    "ks_universal.resources.checks.pod_security": "Policy",
    "ks_universal.resources.objects": "Migration ObjectRef OneOff Rendered Resource",
    "ks_universal.targets.accounts": "name_user",
    "ks_universal.targets.kubernetes.api.connection": "find_context find_namespace list_contexts",
    "ks_universal.targets.kubernetes.record.lease": "Claim Holder",
    "ks_universal.targets.kubernetes.status": "ReleaseState Workload",
    "ks_universal.targets.kubernetes.target": "ClusterOptions KubernetesTarget",
    "ks_universal.targets.local": "LocalTarget",
    "ks_universal.targets.local.jobs_on_request": "JobEnd",
    "ks_universal.targets.local.live": "LiveApplication LiveContainer",
    "ks_universal.values.overrides": "OVERRIDE_FLAGS Override",
}
"""Where the names are; a test holds it, `__all__` and the imports for type checkers equal."""


def __getattr__(name: str) -> Any:
    from importlib import import_module

    for module, names in _HOMES.items():
        if name in names.split():
            found = globals()[name] = getattr(import_module(module), name)
            return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
