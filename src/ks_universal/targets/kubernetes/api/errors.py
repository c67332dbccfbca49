"""What the API server and the network refuse, in our words: the one table from lower errors to findings."""

import re
from collections.abc import Mapping, Sequence

import httpx2
import msgspec

from ks_universal.diagnostics import Problem
from ks_universal.errors import TargetError
from ks_universal.json_types import Json
from ks_universal.metadata_keys import APPLIED


class ApiError(TargetError):
    """The API server said no. `code` is the HTTP status, `reason` the API's word for it (`NotFound`).

    `fields` are those that other managers have, where that is why (`spec.replicas`).
    """

    def __init__(self, code: int, reason: str, problem: Problem, fields: tuple[str, ...] = ()) -> None:
        super().__init__(problem)
        self.code = code
        self.reason = reason
        self.fields = fields


QUOTA_HINT = (
    "free something in the namespace, have its ResourceQuota raised, or set the resources that it wants to be set"
)
POD_SECURITY_HINT = "set the securityContext that the namespace's Pod Security level asks for"
_FIELD_CONFLICT = "kubernetes/field-conflict"
_OWN = f".{APPLIED}"
"""The end of the path of our own annotation, which whoever changes an object as a whole manages, too."""
_SCALED = "an autoscaler sets it (kubectl get hpa): leave 'replicas' out, or remove the autoscaler"
_ESCALATION = "kubernetes/escalation"
_NEXT_STEPS = {
    "kubernetes/unauthorized": "the credentials of this context have expired or are wrong",
    "kubernetes/forbidden": "ask for these rights; `ks-universal rbac` prints the smallest Role",
    _ESCALATION: "an account can give others only rights that it has: have somebody with more rights deploy this, or "
    "give the deploying account these, too; `ks-universal rbac` prints what it needs",
    "kubernetes/quota": QUOTA_HINT,
    "kubernetes/pod-security": POD_SECURITY_HINT,
    _FIELD_CONFLICT: "let that manager give the field up, or take it over with --take-ownership",
    "kubernetes/namespace-missing": "create it, or deploy with --create-namespace",
    "kubernetes/namespace-terminating": "wait until it is gone (kubectl get namespace), then use --create-namespace",
    "kubernetes/too-large": "put large files into the image or a volume",
    "kubernetes/unreachable": "check the address in the kubeconfig, and the network",
    "kubernetes/certificate": "check address and certificate authority in the kubeconfig: another cluster answers,"
    " its certificates were renewed, or a proxy is in between",
}
_CODES = {
    401: "kubernetes/unauthorized",
    403: "kubernetes/forbidden",
    404: "kubernetes/not-found",
    409: "kubernetes/conflict",
    413: "kubernetes/too-large",
    422: "kubernetes/invalid",
}
"""What a status means where nothing in the answer says more."""
_TELLING = {
    "attempting to grant RBAC permissions not currently held": _ESCALATION,
    "violates PodSecurity": "kubernetes/pod-security",
    "Too long: may not be more than 1048576 bytes": "kubernetes/too-large",
    "because it is being terminated": "kubernetes/namespace-terminating",
    "admission webhook": "kubernetes/admission",
    "ValidatingAdmissionPolicy": "kubernetes/admission",
}
"""What a message means that has such a text."""


_LASTING = re.compile(r"immutable|may not change once set")
_IMMUTABLE = "this cannot be changed: give the object another name, or delete it first, with all that hangs on it"
_KEEP = "this cannot be changed: keep the selector that is there, by 'selector' in the values"


def api_error(code: int, answer: bytes, what: str) -> ApiError:
    """Turn an error answer into an ApiError. `what` is the object or the request, for people (`Deployment/my-app`)."""
    status = _status(answer)
    reason = str(status.get("reason") or "")
    message = str(status.get("message") or answer[:500].decode(errors="replace") or f"HTTP {code}")
    problem_code = _classify(code, reason, message, status)
    hint = _NEXT_STEPS.get(problem_code)
    if _LASTING.search(message):
        hint = _KEEP if "spec.selector" in message else _IMMUTABLE
    if problem_code == _FIELD_CONFLICT:
        fields = tuple(dict.fromkeys(map(_name_field, _conflicts(status))))
        return ApiError(code, reason, describe_managers(what, _read_managers(status)), fields)
    # What is wrong with the namespace is so for each object: it is said once.
    text = message if problem_code == "kubernetes/namespace-missing" else f"{what}: {message}"
    return ApiError(code, reason, Problem(problem_code, text, hint=hint))


