"""Objects of the input to values, and the proof that these make the same objects again."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from ks_universal.diagnostics import Problem, Severity, sort_problems
from ks_universal.imports.accounts import put_accounts
from ks_universal.imports.clean import clean_object
from ks_universal.imports.companions import add_companions
from ks_universal.imports.draft import Draft
from ks_universal.imports.hooks import find_waiting, waits_for_job
from ks_universal.imports.jobs import Gate, put_jobs
from ks_universal.imports.proof import list_differing, prove
from ks_universal.imports.read import Found, is_known
from ks_universal.imports.render import make
from ks_universal.imports.sections import read_secret, read_section
from ks_universal.imports.selection import drop_strangers, find_asked, find_port_names
from ks_universal.imports.workloads import SECTIONS, SERVING, Workload, read_workload
from ks_universal.imports.write import write_values
from ks_universal.json_types import Json
from ks_universal.metadata_keys import INSTANCE
from ks_universal.model.checks.labels import FREE_BUILT_IN
from ks_universal.resources.objects import read_template
from ks_universal.resources.references import read_needs

_UNNAMED = "release-name"
_HELM_RELEASE = "meta.helm.sh/release-name"


class Imported(msgspec.Struct, frozen=True):
    """Values, and what is to be known of them: what was left out, what differs. `problems` are sorted by place."""

    text: str
    problems: tuple[Problem, ...]

    def __repr__(self) -> str:
        """Show no values: they may hold secrets."""
        return f"Imported({len(self.problems)} problems)"


def import_objects(objects: Sequence[Found], *, namespace: str = "", with_secret_values: bool = False) -> Imported:
    """Make values of objects, which have no errors. `namespace` is the release's (default: that of most objects)."""
    asked = find_asked(found.body for found in objects)
    draft = Draft(_find_release(objects), namespace or _find_namespace(objects), asked)
    rest, gates = put_jobs(drop_strangers(objects, draft), draft)
    rest = _put_workloads(rest, gates, draft)
    rest = put_accounts(rest, draft)
    # ConfigMaps first: where a Secret has the name of one, it gets another key.
    for found in sorted(rest, key=lambda each: each.kind == "Secret"):
        _put(found, draft, with_secret_values=with_secret_values)
    _declare_missing(objects, draft)
    _keep_raw_what_does_not_fit(draft)
    for number, found in enumerate(draft.raw):
        if id(found) in draft.reasons:
            draft.say(("extraObjects", number), f"As it is, for {draft.reasons[id(found)]}.")
    text = write_values(draft.build(), _head(draft, objects), draft.comments)
    return Imported(text, sort_problems([*draft.notes, *prove(text, draft)]))


def _declare_missing(objects: Iterable[Found], draft: Draft) -> None:
    """Declare the configuration that pods need and the input does not have: somebody else makes it."""
    there = {(found.kind, found.name) for found in objects}
    for body in (found.body for found in draft.kept if found.kind in SECTIONS):
        for kind, name in read_needs(read_template(body)["spec"]):
            if kind in ("ConfigMap", "Secret") and (kind, name) not in there:
                there.add((kind, name))
                key = _put_external(kind, name, {}, draft)
                maker = next((each for each in draft.raw if _makes(each, name)), None)
                text = "It is not among the manifests: it has to be there already."
                draft.say(("configs", key), text if maker is None else f"{maker} makes it.")


def _makes(found: Found, secret: str) -> bool:
    """Tell whether a controller makes a Secret of an object: of External Secrets, Sealed Secrets, cert-manager."""
    spec = found.body.get("spec")
    if not isinstance(spec, dict) or found.kind not in ("Certificate", "ExternalSecret", "SealedSecret"):
        return False
    target = spec.get("target")
    named = target.get("name") if isinstance(target, dict) else None
    return (spec.get("secretName") if found.kind == "Certificate" else named or found.name) == secret


def _put_external(kind: str, name: str, rest: Json, draft: Draft) -> str:
    key = name if name not in draft.sections.get("configs", {}) else f"{name}-{kind.lower()}"
    named = {} if key == name else {"name": name}
    written = "secret" if kind == "Secret" else "configMap"
    draft.put("configs", key, {"type": written, **named, "external": True, **rest})
    return key


def _keep_raw_what_does_not_fit(draft: Draft) -> None:
    """Make raw manifests of the objects that their entries do not make again."""
    made = make(draft.build(), draft.release, draft.namespace)
    while made.rendered is None:
        broken = {tuple(p.where.file.split("/", 1)) for p in made.problems if p.where and p.severity is Severity.ERROR}
        if not draft.give_up(draft.find_made_by(broken), "no section takes it"):
            return
        made = make(draft.build(), draft.release, draft.namespace)
    for found, fields in list(list_differing(made, draft)):
        if found not in draft.raw:
            draft.give_up([found], f"its section does not say all of it: {', '.join(fields[:2]) or 'the whole'}")


def _put_workloads(objects: Sequence[Found], gates: dict[str, Gate], draft: Draft) -> list[Found]:
    """Put what runs pods, each with its companions; gives the objects that are left."""
    workloads = [found for found in objects if found.kind in SECTIONS and is_known(found.body)]
    left = [found for found in objects if found not in workloads]
    for found in workloads:
        if found.kind in SERVING:
            left = _put_serving(found, left, gates, draft)
        else:
            _put_entry(found, SECTIONS[found.kind], read_workload(clean_object(found.body), draft.release).entry, draft)
    return left


