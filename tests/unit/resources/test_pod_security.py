from typing import Any

import pytest

from ks_universal.api.values import check_pod_security, render
from ks_universal.resources.checks.pod_security import Policy, find_violations
from support.pod_security_cases import CASES, SAFE, Case, pod
from support.releases import app, load_values


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.policy}-{case.id}")
def test_a_pod_breaks_the_controls_that_its_case_names(case: Case) -> None:
    found = find_violations({"spec": case.pod}, Policy(case.policy))
    assert {violation.code for violation in found} == {f"pod-security/{control}" for control in case.controls}


def test_proc_mount_is_allowed_only_with_users_of_its_own() -> None:
    (violation,) = find_violations({"spec": pod({"procMount": "Unmasked"})}, Policy.BASELINE)
    assert violation.code == "pod-security/proc-mount"


@pytest.mark.parametrize(("profile", "count"), [("unconfined", 1), ("runtime/default", 0), ("localhost/mine", 0)])
def test_app_armor_is_also_read_from_annotations(profile: str, count: int) -> None:
    annotations = {"container.apparmor.security.beta.kubernetes.io/main": profile, "other": "unconfined"}
    template = {"metadata": {"annotations": annotations}, "spec": pod()}
    assert len(list(find_violations(template, Policy.BASELINE))) == count


def test_windows_pods_have_no_capabilities_seccomp_or_escalation_to_set() -> None:
    windows = pod({"runAsNonRoot": True}, os={"name": "windows"})
    assert list(find_violations({"spec": windows}, Policy.RESTRICTED)) == []


def refusals(values: dict[str, Any], policy: Policy = Policy.BASELINE) -> list[tuple[str, str, str | None]]:
    loaded = load_values(values)
    problems = check_pod_security(loaded, render(loaded, "demo"), policy)
    return [(problem.code, problem.message, problem.hint) for problem in problems]


def test_findings_name_object_container_and_the_key_to_change() -> None:
    main = {"image": "a", "imageTag": "1", "securityContext": {"privileged": True}}
    clause = "container main is privileged; the policy baseline forbids it"
    assert refusals({"jobs": {"seed": {"containers": {"main": main}}}}) == [
        (
            "pod-security/privileged",
            f"Job/seed: {clause}",
            "change jobs.seed.containers.main.securityContext.privileged",
        )
    ]
    assert refusals({"cronJobs": {"tick": {"schedule": "* * * * *", "containers": {"main": main}}}})[0][1:] == (
        f"CronJob/tick: {clause}",
        "change cronJobs.tick.containers.main.securityContext.privileged",
    )


def test_a_migration_is_looked_at_beside_its_deployment() -> None:
    web = app("one")
    web["containers"]["main"]["securityContext"] = {"privileged": True}
    hints = {message.partition(":")[0]: hint for _, message, hint in refusals({"deployments": {"web": web}})}
    assert hints == {
        "Deployment/web": "change deployments.web.containers.main.securityContext.privileged",
        "Job/web-migrations-one": "change deployments.web.containers.main.securityContext.privileged",
    }


def test_init_containers_and_undoing_of_a_migration_are_looked_at_too() -> None:
    web = app("one")
    init = {"name": "wait", "image": "a", "imageTag": "1", "securityContext": {"privileged": True}}
    step = {"initContainers": [init], "rollback": {"args": ["down"]}}
    web["migrations"]["steps"][0].update(step)
    found = refusals({"deployments": {"web": web}})
    assert [message.partition(":")[0] for _, message, _ in found] == [
        "Job/web-migrations-one",
        "Job/web-migrations-one-undo",
    ]
    key = "deployments.web.migrations.steps[0].initContainers[0].securityContext.privileged"
    assert {hint for _, _, hint in found} == {f"change {key}"}


def test_what_concerns_the_pod_is_changed_at_the_deployment() -> None:
    (found,) = refusals({"deployments": {"web": app(hostNetwork=True)}})
    assert found[1:] == (
        "Deployment/web: the pod shares the node's namespace (hostNetwork); the policy baseline forbids it",
        "change deployments.web.hostNetwork",
    )


def test_an_application_that_says_what_restricted_asks_for_passes_with_its_migration() -> None:
    web = app("one")
    web["containers"]["main"]["securityContext"] = SAFE
    assert refusals({"deployments": {"web": web}}, Policy.RESTRICTED) == []
