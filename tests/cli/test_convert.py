"""`ks-universal convert`, as a shell sees it."""

from support.shell import Invoke, Write

FROM_HELM = """\
ks-universal:
  configs:
    settings:
      data:
        limit: 1e+06
      type: configMap
  deployments:
    web:
      containers:
        main:
          image: web
          imageTag: v1
      initContainers: []
      networking: fast
"""


def test_the_result_is_valid_and_what_differs_is_said_apart(ksu: Invoke, write: Write) -> None:
    write({"helm.yaml": FROM_HELM})
    result = ksu("convert", "-f", "helm.yaml")
    assert result.status == 0
    assert "warning[convert/unwrapped]: ks-universal holds" in result.err
    assert "warning[convert/number]: configs.settings.data.limit is a whole number" in result.err
    assert "warning[convert/dropped]: deployments.web.networking is left out" in result.err
    assert "--> helm.yaml:14:7" in result.err
    write({"values.yaml": result.out})
    assert ksu("validate", "-f", "values.yaml") == (0, "", "values are valid\n")


def test_standard_input_is_read(ksu: Invoke) -> None:
    assert ksu("convert", "-f", "-", stdin=FROM_HELM).out.startswith("configs:\n  settings:\n")


def test_what_is_no_yaml_is_a_finding(ksu: Invoke) -> None:
    result = ksu("convert", "-f", "-", stdin="a: [")
    assert (result.status, result.out) == (1, "")
    assert "error[values/syntax]" in result.err


def test_what_was_converted_is_not_converted_again(ksu: Invoke, write: Write) -> None:
    write({"once.yaml": ksu("convert", "-f", "-", stdin=FROM_HELM).out})
    assert ksu("convert", "-f", "once.yaml") == ksu("convert", "-f", "-", stdin=(ksu("convert", "-f", "once.yaml").out))
