"""What a plan promises, whatever the release: each step's needs come before it, and nothing passes a gate."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ks_universal.errors import InputError
from ks_universal.plan.build import build_plan
from ks_universal.plan.one_off_jobs import find_job_digest
from ks_universal.plan.records import JobRecord, Revision, State
from ks_universal.plan.steps import Apply, AwaitOldPods, Delete, Migrate, Plan, RollOut
from ks_universal.resources.objects import ObjectRef, Rendered, object_ref
from support.releases import app, config, release, render_values, secret

Json = dict[str, Any]


def plan(rendered: Rendered, state: State | None = None) -> Plan:
    return build_plan(rendered, state or State())


def needs(built: Plan) -> dict[str, set[str]]:
    """Each step with all that it waits for, directly or not."""
    found: dict[str, set[str]] = {}
    for step in built.steps:
        found[step.id] = set(step.needs).union(*(found[need] for need in step.needs))
    return found


def live(rendered: Rendered) -> State:
    return State(objects={object_ref(resource.body): resource.body for resource in rendered.objects})


def only_deployments(rendered: Rendered, *names: str) -> State:
    """The Deployments of these applications are live, and what they read is not as it is to be."""
    all_live = live(rendered).objects.items()
    return State(objects={s: body for s, body in all_live if s.kind == "Deployment" and s.name in names})


def test_order_steps_run_one_after_the_other_then_configs_then_the_deployment() -> None:
    built = plan(release({"c": config(A="1")}, web=app("one", "two", configs=["c"])))
    assert [step.id for step in built.steps] == [
        "web/migrations/one",
        "web/migrations/two",
        "ConfigMap/c",
        "web/rollout",
    ]
    assert needs(built)["web/migrations/two"] == {"web/migrations/one"}


def test_order_account_claim_policy_and_pull_secret_come_before_the_migration() -> None:
    volumes = [{"name": "v", "persistentVolumeClaim": {"claimName": "data"}}]
    step = {"name": "one", "args": ["x"], "networkPolicy": {"egress": []}, "volumes": volumes}
    step["volumeMounts"] = [{"name": "v", "mountPath": "/v"}]
    web = app(step, autoCreateServiceAccount=True, imagePullSecrets=[{"name": "pull"}])
    claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    values: Json = {
        "configs": {"pull": secret(token="abcdef")},
        "persistentVolumeClaims": {"data": claim},
        "deployments": {"web": web},
    }
    before = needs(plan(render_values(values)))["web/migrations/one"]
    assert before == {
        "ServiceAccount/web",
        "PersistentVolumeClaim/data",
        "NetworkPolicy/web-migrations-one",
        "Secret/pull",
    }


def test_order_migrations_wait_for_the_rollout_of_what_they_depend_on() -> None:
    built = plan(release(api=app("one"), web=app("one", depends_on=["api"])))
    assert "api/rollout" in needs(built)["web/migrations/one"]
    assert "web/rollout" not in needs(built)["api/rollout"]


def test_order_applications_that_share_nothing_do_not_wait_for_each_other() -> None:
    built = plan(
        release({"a": config(A="1"), "b": config(A="1")}, x=app("one", configs=["a"]), y=app("one", configs=["b"]))
    )
    assert needs(built)["y/rollout"] == {"y/migrations/one", "ConfigMap/b"}


def test_order_what_has_no_migrations_waits_for_those_of_the_release() -> None:
    values = {"web": app("one", "two"), "worker": app(), "api": app("one"), "docs": app(waitForMigrations=False)}
    found = needs(plan(release(**values)))
    assert found["worker/rollout"] == {"web/migrations/one", "web/migrations/two", "api/migrations/one"}
    assert found["api/rollout"] == {"api/migrations/one"}
    assert found["docs/rollout"] == set()


def test_order_wait_for_migrations_names_those_to_wait_for() -> None:
    values = {"web": app("one"), "api": app("one"), "worker": app(waitForMigrations=["api"])}
    found = needs(plan(release(**values | {"billing": app("one", waitForMigrations=True)})))
    assert found["worker/rollout"] == {"api/migrations/one"}
    assert found["billing/rollout"] == {"web/migrations/one", "api/migrations/one", "billing/migrations/one"}


def test_order_what_a_migration_depends_on_does_not_wait_for_it() -> None:
    db, pooler = app(autoCreateService=True), app(dependsOn=["db"], autoCreateService=True)
    found = needs(plan(release(web=app("one", depends_on=["pooler"]), pooler=pooler, db=db, worker=app())))
    assert {"db/rollout", "pooler/rollout", "Service/db"} < found["web/migrations/one"]
    assert "web/migrations/one" in found["worker/rollout"]


def test_order_a_rollout_waits_for_the_deployments_that_it_depends_on() -> None:
    found = needs(plan(release(web=app(dependsOn=["redis"]), redis=app(), api=app("one", dependsOn=["redis"]))))
    assert "redis/rollout" in found["web/rollout"]
    assert "redis/rollout" in found["api/rollout"]
    assert "redis/rollout" not in found["api/migrations/one"]


def test_order_post_migrations_follow_the_rollouts_of_all_who_wait_for_those_before_them() -> None:
    steps = [{"name": "expand", "args": ["x"]}, {"name": "contract", "args": ["y"], "phase": "post"}]
    found = needs(plan(release(web=app(*steps), worker=app(), docs=app(waitForMigrations=False))))
    assert {"web/old-pods", "worker/old-pods"} < found["web/migrations/contract"]
    assert "docs/rollout" not in found["web/migrations/contract"]


def test_order_post_migrations_alone_follow_them_too() -> None:
    found = needs(plan(release(web=app({"name": "contract", "args": ["y"], "phase": "post"}), worker=app())))
    rollouts = {"web/rollout", "worker/rollout"}
    assert found["web/migrations/contract"] == rollouts | {"web/old-pods", "worker/old-pods"}


def test_order_post_migrations_may_depend_on_who_waits_for_those_before_them() -> None:
    contract = {"name": "contract", "args": ["y"], "phase": "post", "dependsOn": ["worker"]}
    found = needs(plan(release(web=app("expand", contract), worker=app(waitForMigrations=["web"]))))
    assert {"web/old-pods", "worker/old-pods"} < found["web/migrations/contract"]


def test_order_post_migrations_follow_the_rollout() -> None:
    steps = [{"name": "expand", "args": ["x"]}, {"name": "contract", "args": ["y"], "phase": "post"}]
    built = plan(release(web=app(*steps)))
    expected = ["web/migrations/expand", "web/rollout", "web/old-pods", "web/migrations/contract"]
    assert [step.id for step in built.steps] == expected
    assert needs(built)["web/migrations/contract"] == set(expected[:-1])


def test_order_what_follows_no_old_pod_does_not_wait_for_the_last_one() -> None:
    db, before = app(), app({"name": "expand", "args": ["x"]}, depends_on=["db"])
    assert "old-pods" not in " ".join(step.id for step in plan(release(db=db, web=before)).steps)


def test_order_a_post_migration_waits_for_the_old_pods_of_all_that_it_depends_on() -> None:
    contract = {"name": "contract", "args": ["y"], "phase": "post", "dependsOn": ["worker"]}
    built = plan(release(web=app(contract), worker=app()))
    assert {"web/old-pods", "worker/old-pods", "worker/rollout"} <= needs(built)["web/migrations/contract"]


def test_order_an_unnamed_step_is_named_after_its_application() -> None:
    built = plan(render_values({"deployments": {"web": app() | {"migrations": {"enabled": True, "args": ["up"]}}}}))
    assert [step.id for step in built.steps] == ["web/migrations", "web/rollout"]


def test_order_jobs_and_cron_jobs_follow_what_they_read_and_all_migrations() -> None:
    container = {"main": {"image": "a", "imageTag": "1", "envFrom": [{"type": "configMap", "configName": "c"}]}}
    values = {
        "configs": {"c": config(A="1")},
        "deployments": {"web": app("one")},
        "cronJobs": {"nightly": {"schedule": "0 1 * * *", "containers": container}},
    }
    assert needs(plan(render_values(values)))["CronJob/nightly"] == {"web/migrations/one", "ConfigMap/c"}


def one_off(tag: str = "1") -> Rendered:
    container = {"image": "a", "imageTag": tag}
    return render_values({"deployments": {"web": app("one")}, "jobs": {"seed": {"containers": {"main": container}}}})


def ran(rendered: Rendered) -> State:
    """A release whose Job ran and was removed by its ttl."""
    built, state = plan(rendered), live(rendered)
    digests = [digest for step in built.steps if isinstance(step, Apply) and (digest := find_job_digest(step.body))]
    jobs: dict[str, JobRecord | str] = dict(zip(["ns/seed"], digests, strict=True))
    started = datetime(2026, 1, 1, tzinfo=UTC)
    before = Revision(
        number=1, release="demo", namespace="ns", by="x", started=started, objects=built.objects, jobs=jobs
    )
    objects = {ref: body for ref, body in state.objects.items() if ref.kind != "Job"}
    return State(revisions=(before,), objects=objects)


def test_d30_a_job_that_ran_and_was_removed_by_its_ttl_does_not_run_again() -> None:
    assert "Job/seed" in needs(plan(one_off()))
    assert "Job/seed" not in needs(plan(one_off(), ran(one_off())))
    assert ObjectRef("Job", "ns", "seed") in plan(one_off(), ran(one_off())).objects


def test_d30_a_job_that_runs_something_else_runs_whatever_ran_before() -> None:
    assert "Job/seed" in needs(plan(one_off("2"), ran(one_off())))


def test_order_jobs_wait_for_the_network_policies_of_the_release() -> None:
    policy = {"podSelector": {}, "policyTypes": ["Egress"]}
    jobs = {"seed": {"containers": {"main": {"image": "a", "imageTag": "1"}}}}
    built = plan(render_values({"networkPolicies": {"out": policy}, "jobs": jobs}))
    assert needs(built)["Job/seed"] == {"NetworkPolicy/out"}


def test_order_a_circle_is_refused_and_named() -> None:
    rendered = release(a=app("one", depends_on=["b"]), b=app("one"))
    migrations = tuple(
        msgspec.structs.replace(m, depends_on=({"a": "b", "b": "a"}[m.application],)) for m in rendered.migrations
    )
    with pytest.raises(InputError) as refused:
        plan(msgspec.structs.replace(rendered, migrations=migrations))
    (problem,) = refused.value.problems
    assert problem.code == "migrations/cycle"
    circle = problem.message.partition(": ")[2].split(" -> ")
    assert circle[0] == circle[-1]
    assert set(circle) == {"a/migrations/one", "b/rollout", "b/migrations/one", "a/rollout"}


def test_gate_a_shared_config_waits_for_the_migrations_of_all_who_read_it() -> None:
    built = plan(release({"c": config(A="1")}, x=app("one", configs=["c"]), y=app("one", "two", configs=["c"])))
    assert needs(built)["ConfigMap/c"] == {"x/migrations/one", "y/migrations/one", "y/migrations/two"}


def test_gate_services_wait_also_those_that_stand_alone() -> None:
    selector = {"app.kubernetes.io/name": "web"}
    service = {"selector": selector, "ports": [{"name": "http", "port": 80, "targetPort": 80}]}
    values = {"services": {"front": service}, "deployments": {"web": app("one", autoCreateService=True)}}
    found = needs(plan(render_values(values)))
    assert found["Service/front"] == found["Service/web"] == {"web/migrations/one"}
    assert {"Service/front", "Service/web"} < found["web/rollout"]


def test_gate_a_service_waits_for_those_whose_pods_it_selects_and_what_is_nobodys_for_all() -> None:
    """Applications whose labels its selector meets in full; a selector that is empty meets none."""
    port = {"ports": [{"name": "http", "port": 80, "targetPort": 80}]}
    values = {
        "services": {
            "front": {**port, "selector": {"app.kubernetes.io/name": "web"}},
            "tier": {**port, "selector": {"tier": "api"}},
            "narrow": {**port, "selector": {"app.kubernetes.io/name": "web", "tier": "db"}},
        },
        "cronJobs": {"clean": {"schedule": "0 0 * * *", "containers": {"main": {"image": "a", "imageTag": "1"}}}},
        "deployments": {
            "web": app("one", labels={"tier": "api"}),
            "api": app("one", labels={"tier": "api"}),
        },
    }
    found = needs(plan(render_values(values)))
    both = {"web/migrations/one", "api/migrations/one"}
    assert found["Service/front"] == {"web/migrations/one"}
    assert found["Service/tier"] == both
    assert found["Service/narrow"] == set()
    assert both <= found["CronJob/clean"]


def test_gate_what_an_application_without_migrations_reads_waits_for_those_of_the_release() -> None:
    built = plan(release({"c": config(A="1")}, web=app("one"), worker=app(configs=["c"], autoCreateService=True)))
    assert needs(built)["ConfigMap/c"] == needs(built)["Service/worker"] == {"web/migrations/one"}


def test_gate_a_config_that_only_applications_read_which_wait_for_no_migration_waits_for_nothing() -> None:
    plain = app(configs=["c"], waitForMigrations=False)
    built = plan(release({"c": config(A="1")}, web=app("one"), plain=plain))
    assert needs(built)["ConfigMap/c"] == set()


def test_gate_a_config_whose_content_is_live_already_waits_for_nothing() -> None:
    def build(value: str) -> Rendered:
        return release({"c": config(A=value)}, x=app("one", configs=["c"]), y=app("one", configs=["c"]))

    assert needs(plan(build("1"), live(build("1"))))["ConfigMap/c"] == set()
    assert needs(plan(build("2"), live(build("1"))))["ConfigMap/c"] == {"x/migrations/one", "y/migrations/one"}


def test_gate_it_stays_open_with_a_warning_where_a_dependency_needs_the_config_first() -> None:
    rendered = release(
        {"c": secret(P="secret")}, db=app(secrets=["c"]), web=app("one", secrets=["c"], depends_on=["db"])
    )
    built = plan(rendered, only_deployments(rendered, "web"))
    assert [(w.code, "Secret/c" in w.message, "web" in w.message) for w in built.warnings] == [
        ("plan/open-gate", True, True)
    ]
    assert [step.id for step in built.steps] == ["Secret/c", "db/rollout", "web/migrations/one", "web/rollout"]
    assert plan(rendered, live(rendered)).warnings == ()


def test_gate_there_is_no_warning_where_nothing_of_the_application_runs_that_could_see_the_change() -> None:
    rendered = release(
        {"c": secret(P="secret")}, db=app(secrets=["c"]), web=app("one", secrets=["c"], depends_on=["db"])
    )
    first, failed = plan(rendered), plan(rendered, only_deployments(rendered, "db"))
    assert first.warnings == failed.warnings == ()
    assert first.steps == plan(rendered, only_deployments(rendered, "web")).steps


def revision(**fields: Any) -> Revision:
    started = datetime(2026, 1, 1, tzinfo=UTC)
    return Revision(number=1, release="demo", namespace="ns", by="x", started=started, **fields)


def test_nothing_orphaned_deletions_come_last_and_what_pods_use_after_them() -> None:
    values: Json = {
        "configs": {"c": config(A="1"), "other": config(A="1")},
        "networkPolicies": {
            "gone": {"egress": []},
            "other": {"egress": [], "podSelector": {"matchLabels": {"a": "b"}}},
        },
        "deployments": {
            "web": app("one"),
            "gone": app("one", configs=["c"], autoCreateService=True, autoCreateServiceAccount=True),
        },
    }
    old = render_values(values)
    before = revision(planned=plan(old).digests, objects=plan(old).objects)
    built = plan(release(web=app("one")), msgspec.structs.replace(live(old), revisions=(before,)))
    deletes = [step for step in built.steps if isinstance(step, Delete)]
    assert built.steps[-len(deletes) :] == tuple(deletes)
    assert all("web/rollout" in needs(built)[step.id] for step in deletes)
    waiting = {step.identity.name for step in deletes if "delete Deployment/gone" in needs(built)[step.id]}
    kinds = {step.identity.kind for step in deletes if "delete Deployment/gone" in needs(built)[step.id]}
    assert (waiting, kinds) == ({"c", "gone"}, {"ConfigMap", "ServiceAccount", "NetworkPolicy"})


METRIC = {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}}
SCALED: Json = {"hpa": {"maxReplicas": 4, "metrics": [METRIC]}}


@pytest.mark.parametrize(("wanted", "goes_first"), [({"replicas": 2}, True), ({}, False)])
def test_an_autoscaler_goes_before_the_rollout_that_has_a_number_of_pods_of_its_own(
    wanted: Json, *, goes_first: bool
) -> None:
    old = release(web=app("one", **SCALED), other=app())
    state = msgspec.structs.replace(live(old), revisions=(revision(objects=plan(old).objects),))
    built = plan(release(web=app("one", tag="2.0", **wanted), other=app()), state)
    deletion = "delete HorizontalPodAutoscaler/web"
    assert (deletion in needs(built)["web/rollout"]) is goes_first
    assert ("web/rollout" in needs(built)[deletion]) is not goes_first
    assert "web/migrations/one" in needs(built)[deletion]
    assert deletion not in needs(built)["other/rollout"]


def test_nothing_orphaned_what_pods_use_outlives_them_also_where_their_deletion_has_begun() -> None:
    old = release({"c": config(A="1")}, web=app(), gone=app(configs=["c"]))
    there = live(old).objects
    gone = ObjectRef("Deployment", "ns", "gone")
    state = State(
        revisions=(revision(objects=plan(old).objects),),
        objects={ref: body for ref, body in there.items() if ref != gone},
        terminating={gone: there[gone]},
    )
    built = plan(release(web=app()), state)
    assert "delete Deployment/gone" in needs(built)["delete ConfigMap/c"]


@pytest.mark.parametrize(
    ("kind", "waits"),
    [("ConfigMap", True), ("Secret", True), ("ServiceAccount", True), ("Widget", True), ("Ingress", False)],
)
def test_nothing_orphaned_what_old_pods_may_use_is_deleted_when_they_are_gone(kind: str, *, waits: bool) -> None:
    gone = ObjectRef(kind, "", "gone")
    before = revision(objects=(gone,))
    built = plan(release(web=app("one"), api=app()), State(revisions=(before,)))
    old_pods = {step.id for step in built.steps if isinstance(step, AwaitOldPods)}
    assert old_pods == ({"web/old-pods", "api/old-pods"} if waits else set())
    assert needs(built)[f"delete {gone}"] >= old_pods


def test_objects_of_one_name_in_several_namespaces_are_apart() -> None:
    web = app("one", autoCreateService=True, autoCreateServiceAccount=True, namespace="elsewhere")
    built = plan(render_values({"deployments": {"web": web, "api": app("one")}}))
    assert {"Service/web in elsewhere", "ServiceAccount/web in elsewhere"} < {step.id for step in built.steps}
    assert ObjectRef("Deployment", "elsewhere", "web") in built.objects


def test_no_leaks_the_repr_of_a_plan_has_no_secret() -> None:
    rendered = release({"c": secret(P="correct-horse")}, web=app("one", secrets=["c"]))
    shown = f"{plan(rendered)!r} {rendered!r} {live(rendered)!r}"
    assert "Secret" in shown
    assert "Y29ycmVjdC1ob3JzZQ==" not in shown


@st.composite
def releases(draw: st.DrawFn) -> Rendered:
    """Up to six applications that share up to four configs; each depends on earlier ones only."""
    names = [f"app{n}" for n in range(draw(st.integers(1, 6)))]
    configs = [f"c{n}" for n in range(4)]
    deployments = {}
    for index, name in enumerate(names):
        steps = [f"s{n}" for n in range(draw(st.integers(0, 3)))]
        read = draw(st.lists(st.sampled_from(configs), unique=True))
        depends = draw(st.lists(st.sampled_from(names[:index]), unique=True)) if index and steps else []
        deployments[name] = app(*steps, configs=read, depends_on=depends)
    return release({name: config(A=name) for name in configs}, **deployments)


@settings(deadline=None)
@given(releases())
def test_every_plan_keeps_order_and_gate(rendered: Rendered) -> None:
    built = plan(rendered, only_deployments(rendered, *(app.application for app in rendered.migrations)))
    assert (plan(rendered).steps, plan(rendered).warnings) == (built.steps, ())
    before = needs(built)  # fails where a need does not come before its step
    objects = {object_ref(r.body) for r in rendered.objects}
    made = {object_ref(s.body) for s in built.steps if isinstance(s, Apply | RollOut)}
    assert made == objects
    assert built.warnings == () or any(migration.depends_on for migration in rendered.migrations)
    open_gates = {tuple(w.message.split(" changes before the migrations of ")) for w in built.warnings}
    for rollout in (step for step in built.steps if isinstance(step, RollOut)):
        migrations = {s.id for s in built.steps if isinstance(s, Migrate) and s.application == rollout.application}
        read = _configs_read(rollout.body)
        assert migrations | read <= before[rollout.id]
        for name in read:
            opened = any(gate[0] == name and gate[1].startswith(f"{rollout.application}:") for gate in open_gates)
            assert opened or migrations <= before[name]


def _configs_read(deployment: Json) -> set[str]:
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    return {f"ConfigMap/{group['configMapRef']['name']}" for group in container.get("envFrom", ())}
