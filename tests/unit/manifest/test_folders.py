"""The names of files, which are stable and differ, and whose a file is."""

import json
import re

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

import ks_universal
from ks_universal.manifest.flavors import Flavor, flavor_objects
from ks_universal.manifest.folders import build_files, read_owner, write_header
from ks_universal.resources.objects import Rendered, object_ref
from support.strategies import good_values


def render(text: str, namespace: str = "ns") -> Rendered:
    values = ks_universal.load(["-"], stdin=lambda: text, release="shop", namespace=namespace)
    assert values.application is not None, values.problems
    return ks_universal.render(values, "shop", namespace)


@pytest.mark.parametrize("flavor", Flavor)
def test_every_object_is_in_a_file_of_its_own(flavor: Flavor) -> None:
    rendered = render(json.dumps(good_values()))
    files = build_files(rendered, flavor)
    wanted = {object_ref(body) for body in flavor_objects(rendered, flavor)}
    texts = [text for path, text in files.items() if path.endswith(".yaml")]
    read = [body for text in texts for body in yaml.safe_load_all(text) if body and "metadata" in body]
    assert wanted <= {object_ref(body) for body in read}
    assert list(files) == sorted(files)


@pytest.mark.parametrize("flavor", Flavor)
def test_names_are_ones_that_every_file_system_takes_and_tells_apart(flavor: Flavor) -> None:
    files = build_files(render(json.dumps(good_values())), flavor)
    for path in files:
        assert re.fullmatch(r"(?:[a-z0-9-]+/)?[A-Za-z0-9._-]+\.(?:yaml|txt)", path)
        assert max(map(len, path.split("/"))) <= 255
    assert len({path.lower() for path in files}) == len(files)


EXTRA = "extraObjects: {%s}"


def named(*refs: tuple[str, str, str]) -> list[str]:
    """Name the files of ClusterRoles and the like, by kind, namespace and name."""
    objects = {}
    for number, (kind, namespace, name) in enumerate(refs):
        metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
        objects[f"o{number}"] = {"apiVersion": "v1", "kind": kind, "metadata": metadata}
    return list(build_files(render(json.dumps({"extraObjects": objects})), Flavor.ARGOCD))


def test_names_of_one_kind_that_differ_in_odd_characters_or_at_the_end_differ() -> None:
    names = ["a", "a.b", "a-b", "a" * 253, "a" * 252 + "b"]
    assert len(set(named(*(("ConfigMap", "", name) for name in names)))) == len(names)


def test_the_namespace_of_another_place_is_in_the_name() -> None:
    assert named(("ConfigMap", "", "a"), ("ConfigMap", "other", "a")) == ["configmap-a.yaml", "configmap-a_other.yaml"]


JOB = """
deployments:
  app:
    containers: {main: {image: app, imageTag: v1}}
jobs:
  seed: {containers: {main: {image: app, imageTag: v1, command: [seed, "%s"]}}}
"""


@pytest.mark.parametrize("flavor", Flavor)
def test_a_file_keeps_its_name_when_the_digest_in_the_name_of_its_object_changes(flavor: Flavor) -> None:
    before, after = (build_files(render(JOB % what), flavor) for what in ("one", "two"))
    assert list(before) == list(after)
    assert before != after


@given(path=st.from_regex(r"[a-z0-9][a-z0-9_./-]{0,80}\.(yaml|txt)", fullmatch=True))
def test_whose_a_file_is_can_be_read_off_its_first_line(path: str) -> None:
    assert read_owner(write_header(path, "shop")) == "shop"


def test_a_file_of_somebody_else_has_no_owner() -> None:
    assert read_owner("# deployment-app.yaml of release shop, written by hand") is None
    assert read_owner("apiVersion: v1") is None


STEPS = """
configs: {settings: {type: configMap, data: {A: a}}}
deployments:
  app:
    migrations:
      enabled: true
      steps: [{name: two, args: [a]}, {name: one, args: [b]}, {name: late, args: [c], phase: post}]
    containers:
      main: {image: app, imageTag: v1, envFrom: [{type: configMap, configName: settings}]}
"""


def test_the_files_of_plain_stages_sort_in_the_order_to_apply_them() -> None:
    assert list(build_files(render(STEPS), Flavor.PLAIN)) == [
        "1-needs/configmap-settings-migrations.yaml",
        "2-migrations/01-job-app-migrations-two.yaml",
        "2-migrations/02-job-app-migrations-one.yaml",
        "3-application/configmap-settings.yaml",
        "3-application/deployment-app.yaml",
        "4-post/01-job-app-migrations-late.yaml",
    ]
