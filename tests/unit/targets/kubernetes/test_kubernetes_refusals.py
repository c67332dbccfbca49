import httpx2
import msgspec
import pytest

from ks_universal.targets.kubernetes.api.errors import (
    api_error,
    describe_managers,
    is_lasting,
    is_schema_error,
    unreachable,
)


def answer(message: str, reason: str = "", **details: object) -> bytes:
    return msgspec.json.encode({"kind": "Status", "message": message, "reason": reason, "details": details})


@pytest.mark.parametrize(
    ("code", "body", "found"),
    [
        (401, answer("Unauthorized", "Unauthorized"), "unauthorized"),
        (403, answer('secrets is forbidden: User "x" cannot list', "Forbidden"), "forbidden"),
        (
            403,
            answer('roles "a" is forbidden: user "x" is attempting to grant RBAC permissions not currently held: {}'),
            "escalation",
        ),
        (403, answer('pods "a" is forbidden: exceeded quota: q, requested: pods=1', "Forbidden"), "quota"),
        (
            403,
            answer('pods "a" is forbidden: failed quota: q: must specify limits.memory for: a', "Forbidden"),
            "quota",
        ),
        (403, answer('pods "a" is forbidden: violates PodSecurity "restricted:latest"', "Forbidden"), "pod-security"),
        (403, answer('pods "a" is forbidden: maximum memory usage per Container is 16Mi', "Forbidden"), "admission"),
        (400, answer('admission webhook "policy.example" denied the request: no'), "admission"),
        (404, answer('namespaces "a" not found', "NotFound", kind="namespaces"), "namespace-missing"),
        (
            403,
            answer("unable to create new content in namespace a because it is being terminated"),
            "namespace-terminating",
        ),
        (404, answer('jobs "a" not found', "NotFound", kind="jobs"), "not-found"),
        (409, answer("the object has been modified", "Conflict"), "conflict"),
        (422, answer("spec.replicas: Invalid value: -1", "Invalid"), "invalid"),
        (500, answer("failed to create typed patch object: .spec.foo: field not declared in schema"), "invalid"),
        (500, b"", "api-error"),
        (502, b"<html>Bad Gateway</html>", "api-error"),
    ],
)
def test_each_refusal_has_a_code_of_ours(code: int, body: bytes, found: str) -> None:
    error = api_error(code, body, "Job/a")
    assert error.problem.code == f"kubernetes/{found}"
    assert error.problem.message.startswith("namespaces " if found == "namespace-missing" else "Job/a: ")


@pytest.mark.parametrize("message", ["spec: field is immutable", "spec.clusterIPs[0]: may not change once set"])
def test_what_cannot_be_changed_says_what_can_be_done(message: str) -> None:
    hint = api_error(422, answer(message, "Invalid"), "Job/a").problem.hint
    assert hint is not None
    assert "another name" in hint


def test_a_selector_that_cannot_be_changed_can_be_kept() -> None:
    message = 'Deployment.apps "web" is invalid: spec.selector: Invalid value: {"matchLabels":{}}: field is immutable'
    problem = api_error(422, answer(message, "Invalid"), "Deployment/web").problem
    assert problem.hint == "this cannot be changed: keep the selector that is there, by 'selector' in the values"
    assert is_lasting(problem)


def test_a_field_conflict_names_managers_and_fields() -> None:
    causes = [
        {
            "reason": "FieldManagerConflict",
            "message": 'conflict with "kubectl" using apps/v1',
            "field": ".spec.replicas",
        },
        {"reason": "FieldManagerConflict", "message": 'conflict with "kubectl" using apps/v1', "field": ".spec.paused"},
        {"reason": "FieldManagerConflict", "message": 'conflict with "hpa" using apps/v1', "field": ".spec.x"},
    ]
    problem = api_error(409, answer("Apply failed", "Conflict", causes=causes), "Deployment/a").problem
    assert problem.code == "kubernetes/field-conflict"
    assert problem.message == "Deployment/a: kubectl manages spec.replicas, spec.paused; hpa manages spec.x"
    assert "--take-ownership" in (problem.hint or "")


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ((".spec.x", ".metadata.annotations.ks-universal.io/applied"), "spec.x"),
        ((".metadata.annotations.ks-universal.io/applied",), "metadata.annotations.ks-universal.io/applied"),
    ],
)
def test_a_field_conflict_names_the_programs_own_annotation_only_where_it_is_all(
    fields: tuple[str, ...], told: str
) -> None:
    causes = [
        {"reason": "FieldManagerConflict", "message": 'conflict with "kubectl-rollout" using apps/v1', "field": field}
        for field in fields
    ]
    problem = api_error(409, answer("Apply failed", "Conflict", causes=causes), "Deployment/a").problem
    assert problem.message == f"Deployment/a: kubectl-rollout manages {told}"


def test_a_number_of_pods_that_an_autoscaler_sets_is_told_from_what_somebody_has_changed() -> None:
    problem = describe_managers("Deployment/a", {"kube-controller-manager": ["spec.replicas"]})
    assert "autoscaler" in (problem.hint or "")
    assert "autoscaler" not in (describe_managers("Deployment/a", {"kubectl": ["spec.replicas"]}).hint or "")


def test_an_object_that_does_not_fit_its_schema_is_not_a_passing_error() -> None:
    assert is_schema_error(answer("failed to create typed patch object (a/b; apps/v1): .spec.foo: ..."))
    assert not is_schema_error(answer("etcdserver: leader changed"))


def test_a_request_that_cannot_be_sent_is_not_quoted_for_it_holds_credentials() -> None:
    error = httpx2.LocalProtocolError("Illegal header value b'Bearer hunter2\\n'")
    assert "hunter2" not in str(unreachable(error, "the lock").problem)


def test_a_connection_that_broke_is_no_silence() -> None:
    assert "the connection broke before an answer came" in unreachable(httpx2.ReadError(""), "").problem.message


@pytest.mark.parametrize(
    ("said", "code", "message"),
    [
        ("All connection attempts failed", "unreachable", "All connection attempts failed"),
        ("", "unreachable", "no answer came in time"),
        (
            "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: certificate has expired (_ssl.c:1006)",
            "certificate",
            "is not trusted: certificate has expired",
        ),
    ],
)
def test_a_server_that_cannot_be_asked_says_why(said: str, code: str, message: str) -> None:
    problem = unreachable(OSError(said), "the lock").problem
    assert problem.code == f"kubernetes/{code}"
    assert message in problem.message
    assert problem.hint
