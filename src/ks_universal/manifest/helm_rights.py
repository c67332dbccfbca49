"""What Helm's hooks need of roles: copies for the copies of accounts that migrations run as."""

from collections.abc import Callable, Collection, Iterable

from ks_universal.json_types import Json
from ks_universal.resources.access import BINDING_KINDS, is_bound, name_role
from ks_universal.resources.objects import ObjectRef, Rendered, object_ref


def find_rights(rendered: Rendered, jobs: Iterable[Json]) -> frozenset[ObjectRef]:
    """Find the bindings that give the accounts of some Jobs their rights, and the release's roles that these name."""
    accounts = {(_name_account(job), object_ref(job).namespace) for job in jobs}
    bindings = [resource.body for resource in rendered.objects if resource.body["kind"] in BINDING_KINDS]
    bound = [body for body in bindings if any(is_bound(body, *account) for account in accounts)]
    made = {object_ref(resource.body) for resource in rendered.objects}
    roles = {ObjectRef(*name_role(body)) for body in bound}
    return frozenset((*map(object_ref, bound), *roles.intersection(made)))


def copy_right(
    body: Json, rights: Collection[ObjectRef], copied: Collection[str], rename: Callable[[str], str]
) -> Json:
    """Copy a role or binding under another name, for the accounts; those `copied` have other names themselves."""
    copy = {**body, "metadata": {**body["metadata"], "name": rename(body["metadata"]["name"])}}
    if body["kind"] in BINDING_KINDS:
        reference = body["roleRef"]
        if ObjectRef(*name_role(body)) in rights:
            copy["roleRef"] = {**reference, "name": rename(reference["name"])}
        copy["subjects"] = [
            {**subject, "name": rename(subject["name"])}
            if subject["kind"] == "ServiceAccount" and subject["name"] in copied
            else subject
            for subject in body["subjects"]
        ]
    return copy


def _name_account(job: Json) -> str:
    return str(job["spec"]["template"]["spec"].get("serviceAccountName", "default"))
