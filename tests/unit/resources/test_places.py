"""Findings about objects have the place in the values of what is to be changed, to the column."""

from pathlib import Path
from textwrap import dedent

import pytest

from ks_universal.api.values import Values, check_for_version, check_pod_security, load, render
from ks_universal.diagnostics import Problem
from ks_universal.values.overrides import Override

CASES = sorted((Path(__file__).parents[2] / "golden" / "template").glob("*/values.yaml"))
MAIN = "{image: a, imageTag: '1'}"
APP = f"deployments: {{web: {{containers: {{main: {MAIN}}}}}}}\n"


def values(text: str, *overrides: str) -> Values:
    return load(
        ["-"], [Override("--set", override) for override in overrides], stdin=lambda: dedent(text), keep_tree=True
    )


def refusals(given: Values, policy: str = "baseline") -> list[tuple[str, str, str]]:
    """The object, the place and the hint of each finding."""
    return describe(check_pod_security(given, render(given, "demo"), policy))


def unknown(given: Values, version: str) -> list[tuple[str, str, str]]:
    return describe(check_for_version(given, render(given, "demo"), version))


def describe(problems: tuple[Problem, ...]) -> list[tuple[str, str, str]]:
    return [(p.message.partition(":")[0], str(p.where), p.hint or "") for p in problems]


def test_what_is_written_in_a_container_is_found_at_its_key() -> None:
    given = values("""\
        deployments:
          web:
            containers:
              main:
                image: a
                imageTag: "1"
                securityContext:
                  privileged: true
                ports:
                  admin: {containerPort: 81}
                  http: {containerPort: 80, hostPort: 80}
    """)
    main = "change deployments.web.containers.main"
    assert refusals(given) == [
        ("Deployment/web", "-:8:11", f"{main}.securityContext.privileged"),
        ("Deployment/web", "-:11:37", f"{main}.ports.http.hostPort"),
    ]


@pytest.mark.parametrize(("section", "kind"), [("jobs", "Job"), ("cronJobs", "CronJob")])
def test_jobs_have_their_places_too(section: str, kind: str) -> None:
    schedule = "schedule: '* * * * *'," if kind == "CronJob" else ""
    given = values(f"""\
        {section}:
          seed: {{{schedule} containers: {{main: {MAIN}}},
            volumes: [{{name: a, emptyDir: {{}}}}, {{name: b, hostPath: {{path: /}}}}],
            podAnnotations: {{container.apparmor.security.beta.kubernetes.io/main: unconfined}},
            initContainers: [{{name: a, image: a, imageTag: '1'}}, {{name: b, image: b, imageTag: '1',
              securityContext: {{privileged: true}}}}]}}
    """)
    annotation = '["container.apparmor.security.beta.kubernetes.io/main"]'
    assert refusals(given) == [
        (f"{kind}/seed", "-:6:25", f"change {section}.seed.initContainers[1].securityContext.privileged"),
        (f"{kind}/seed", "-:4:22", f"change {section}.seed.podAnnotations{annotation}"),
        (f"{kind}/seed", "-:3:50", f"change {section}.seed.volumes[1].hostPath"),
    ]


def test_what_is_not_written_has_the_place_of_what_it_belongs_in() -> None:
    given = values("""\
        deployments:
          web:
            containers:
              main: {image: a, imageTag: "1"}
              side:
                image: b
                imageTag: "1"
                securityContext: {runAsUser: 1}
    """)
    found = refusals(given, "restricted")
    assert found[0] == (
        "Deployment/web",
        "-:4:7",
        "set deployments.web.containers.main.securityContext.allowPrivilegeEscalation",
    )
    assert {where for _, where, hint in found if "main" in hint} == {"-:4:7"}
    assert {where for _, where, hint in found if "side" in hint} == {"-:8:9"}


def test_what_is_inherited_has_its_place_in_the_general_settings() -> None:
    given = values(f"""\
        deploymentsGeneral:
          hostNetwork: true
          probes:
            livenessProbe: {{httpGet: {{port: 80, host: example.org}}}}
        {APP}""")
    assert refusals(given) == [
        ("Deployment/web", "-:2:3", "change deployments.web.hostNetwork"),
        ("Deployment/web", "-:4:41", "change deployments.web.containers.main.probes.livenessProbe.httpGet.host"),
    ]


def test_what_comes_from_the_command_line_has_its_place_there() -> None:
    key = "deployments.web.containers.main.securityContext.privileged"
    assert refusals(values(APP, f"{key}=true")) == [("Deployment/web", f"--set {key}:1:1", f"change {key}")]


MIGRATED = """\
    deployments:
      web:
        containers:
          main: {image: a, imageTag: "1", securityContext: {procMount: Unmasked}}
          proxy: {image: b, imageTag: "1",
            securityContext: {privileged: true}}
        migrations:
          enabled: true
          args: [up]
          securityContext: {privileged: true}
"""
"""Ends where the steps may follow."""


def of_migration(given: Values) -> list[tuple[str, str, str]]:
    return [each for each in refusals(given) if each[0].startswith("Job/")]


def test_a_migration_says_more_than_its_container() -> None:
    assert of_migration(values(MIGRATED)) == [
        ("Job/web-migrations", "-:10:25", "change deployments.web.migrations.securityContext.privileged"),
        ("Job/web-migrations", "-:4:57", "change deployments.web.containers.main.securityContext.procMount"),
    ]


