"""The files that make a chart of the manifests of the Helm flavour."""

import yaml

from ks_universal.api.values import render
from ks_universal.json_types import Json
from ks_universal.manifest.chart import chart_files
from ks_universal.manifest.flavors import Flavor, flavor_objects
from ks_universal.resources.objects import Rendered
from support.releases import app, load_values, render_values, secret


def write(rendered: Rendered) -> tuple[Json, str]:
    files = chart_files(rendered, flavor_objects(rendered, Flavor.HELM))
    return yaml.safe_load(files["Chart.yaml"]), files["templates/NOTES.txt"]


def shop(tag: str = "1.0", **more: Json) -> Rendered:
    web, api = app("up", tag=tag, secrets=["db"]), app(tag="2.0")
    return render_values({"configs": {"db": secret(A="a")}, "deployments": {"web": web, "api": api}, **more})


def test_a_chart_says_its_versions() -> None:
    chart, _ = write(shop())
    assert {key: chart[key] for key in ("apiVersion", "name", "appVersion")} == {
        "apiVersion": "v2",
        "name": "demo",
        "appVersion": "1.0, 2.0",
    }
    assert "appVersion" not in write(render_values({"configs": {"a": secret()}}))[0]


def test_a_chart_has_a_new_version_when_its_content_is_new_and_only_then() -> None:
    first, again, other = (write(shop(tag))[0]["version"] for tag in ("1.0", "1.0", "1.1"))
    assert first == again != other
    assert first.startswith("1.0.0+")


def test_notes_tell_how_to_read_the_logs_and_what_stays() -> None:
    _, notes = write(shop(persistentVolumeClaims={"data": {"accessModes": ["ReadWriteOnce"], "size": "1Gi"}}))
    assert "  kubectl logs -n ns job/web-migrations-up\n" in notes
    left = [line.split() for line in notes.splitlines() if "kubectl delete" in line]
    assert left == [
        ["kubectl", "delete", "-n", "ns", "job/web-migrations-up"],
        ["kubectl", "delete", "-n", "ns", "persistentvolumeclaim/data"],
    ]


def test_notes_leave_the_namespace_to_helm_where_none_is_given() -> None:
    rendered = render(load_values({"deployments": {"web": app("up")}}), "demo")
    _, notes = write(rendered)
    assert notes.count(" -n {{ .Release.Namespace }} ") == 2


def test_notes_of_a_release_without_migrations_say_nothing_of_them() -> None:
    _, notes = write(render_values({"deployments": {"web": app()}}))
    assert notes.count("\n") == 1