def describe_managers(what: str, fields: Mapping[str, Sequence[str]]) -> Problem:
    """Say which fields of an object others manage. `fields`: manager to the paths of these."""
    theirs = {
        manager: [path for path in paths if not path.endswith(_OWN)] or paths for manager, paths in fields.items()
    }
    told = "; ".join(f"{manager} manages {', '.join(paths)}" for manager, paths in theirs.items())
    is_scaled = theirs == {"kube-controller-manager": ["spec.replicas"]}
    return Problem(_FIELD_CONFLICT, f"{what}: {told}", hint=_SCALED if is_scaled else _NEXT_STEPS[_FIELD_CONFLICT])


def is_lasting(problem: Problem) -> bool:
    """Tell whether an object is refused for what it cannot change of the one that is there."""
    return problem.hint in (_IMMUTABLE, _KEEP)


def is_schema_error(answer: bytes) -> bool:
    """Tell whether a 500 is server-side apply's way of saying that the object does not fit its schema."""
    return b"failed to create typed patch object" in answer


def is_quota(message: str) -> bool:
    """Tell whether a ResourceQuota is in the way: it is used up, or wants what the object does not say."""
    return "exceeded quota" in message or "failed quota" in message


def is_untrusted(error: Exception) -> bool:
    """Tell whether a connection failed because the server's certificate is not trusted: a retry cannot help."""
    return "CERTIFICATE_VERIFY_FAILED" in str(error)


def unreachable(error: Exception, what: str, proxy: str | None = None) -> TargetError:
    """The finding for an API server that does not answer, or cannot be trusted; `proxy` names the one in between."""
    if is_untrusted(error):
        code = "kubernetes/certificate"
        message = (
            f"the API server's certificate is not trusted: {str(error).partition('certificate verify failed: ')[2]}"
        )
    else:
        code = "kubernetes/unreachable"
        way = f", through the proxy {proxy}" if proxy else ""
        message = f"the API server does not answer{way}: {describe_silence(error)}"
    return TargetError(Problem(code, f"{what}: {message}", hint=_NEXT_STEPS[code]))


def not_an_api_server(code: int, what: str, sent: str = "an HTML page or a redirect") -> TargetError:
    """The finding for an answer that no API server gives: a login page, say, or that of a proxy."""
    message = f"{what}: not a Kubernetes API server: it answered with {sent} (HTTP {code})"
    return TargetError(Problem("kubernetes/unreachable", message, hint=_NEXT_STEPS["kubernetes/unreachable"]))


def describe_silence(error: Exception) -> str:
    """Say why there is no answer. What httpx refuses to send is not quoted: it may be a credential."""
    match error:
        case httpx2.LocalProtocolError():
            return "the request cannot be sent as it is; is there a line break in the token?"
        case httpx2.NetworkError():
            return str(error) or "the connection broke before an answer came; does the server want https?"
        case _:
            return str(error) or "no answer came in time"


def _status(answer: bytes) -> Json:
    try:
        decoded = msgspec.json.decode(answer)
    except msgspec.DecodeError:
        return {}
    return decoded if isinstance(decoded, dict) else {}


def _classify(code: int, reason: str, message: str, status: Json) -> str:
    if code == 409 and _conflicts(status):
        return _FIELD_CONFLICT
    if code == 403 and is_quota(message):
        return "kubernetes/quota"
    if code == 404 and _details(status).get("kind") == "namespaces":
        return "kubernetes/namespace-missing"
    told = next((found for text, found in _TELLING.items() if text in message), None)
    if told is not None:
        return told
    if code == 403 and "User " not in message:
        return "kubernetes/admission"
    if code in _CODES:
        return _CODES[code]
    is_unfit = reason == "BadRequest" or is_schema_error(message.encode())
    return "kubernetes/invalid" if is_unfit else "kubernetes/api-error"


def _details(status: Json) -> Json:
    details = status.get("details")
    return details if isinstance(details, dict) else {}


def _conflicts(status: Json) -> list[Json]:
    return [cause for cause in _details(status).get("causes") or [] if cause.get("reason") == "FieldManagerConflict"]


def _name_field(cause: Json) -> str:
    return str(cause.get("field", "")).lstrip(".")


def _read_managers(status: Json) -> dict[str, list[str]]:
    """Read who has which fields: the API's causes read `conflict with "kubectl" using apps/v1`, `.spec.replicas`."""
    fields: dict[str, list[str]] = {}
    for cause in _conflicts(status):
        manager = str(cause.get("message", "")).partition('"')[2].partition('"')[0]
        fields.setdefault(manager or "another manager", []).append(_name_field(cause))
    return fields
