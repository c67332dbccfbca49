"""ServiceAccounts and what they may do: with the workload that uses them, else in sections of their own."""

from collections.abc import Iterable, Iterator

from ks_universal.imports.clean import clean_object
from ks_universal.imports.compare import is_same
from ks_universal.imports.draft import Draft
from ks_universal.imports.read import Found
from ks_universal.imports.render import make
from ks_universal.imports.sections import read_metadata
from ks_universal.imports.workloads import SECTIONS
from ks_universal.json_types import Json
from ks_universal.resources.access import RBAC_GROUP


def put_accounts(objects: Iterable[Found], draft: Draft) -> list[Found]:
    """Put ServiceAccounts, Roles and RoleBindings; gives the objects that are left."""
    left = []
    roles = []
    for found in objects:
        if found.kind == "ServiceAccount":
            _put_account(found, draft)
        elif found.kind == "Role" and found.body["apiVersion"] == f"{RBAC_GROUP}/v1":
            roles.append(found)
        else:
            left.append(found)
    bindings = {each.name: each for each in left if each.kind == "RoleBinding" and _gives_own(each)}
    for role in roles:
        binding = bindings.get(role.name)
        if not _put_beside_account(role, binding, draft):
            entry = {"rules": role.body.get("rules") or [], **_read_bound(binding, draft), **_read_metadata(role)}
            draft.put("roles", role.name, {**draft.place(role), **entry}, role, *([binding] if binding else ()))
        left = [each for each in left if each is not binding]
    return left


def _put_account(found: Found, draft: Draft) -> None:
    settings = _read(clean_object(found.body))
    users = list(_find_users(found.name, draft))
    if len(users) != 1 or _is_of_migrations(found.name, draft):
        draft.put("serviceAccounts", found.name, {**draft.place(found), **settings}, found)
        return
    ((section, name),) = users
    entry = draft.sections[section][name]
    named = {} if found.name == name else {"name": found.name}
    rest = {key: value for key, value in entry.items() if key != "serviceAccountName"}
    draft.put(section, name, {"serviceAccount": {"create": True, **named, **settings}, **rest}, found)


def _put_beside_account(role: Found, binding: Found | None, draft: Draft) -> bool:
    """Write what the account of a workload of this name may do beside it, where that makes both objects again."""
    for section in SECTIONS.values():
        entry = draft.sections.get(section, {}).get(role.name)
        if entry is None or "serviceAccount" not in entry or binding is None:
            continue
        tried = {**entry, "rbac": {"rules": role.body.get("rules") or []}}
        made = make({section: {role.name: tried}}, draft.release, draft.namespace)
        if all(is_same(each.body, made.find(each.kind, each.name)) for each in (role, binding)):
            draft.put(section, role.name, tried, role, binding)
            return True
    return False


def _find_users(account: str, draft: Draft) -> Iterator[tuple[str, str]]:
    for section in SECTIONS.values():
        for name, entry in draft.sections.get(section, {}).items():
            if entry.get("serviceAccountName") == account:
                yield section, name


def _is_of_migrations(account: str, draft: Draft) -> bool:
    """Tell whether a migration names an account of its own: no deployment makes that."""
    entries = [entry for section in SECTIONS.values() for entry in draft.sections.get(section, {}).values()]
    migrations = [entry.get("migrations", {}) for entry in entries]
    return any(account == s.get("serviceAccount") for m in migrations for s in (m, *m.get("steps", ())))


def _gives_own(binding: Found) -> bool:
    """Tell whether a binding gives the Role of its own name."""
    reference = binding.body.get("roleRef")
    return isinstance(reference, dict) and (reference.get("kind"), reference.get("name")) == ("Role", binding.name)


def _read_bound(binding: Found | None, draft: Draft) -> Json:
    written = [] if binding is None else binding.body.get("subjects")
    subjects = [each for each in written or () if isinstance(each, dict) and "name" in each]
    own = ("", draft.namespace or "default")
    bound = [s["name"] for s in subjects if s.get("kind") == "ServiceAccount" and s.get("namespace", "") in own]
    others = [s for s in subjects if s.get("kind") != "ServiceAccount" or s.get("namespace", "") not in own]
    return {**({"bind": bound} if bound else {}), **({"subjects": others} if others else {})}


def _read(body: Json) -> Json:
    parts: Json = {key: body[key] for key in ("automountServiceAccountToken", "imagePullSecrets") if key in body}
    return {**parts, **read_metadata(body)}


def _read_metadata(found: Found) -> Json:
    return read_metadata(clean_object(found.body))
