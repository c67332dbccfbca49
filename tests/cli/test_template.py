"""`ks-universal template`, as a shell sees it."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.shell import Invoke, Write

APP: dict[str, Any] = {
    "configs": {"settings": {"type": "configMap", "data": {"LEVEL": "info"}}},
    "deployments": {
        "my-app": {
            "migrations": {"enabled": True, "args": ["migrate"], "backoffLimit": 0},
            "containers": {
                "main": {
                    "image": "my-app",
                    "imageTag": "v1",
                    "envFrom": [{"type": "configMap", "configName": "settings"}],
                }
            },
        }
    },
}


def names(text: str) -> list[str]:
    return [f"{body['kind']}/{body['metadata']['name']}" for body in yaml.safe_load_all(text)]


def test_objects_are_printed_in_the_order_to_apply_them(ksu: Invoke, write: Write) -> None:
    write({"values.yaml": APP})
    result = ksu("template", "shop", "-f", "values.yaml")
    assert (result.status, result.err) == (0, "")
    copy, job, *rest = names(result.out)
    assert copy.startswith("ConfigMap/settings-migrations-") and job.startswith("Job/my-app-migrations-")
    assert rest == ["ConfigMap/settings", "Deployment/my-app"]


def test_stages_are_what_is_printed_without_one_and_names_are_those_of_kubectl(ksu: Invoke, write: Write) -> None:
    write({"values.yaml": APP})
    stages = ("needs", "migrations", "application", "post")
    parts = [ksu("template", "shop", "-f", "values.yaml", "--stage", stage, "-o", "name") for stage in stages]
    assert {(part.status, part.err) for part in parts} == {(0, "")}
    assert [len(part.out.split()) for part in parts] == [1, 1, 2, 0]
    whole = ksu("template", "shop", "-f", "values.yaml")
    assert "".join(part.out for part in parts).split() == names(whole.out)


def test_a_digest_in_a_name_may_be_left_out(ksu: Invoke, write: Write) -> None:
    write({"values.yaml": APP})
    (shown,) = names(ksu("template", "shop", "-f", "values.yaml", "--show", "job/my-app-migrations").out)
    assert names(ksu("template", "shop", "-f", "values.yaml", "--show", shown).out) == [shown]


@pytest.mark.parametrize(
    "arguments",
    [
        ("--stage", "needs", "--flavor", "helm"),
        ("--stage", "needs", "--out-dir", "d"),
        ("--flux-source", "shop"),
        ("--flavor", "flux", "--out-dir", "../d"),
        ("--flavor", "flux", "--out-dir", "d", "--flux-path", "/d"),
    ],
)
def test_options_of_another_flavor_are_refused(ksu: Invoke, write: Write, arguments: tuple[str, ...]) -> None:
    write({"values.yaml": APP})
    assert ksu("template", "shop", "-f", "values.yaml", *arguments).status == 2


def test_flux_is_not_printed_as_one_stream(ksu: Invoke, write: Write) -> None:
    write({"values.yaml": APP})
    result = ksu("template", "shop", "-f", "values.yaml", "--flavor", "flux", "-n", "prod")
    assert (result.status, result.out) == (1, "")
    assert "error[flavor/folders]" in result.err
    assert "error[flavor/namespace]" in ksu("template", "shop", "-f", "values.yaml", "--flavor", "flux").err


def test_flux_is_told_where_the_folder_is(ksu: Invoke, write: Write) -> None:
    write({"values.yaml": APP})
    options = ("--flux-source", "OCIRepository/apps", "--flux-namespace", "team", "--flux-path", "deploy/shop")
    given = ("template", "shop", "-f", "values.yaml", "-n", "shop", "--flavor", "flux", "--out-dir", "out")
    assert ksu(*given, *options).status == 0
    assert yaml.safe_load(Path("out/kustomization.yaml").read_text())["resources"] == ["kustomizations.yaml"]
    made = list(yaml.safe_load_all(Path("out/kustomizations.yaml").read_text()))
    for body in made:
        assert body["metadata"]["namespace"] == "team"
        assert body["spec"]["sourceRef"] == {"kind": "OCIRepository", "name": "apps"}
        folder = Path("out") / Path(body["spec"]["path"]).relative_to("deploy/shop")
        assert [file.suffix for file in folder.iterdir()] != []
    assert [body["metadata"]["name"] for body in made] == [
        "shop-needs",
        "shop-migrate-my-app-0",
        "shop-common",
        "shop-app-my-app",
    ]


def test_the_same_values_give_the_same_bytes(ksu: Invoke, write: Write) -> None:
    write({"values.yaml": APP})
    assert ksu("template", "shop", "-f", "values.yaml") == ksu("template", "shop", "-f", "values.yaml")


def test_values_come_from_standard_input(ksu: Invoke) -> None:
    result = ksu("template", "shop", "-f", "-", stdin=yaml.safe_dump(APP))
    assert result.status == 0
    assert "Deployment/my-app" in names(result.out)


def test_a_later_file_wins_and_the_command_line_wins_over_files(ksu: Invoke, write: Write) -> None:
    write({"a.yaml": APP, "b.yaml": {"deployments": {"my-app": {"replicas": 2}}}})
    files = ("template", "shop", "-f", "a.yaml", "-f", "b.yaml", "--show", "deployment/my-app", "-o", "json")
    assert json.loads(ksu(*files).out)["items"][0]["spec"]["replicas"] == 2
    over = ksu(*files, "--set", "deployments.my-app.replicas=5")
    assert json.loads(over.out)["items"][0]["spec"]["replicas"] == 5


@pytest.mark.parametrize(
    ("flag", "text", "expected"),
    [
        ("--set", "configs.settings.data.LEVEL=1.10", "1.10"),
        ("--set-string", "configs.settings.data.LEVEL=0644", "0644"),
        ("--set-json", 'configs.settings.data.LEVEL="debug"', "debug"),
        ("--set-literal", "configs.settings.data.LEVEL=a,b=c", "a,b=c"),
        ("--set-file", "configs.settings.data.LEVEL=level.txt", "from a file"),
    ],
)
def test_each_flag_that_sets_a_value_reaches_the_manifest(
    ksu: Invoke, write: Write, flag: str, text: str, expected: str
) -> None:
    write({"values.yaml": APP, "level.txt": "from a file"})
    result = ksu("template", "shop", "-f", "values.yaml", flag, text, "--show", "ConfigMap/settings")
    assert yaml.safe_load(result.out)["data"] == {"LEVEL": expected}


def test_a_namespace_is_written_into_every_object(ksu: Invoke, write: Write) -> None:
    write({"values.yaml": APP})
    result = ksu("template", "shop", "-f", "values.yaml", "-n", "prod")
    assert {body["metadata"]["namespace"] for body in yaml.safe_load_all(result.out)} == {"prod"}


@pytest.mark.parametrize(("flavor", "key"), [("helm", "helm.sh/hook"), ("argocd", "argocd.argoproj.io/sync-wave")])
def test_a_flavor_annotates_the_migration(ksu: Invoke, write: Write, flavor: str, key: str) -> None:
    write({"values.yaml": APP})
    result = ksu("template", "shop", "-f", "values.yaml", "--flavor", flavor, "--show", "Job/my-app-migrations")
    assert key in yaml.safe_load(result.out)["metadata"]["annotations"]


def test_an_object_that_is_not_there_is_named_with_the_nearest(ksu: Invoke, write: Write) -> None:
    write({"values.yaml": APP})
    result = ksu("template", "shop", "-f", "values.yaml", "--show", "Deployment/my-ap")
    assert (result.status, result.out) == (1, "")
    assert "Deployment/my-app" in result.err


def test_errors_print_no_manifest(ksu: Invoke, write: Write) -> None:
    write({"values.yaml": {"deployments": {"my-app": {"contaners": {}}}}})
    result = ksu("template", "shop", "-f", "values.yaml")
    assert (result.status, result.out) == (1, "")
    assert "did you mean 'containers'?" in result.err


def test_warnings_don_t_spoil_the_manifests(ksu: Invoke, write: Write) -> None:
    values = json.loads(json.dumps(APP))
    values["deployments"]["my-app"]["containers"]["main"]["envFrom"][0]["configName"] = "elsewhere"
    write({"values.yaml": values})
    result = ksu("template", "shop", "-f", "values.yaml")
    assert result.status == 0
    assert "warning[" in result.err
    assert "Deployment/my-app" in names(result.out)


@pytest.mark.parametrize("name", ["Shop", "-shop", "shop_1", "a" * 54, "", "shop.eu", "shöp", "shop\n"])
def test_a_release_that_kubernetes_would_refuse_is_a_finding(ksu: Invoke, write: Write, name: str) -> None:
    write({"values.yaml": APP})
    result = ksu("template", "-f", "values.yaml", "--", name)
    assert (result.status, result.out) == (1, "")
    assert "request/name" in result.err


def test_the_longest_name_of_a_release_is_taken(ksu: Invoke, write: Write) -> None:
    write({"values.yaml": APP})
    assert ksu("template", "a" * 53, "-f", "values.yaml").status == 0


@pytest.mark.parametrize("namespace", ["Prod", "a" * 64, "kube.system"])
def test_a_namespace_that_kubernetes_would_refuse_is_a_finding(ksu: Invoke, write: Write, namespace: str) -> None:
    write({"values.yaml": APP})
    result = ksu("template", "shop", "-f", "values.yaml", "-n", namespace)
    assert (result.status, result.out) == (1, "")
    assert "namespace" in result.err


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("shop",),
        ("shop", "-f"),
        ("-f", "values.yaml"),
        ("shop", "-f", "values.yaml", "--flavor", "kustomize"),
        ("shop", "-f", "values.yaml", "-o", "xml"),
        ("shop", "-f", "values.yaml", "--sett", "a=1"),
        ("shop", "more", "-f", "values.yaml"),
    ],
)
def test_wrong_usage_exits_2_and_prints_no_manifest(ksu: Invoke, write: Write, arguments: tuple[str, ...]) -> None:
    write({"values.yaml": APP})
    result = ksu("template", *arguments)
    assert (result.status, result.out) == (2, "")
    assert "Error: " in result.err


def test_a_reader_that_has_enough_is_no_error(write: Write, folder: Path) -> None:
    many = {f"config-{n}": {"type": "configMap", "data": {"TEXT": "x" * 1000}} for n in range(300)}
    write({"values.yaml": {"configs": many}})
    command = [sys.executable, "-m", "ks_universal", "template", "shop", "-f", "values.yaml"]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == b"apiVersion: v1\n"
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0


def test_output_is_utf_8_whatever_the_locale(write: Write, folder: Path) -> None:
    write({"values.yaml": {"configs": {"settings": {"type": "configMap", "data": {"CITY": "Köln"}}}}})
    command = [sys.executable, "-m", "ks_universal", "template", "shop", "-f", "values.yaml"]
    environment = {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "LC_ALL": "C"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, check=True)
    assert yaml.safe_load(done.stdout)["data"] == {"CITY": "Köln"}