def _put_serving(found: Found, others: Sequence[Found], gates: dict[str, Gate], draft: Draft) -> list[Found]:
    body, section = clean_object(found.body), SECTIONS[found.kind]
    gate = gates.get(found.name) if section == "deployments" else None
    _drop_waiting(found, body, [job.name for each in gates.values() for job in each.jobs], draft)
    ports = find_port_names(body, [each for each in others if each.kind == "Service" and is_known(each.body)])
    workload = read_workload(body, draft.release, ports)
    entry = {**draft.place(found), **workload.entry, **_keep_asked(found, workload.entry, draft)}
    near = [each for each in others if each.namespace == found.namespace and is_known(each.body)]
    entry, companions = add_companions(section, found.name, entry, near, draft)
    if gate is not None:
        entry = {**entry, "migrations": gate.entry}
        for comment in gate.comments:
            draft.say((section, found.name, "migrations"), comment)
    draft.put(section, found.name, entry, found, *companions)
    _say_what_is_left_out(found, workload, draft)
    return [each for each in others if each not in companions]


def _keep_asked(found: Found, entry: Json, draft: Draft) -> Json:
    """Keep those labels of the pods that name the application, where something selects by them."""
    metadata = found.body["spec"]["template"].get("metadata") or {}
    selected = entry.get("selector", {}).get("matchLabels", {})
    kept = {
        key: text
        for key, text in (metadata.get("labels") or {}).items()
        if key in FREE_BUILT_IN and key not in selected and (key, text) in draft.asked and text != found.name
    }
    return {"podLabels": {**kept, **entry.get("podLabels", {})}} if kept and "selector" in entry else {}


def _say_what_is_left_out(found: Found, workload: Workload, draft: Draft) -> None:
    place = (SECTIONS[found.kind], found.name)
    if workload.alone:
        names = ", ".join(f"{key}={text}" for key, text in workload.alone.items())
        draft.say(place, f"Its own labels are left out, for the pods would get them, too: {names}")
    if workload.is_rolled:
        text = "In place of the annotation that restarted the pods when their configuration changed."
        draft.say((*place, "restartOnConfigChange"), text)


def _drop_waiting(found: Found, body: Json, jobs: Sequence[str], draft: Draft) -> None:
    """Drop the init containers that wait for a Job of before, which will not be there; say of others that they wait."""
    pod = body["spec"]["template"]["spec"]
    for container in list(find_waiting(pod)):
        job = waits_for_job(container, jobs)
        place = (SECTIONS[found.kind], found.name)
        if job is not None:
            pod["initContainers"] = [each for each in pod["initContainers"] if each is not container]
            text = f"The init container {container['name']}, which waited for the Job {job}, is left out"
            draft.say(place, f"{text}: the rollout waits for the migrations.")
            draft.drop(found, container["name"])
        elif jobs:
            text = "Only waits: it may go, for the rollout waits for the migrations of the release by itself."
            draft.say((*place, "initContainers", container["name"]), text)
    if not pod.get("initContainers"):
        pod.pop("initContainers", None)


def _put(found: Found, draft: Draft, *, with_secret_values: bool) -> None:
    read = read_section(clean_object(found.body)) if is_known(found.body) else None
    if found.kind == "Secret" and is_known(found.body):
        _put_secret(found, draft, with_secret_values=with_secret_values)
    elif read is None:
        draft.raw.append(found)
    else:
        section, entry = read
        _put_entry(found, section, entry, draft)


def _put_entry(found: Found, section: str, entry: Json, draft: Draft) -> None:
    draft.put(section, found.name, {**draft.place(found), **entry}, found)


def _put_secret(found: Found, draft: Draft, *, with_secret_values: bool) -> None:
    if with_secret_values:
        key = found.name if found.name not in draft.sections.get("configs", {}) else f"{found.name}-secret"
        named = {} if key == found.name else {"name": found.name}
        draft.put("configs", key, {**named, **draft.place(found), **read_secret(clean_object(found.body))}, found)
        return
    keys = [*(found.body.get("data") or {}), *(found.body.get("stringData") or {})]
    key = _put_external("Secret", found.name, {**draft.place(found), "keys": keys}, draft)
    draft.say(
        ("configs", key),
        "Its values are not written here: it has to be there already, and is not this release's to change or remove.",
    )


def _find_release(objects: Iterable[Found]) -> str:
    """Find what the release is called: by Helm's annotation, else by the label that most objects have."""
    counts: Counter[str] = Counter()
    for found in objects:
        metadata = found.body["metadata"]
        name = (metadata.get("annotations") or {}).get(_HELM_RELEASE) or (metadata.get("labels") or {}).get(INSTANCE)
        counts.update([name] if name else ())
    return next((name for name, _ in counts.most_common(1)), _UNNAMED)


def _find_namespace(objects: Iterable[Found]) -> str:
    """Find the namespace that most objects name; where none does, that of the accounts which are bound."""
    named = [found.namespace for found in objects if found.namespace] or list(_list_bound(objects))
    return next((name for name, _ in Counter(named).most_common(1)), "")


def _list_bound(objects: Iterable[Found]) -> Iterator[str]:
    for found in objects:
        subjects = found.body.get("subjects")
        if found.kind == "RoleBinding" and isinstance(subjects, list):
            yield from (each["namespace"] for each in subjects if isinstance(each, dict) and each.get("namespace"))


def _head(draft: Draft, objects: Sequence[Found]) -> list[str]:
    release = "" if draft.release == _UNNAMED else f" of the release {draft.release}"
    count = "1 object" if len(objects) == 1 else f"{len(objects)} objects"
    lines = [f"Made by 'ks-universal import' of {count}{release}."]
    if draft.namespace:
        lines.append(f"What names no namespace was in {draft.namespace}.")
    return lines
