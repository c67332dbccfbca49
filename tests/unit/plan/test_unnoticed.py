from typing import Any

import pytest

from ks_universal.plan.build import build_plan
from ks_universal.plan.changes import Change, ObjectChange, compare_plan
from ks_universal.plan.records import State
from ks_universal.plan.unnoticed import find_unnoticed
from ks_universal.resources.objects import Rendered, object_ref
from support.releases import Json, config, release, secret

FOLDER = {"volumeMounts": [{"name": "files", "mountPath": "/files"}]}
ONE_FILE = {"volumeMounts": [{"name": "files", "mountPath": "/files/a", "subPath": "A"}]}
VOLUMES = [{"name": "files", "configMap": {"name": "settings"}}]
FILES = "web reads ConfigMap/settings as files and is not restarted (restartOnConfigChange: always restarts it)"
ALL = "web reads ConfigMap/settings and is not restarted (restartOnConfigChange: needed restarts it)"


def web(reads: Json = FOLDER, image: str = "app:1", **more: Any) -> Json:
    return {"containers": {"main": {"image": image, **reads}}, "volumes": VOLUMES, **more}


def notes(before: Rendered, after: Rendered) -> list[str]:
    live = {object_ref(resource.body): resource.body for resource in before.objects}
    plan = build_plan(after, State(objects=live))
    return list(find_unnoticed(plan, compare_plan(plan, live)))


def change(value: str = "2", **deployments: Json) -> Rendered:
    return release({"settings": config(A=value, B="1")}, **deployments)


@pytest.mark.parametrize(
    ("application", "expected"),
    [
        (web(), [FILES]),
        (web(restartOnConfigChange="never"), [FILES]),
        (web(restartOnConfigChange="always"), []),
        (web(ONE_FILE), []),
        (web(ONE_FILE, restartOnConfigChange="never"), [ALL]),
        (web({"envFrom": [{"type": "configMap", "configName": "settings"}]}), []),
        (web({"envFrom": [{"type": "configMap", "configName": "settings"}]}, restartOnConfigChange=False), [ALL]),
        (web({}), []),
        (web(replicas=0), []),
    ],
)
def test_who_runs_on_with_an_old_configuration_is_named(application: Json, expected: list[str]) -> None:
    assert notes(change("1", web=application), change(web=application)) == expected


def test_who_is_restarted_anyway_or_new_is_not_named() -> None:
    assert notes(change("1", web=web()), change(web=web(image="app:2"))) == []
    assert notes(change("1"), change(web=web())) == []


def test_who_is_only_scaled_is_named() -> None:
    assert notes(change("1", web=web(replicas=1)), change(web=web(replicas=2))) == [FILES]


def test_a_configuration_of_which_no_content_changes_that_the_pods_read_is_not_named() -> None:
    settings = config(A="1", B="1")
    assert notes(release({"settings": settings}, web=web()), release({"settings": settings}, web=web())) == []
    labelled = settings | {"labels": {"team": "a"}}
    assert notes(release({"settings": settings}, web=web()), release({"settings": labelled}, web=web())) == []
    volumes = [{"name": "files", "configMap": {"name": "settings", "items": [{"key": "B", "path": "b"}]}}]
    assert notes(change("1", web=web() | {"volumes": volumes}), change(web=web() | {"volumes": volumes})) == []


def test_each_application_is_named_once_with_all_that_changes() -> None:
    both = [
        {"name": "files", "projected": {"sources": [{"configMap": {"name": "settings"}}, {"secret": {"name": "key"}}]}}
    ]

    def build(value: str) -> Rendered:
        configs = {"settings": config(A=value), "key": secret(KEY=value)}
        return release(configs, web=web() | {"volumes": both}, worker=web())

    assert notes(build("correct-horse"), build("battery-staple")) == [
        FILES.replace("ConfigMap/settings", "ConfigMap/settings and Secret/key"),
        FILES.replace("web", "worker"),
    ]


def test_nothing_is_said_where_nobody_knows_what_becomes_of_the_pods() -> None:
    before, after = change("1", web=web()), change(web=web())
    live = {object_ref(resource.body): resource.body for resource in before.objects}
    plan = build_plan(after, State(objects=live))
    refused = [
        ObjectChange(identity=each.identity, change=Change.CHANGED, refused=True)
        if each.identity.kind == "Deployment"
        else each
        for each in compare_plan(plan, live)
    ]
    assert list(find_unnoticed(plan, refused)) == []