def test_steps_have_places_of_their_own() -> None:
    given = values(
        MIGRATED
        + """\
          steps:
            - name: one
              sidecars: [proxy]
            - name: two
              securityContext: {sysctls: [{name: net.core.somaxconn, value: "1"}]}
              volumes: [{name: v, hostPath: {path: /}}]
              initContainers:
                wait: {image: a, imageTag: "1", securityContext: {privileged: true}}
              rollback: {args: [down]}
    """
    )
    step = "change deployments.web.migrations.steps[1]"
    unmasked = ("-:4:57", "change deployments.web.containers.main.securityContext.procMount")
    of_two = [
        ("-:18:63", f"{step}.initContainers[0].securityContext.privileged"),
        unmasked,
        ("-:15:39", f"{step}.securityContext.sysctls[0]"),
        ("-:16:31", f"{step}.volumes[0].hostPath"),
    ]
    assert of_migration(given) == [
        ("Job/web-migrations-one", "-:6:27", "change deployments.web.containers.proxy.securityContext.privileged"),
        ("Job/web-migrations-one", "-:10:25", "change deployments.web.migrations.securityContext.privileged"),
        ("Job/web-migrations-one", *unmasked),
        *(("Job/web-migrations-two", *each) for each in of_two),
        *(("Job/web-migrations-two-undo", *each) for each in of_two),
    ]


def test_a_step_that_says_a_map_says_the_whole_of_it() -> None:
    given = values(
        MIGRATED.replace("privileged: true}}", "runAsUser: 1}}").replace("procMount: Unmasked", "privileged: true")
        + """\
          steps: [{name: one, securityContext: {runAsUser: 1}}]
    """
    )
    (found,) = of_migration(given)
    assert found[1:] == ("-:4:57", "change deployments.web.containers.main.securityContext.privileged")


def test_what_the_pod_says_is_not_looked_for_in_the_migration() -> None:
    given = values("""\
        deployments:
          web:
            containers: {main: {image: a, imageTag: "1"}}
            securityContext: {seccompProfile: {type: Unconfined}}
            migrations: {enabled: true, args: [up], securityContext: {seccompProfile: {type: RuntimeDefault}}}
    """)
    assert of_migration(given) == [
        ("Job/web-migrations", "-:4:40", "change deployments.web.securityContext.seccompProfile.type")
    ]


def test_fields_that_came_later_have_their_places() -> None:
    given = values("""\
        deployments:
          web:
            containers:
              main:
                image: a
                imageTag: "1"
                lifecycle: {preStop: {sleep: {seconds: 1}}}
                ports: {http: {containerPort: 80}}
                volumeMounts:
                  - {name: data, mountPath: /a}
                  - {name: data, mountPath: /b, recursiveReadOnly: Enabled}
            volumes: [{name: data, emptyDir: {}}]
            autoCreatePdb: true
            pdbConfig: {unhealthyPodEvictionPolicy: AlwaysAllow}
            autoCreateService: true
            serviceConfig: {trafficDistribution: PreferClose}
        services:
          extra: {ports: [{port: 80}], trafficDistribution: PreferClose}
        cronJobs:
          tick: {schedule: "* * * * *", maxFailedIndexes: 1, containers: {main: {image: a, imageTag: "1"}}}
    """)
    main, end = "leave out deployments.web.containers.main", ", or choose a newer cluster"
    assert {found for found in unknown(given, "1.25") if found[0] != "Deployment/web"} == {
        ("Service/web", "-:16:21", f"leave out deployments.web.serviceConfig.trafficDistribution{end}"),
        ("Service/extra", "-:18:32", f"leave out services.extra.trafficDistribution{end}"),
        (
            "PodDisruptionBudget/web",
            "-:14:17",
            f"leave out deployments.web.pdbConfig.unhealthyPodEvictionPolicy{end}",
        ),
        ("CronJob/tick", "-:20:33", f"leave out cronJobs.tick.maxFailedIndexes{end}"),
    }
    assert [found for found in unknown(given, "1.28") if found[0] == "Deployment/web"] == [
        ("Deployment/web", "-:11:41", f"{main}.volumeMounts[1].recursiveReadOnly{end}"),
        ("Deployment/web", "-:7:31", f"{main}.lifecycle.preStop.sleep{end}"),
    ]


def test_a_field_that_the_program_itself_writes_has_the_place_of_the_migrations() -> None:
    found = unknown(values(MIGRATED), "1.27")
    assert [where for ref, where, _ in found if ref == "Job/web-migrations"] == ["-:7:5"]


def test_an_api_that_was_removed_has_its_place() -> None:
    given = values("""\
        hpas:
          web:
            scaleTargetRef: {apiVersion: extensions/v1beta1, kind: Deployment, name: web}
            maxReplicas: 2
            metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 80}}}]
    """)
    assert unknown(given, "1.30") == [
        ("HorizontalPodAutoscaler/web", "-:3:22", "write apps/v1 in hpas.web.scaleTargetRef.apiVersion")
    ]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.parent.name)
def test_every_finding_has_a_place_in_the_file_and_names_what_stands_there(case: Path) -> None:
    given = load([str(case)], keep_tree=True)
    rendered = render(given, "demo")
    lines = case.read_text().splitlines()
    for problem in (*check_pod_security(given, rendered, "restricted"), *check_for_version(given, rendered, "1.25")):
        assert problem.where is not None
        assert problem.where.file == str(case)
        change, _, key = (problem.hint or "").partition(" ")
        if change == "change":
            last = key.rpartition(".")[2].partition("[")[0]
            assert lines[problem.where.line - 1][problem.where.column - 1 :].lstrip("\"'{ ").startswith(last)
