"""Whatever stands in the files: findings and a status, never a traceback, never a Secret's value."""

from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from datetime import timedelta
from io import BytesIO, TextIOWrapper
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from ks_universal.cli import run
from support.examples import examples
from support.strategies import SECRET, broken_values

EXAMPLES = settings(
    max_examples=examples(60),
    deadline=timedelta(seconds=10),
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=True,
)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    yield tmp_path_factory.mktemp("bad") / "values.yaml"


def invoke(*arguments: str) -> tuple[int, str, str]:
    out, err = TextIOWrapper(BytesIO(), "utf-8"), TextIOWrapper(BytesIO(), "utf-8", errors="backslashreplace")
    with redirect_stdout(out), redirect_stderr(err):
        status = run(arguments)
    texts = []
    for stream in (out, err):
        stream.seek(0)
        texts.append(stream.read())
    return status, texts[0], texts[1]


@EXAMPLES
@given(text=broken_values())
def test_damaged_values_are_found_or_taken(file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-8", errors="surrogatepass")
    status, out, err = invoke("validate", "-f", str(file))
    assert out == ""
    assert SECRET not in err
    assert (status == 1) == ("error[" in err)
    assert status in (0, 1)


@EXAMPLES
@given(text=broken_values())
def test_template_refuses_what_validate_refuses(file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-8", errors="surrogatepass")
    refused = invoke("validate", "-f", str(file))[0]
    status, out, err = invoke("template", "shop", "-f", str(file))
    assert status == refused
    assert SECRET not in err
    assert out == "" or status == 0


@pytest.mark.parametrize("flag", ["--set", "--set-string", "--set-json", "--set-file", "--set-literal"])
@pytest.mark.parametrize(
    "text",
    ["", "=", "a", "a=", "a.b=1", "a[=1", "a[-1]=1", "a[99999999999]=1", "a..b=1", "\udcff=1", "a={", "deployments=5",
     "deployments.a=1", "deployments.a.containers[0]=1", "{", "[]", "null", "a=\x00", "a" * 10_000, "a." * 200 + "=1",
     "deployments.a.replicas=" + "9" * 310],
)  # fmt: skip
def test_damaged_overrides_are_findings(flag: str, text: str) -> None:
    status, out, err = invoke("template", "shop", flag, text)
    assert status in (0, 1)
    assert (status == 1) == ("error[" in err)
    assert out == "" or status == 0
