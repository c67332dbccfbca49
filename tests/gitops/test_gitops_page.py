"""The shell blocks of `docs/gitops.md`, run as they stand: a first deploy, a failed migration, and its correction."""

import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[2] / "docs" / "gitops.md").read_text()
VALUES = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)[0]

# What the page leaves to the reader: an image with a program that migrates. Here the tag says whether it succeeds.
REPLACED = """#!/bin/sh
tag=$(sed -n 's/^ *imageTag: //p' values.yaml)
exec {program} "$@" -f here.yaml --set-string deployments.shop.containers.main.env[0].value=$tag
"""
HERE = """
deployments:
  shop:
    migrations:
      command: [sh, -c, 'echo "$0 $1 to $VERSION with $GREETING"; test "$VERSION" != 1.1.0']
    containers:
      main:
        image: busybox
        imageTag: local
        command: [sh, -c, "trap 'exit 0' TERM; sleep 86400 & wait"]
        env: [{name: VERSION, value: ""}]
"""


LIST_JOBS = "kubectl get -n shop -f deploy/production/2-migrations -o jsonpath='{.items[*].metadata.uid}'"


def read_blocks(title: str) -> list[str]:
    """Give the shell blocks of a section."""
    section = PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    return re.findall(r"^```sh\n(.*?)^```", section, re.MULTILINE | re.DOTALL)


class Reader:
    """Somebody who follows the page in a shell."""

    def __init__(self, folder: Path, namespace: str, path: str) -> None:
        self._folder = folder
        self._namespace = namespace
        self._env = {**os.environ, "PATH": path}

    def write(self, tag: str, greeting: str) -> None:
        text = VALUES.replace("imageTag: 1.0.0", f"imageTag: {tag}").replace("GREETING: hello", f"GREETING: {greeting}")
        assert greeting in text
        (self._folder / "values.yaml").write_text(text)

    def run(self, block: str) -> subprocess.CompletedProcess[str]:
        """Run a block as it stands, but for the namespace, which is the test's own."""
        script = re.sub(r"-n shop\b", f"-n {self._namespace}", block)
        argv = ["bash", "-e", "-c", script]
        return subprocess.run(argv, cwd=self._folder, env=self._env, capture_output=True, text=True, check=False)

    def look(self) -> tuple[str, str]:
        """Say which version the pods have, and with which configuration, after all of them have started anew."""
        out = self.run(
            "kubectl -n shop delete pod -l app.kubernetes.io/component=shop --wait >/dev/null\n"
            "kubectl -n shop rollout status deployment/shop --timeout=120s >/dev/null\n"
            "kubectl -n shop exec deployment/shop -- sh -c 'echo $VERSION $GREETING'"
        )
        assert out.returncode == 0, out.stderr
        version, greeting = out.stdout.split()
        return version, greeting


@pytest.fixture
def reader(tmp_path: Path, namespace: str, helm: str, kubectl: str) -> Reader:
    programs, folder = tmp_path / "bin", tmp_path / "shop"
    programs.mkdir()
    folder.mkdir()
    ours = programs / "ks-universal"
    ours.write_text(REPLACED.format(program=Path(sys.executable).parent / "ks-universal"))
    ours.chmod(ours.stat().st_mode | stat.S_IXUSR)
    (folder / "here.yaml").write_text(HERE)
    tools = (programs, Path(helm).parent, Path(kubectl).parent)
    return Reader(folder, namespace, os.pathsep.join([*map(str, tools), os.environ["PATH"]]))


@pytest.mark.parametrize("title", ["Helm", "kubectl"])
def test_the_page_leads_from_nothing_to_a_failed_migration_and_its_correction(reader: Reader, title: str) -> None:
    deploy, log, *again = read_blocks(title)
    reader.write("1.0.0", "one")
    first = reader.run(deploy)
    assert first.returncode == 0, first.stdout + first.stderr
    assert reader.look() == ("1.0.0", "one")
    reader.write("1.1.0", "two")
    failed = reader.run(deploy)
    assert failed.returncode != 0, failed.stdout
    assert "migrate schema to 1.1.0 with two" in reader.run(log).stdout
    assert reader.look() == ("1.0.0", "one")
    reader.write("1.2.0", "three")
    corrected = reader.run(deploy)
    assert corrected.returncode == 0, corrected.stdout + corrected.stderr
    assert reader.look() == ("1.2.0", "three")
    for block in again:  # that has migrations run once more, which by themselves do not
        before = reader.run(LIST_JOBS).stdout.split()
        assert len(before) == 2
        assert reader.run(deploy).returncode == 0
        assert reader.run(LIST_JOBS).stdout.split() == before
        assert reader.run(block + deploy).returncode == 0
        after = reader.run(LIST_JOBS).stdout.split()
        assert len(after) == 2
        assert not set(before) & set(after)
