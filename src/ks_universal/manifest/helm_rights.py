"""What Helm's hooks need of roles: copies for the copies of accounts that migrations run as."""

from collections.abc import Iterable

from ks_universal.json_types import Json
from ks_universal.manifest.copies import Copies
from ks_universal.resources.access import BINDING_KINDS, UNKNOWN_NAMESPACE, is_bound, name_role
from ks_universal.resources.objects import ObjectRef, Rendered, object_ref, rename


def find_rights(rendered: Rendered, jobs: Iterable[Json]) -> frozenset[ObjectRef]:
    """Find the bindings that give the accounts of some Jobs their rights, and the release's roles that these name."""
    accounts = {(_name_account(job), object_ref(job).namespace) for job in jobs}
    bindings = [resource.body for resource in rendered.objects if resource.body["kind"] in BINDING_KINDS]
    bound = [body for body in bindings if any(is_bound(body, *account) for account in accounts)]
    made = {object_ref(resource.body) for resource in rendered.objects}
    roles = {ObjectRef(*name_role(body)) for body in bound}
    return frozenset((*map(object_ref, bound), *roles.intersection(made)))


def copy_right(body: Json, copies: Copies) -> Json:
    """Copy a role or binding; the binding gives what is copied of its role to what is copied of its accounts."""
    copy = rename(body, copies[object_ref(body)])
    if body["kind"] in BINDING_KINDS:
        role = ObjectRef(*name_role(body))
        copy["roleRef"] = {**body["roleRef"], "name": copies.get(role, role.name)}
        accounts = {(r.namespace or UNKNOWN_NAMESPACE, r.name): copies[r] for r in copies if r.kind == "ServiceAccount"}
        copy["subjects"] = [
            {**subject, "name": accounts.get((subject.get("namespace"), subject["name"]), subject["name"])}
            if subject["kind"] == "ServiceAccount"
            else subject
            for subject in body["subjects"]
        ]
    return copy


def _name_account(job: Json) -> str:
    return str(job["spec"]["template"]["spec"].get("serviceAccountName", "default"))
