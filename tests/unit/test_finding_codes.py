"""The registry of finding codes is what the source can produce."""

import re
from pathlib import Path

import pytest

import ks_universal
from ks_universal.diagnosis.rules import RULES
from ks_universal.errors import InputError
from ks_universal.finding_codes import FindingCode, find_code, read_codes
from support.source_codes import CODE, find_codes, find_computed

DOCS = Path(__file__).parents[2] / "docs"


def test_every_code_in_the_source_is_registered() -> None:
    assert {code: folders for code, folders in find_codes().items() if code not in read_codes()} == {}


def test_every_registered_code_is_in_the_source() -> None:
    assert [code for code in read_codes() if code not in find_codes()] == []


def test_no_code_is_put_together_from_parts() -> None:
    assert list(find_computed()) == []


def test_the_registry_has_each_code_once_and_in_one_form() -> None:
    text = (Path(ks_universal.__file__).parent / "finding_codes.yaml").read_text()
    written = re.findall(r"^(\S+):$", text, re.MULTILINE)
    assert written == list(read_codes())
    assert [code for code in written if not CODE.fullmatch(code)] == []


def test_each_text_is_one_sentence_of_plain_words() -> None:
    for entry in read_codes().values():
        for text in (entry.meaning, entry.cause, entry.action):
            assert text.endswith(".") and text[0] in "`" + text[0].upper(), text
            assert len(text) <= 140, text
            assert not text.startswith(("TODO", "This finding")), text


def test_former_names_are_no_codes_of_today_and_belong_to_one() -> None:
    former = [alias for entry in read_codes().values() for alias in entry.aliases]
    assert len(former) == len(set(former))
    assert not set(former) & {*read_codes(), *find_codes()}


def test_a_former_name_is_explained_with_the_new_one() -> None:
    renamed = FindingCode("plan/new", "It.", "Was.", "Renamed.", aliases=("plan/old",))
    assert find_code("plan/old", {"plan/new": renamed}) == renamed
    assert find_code("plan/older", {"plan/new": renamed}) is None


@pytest.mark.parametrize("page", sorted(DOCS.rglob("*.md")), ids=lambda page: page.name)
def test_the_docs_name_no_code_that_is_not_registered(page: Path) -> None:
    areas = {code.partition("/")[0] for code in read_codes()}
    named = re.findall(r"`([a-z-]+/[a-z-]+)`|(?:error|warning)\[([a-z-]+/[a-z-]+)\]", page.read_text())
    codes = {code for pair in named for code in pair if code.partition("/")[0] in areas}
    assert codes - set(read_codes()) == set()


def test_what_migration_tools_have_for_a_code_comes_from_the_rules() -> None:
    for code in {rule.code for rule in RULES}:
        tools = {tool for rule in RULES if rule.code == code for tool in rule.commands}
        assert set(ks_universal.explain_code(code).commands) == tools
    assert ks_universal.explain_code("migrations/locked").commands["Prisma"]


def test_an_unknown_code_is_a_finding_with_the_nearest() -> None:
    with pytest.raises(InputError) as raised:
        ks_universal.explain_code("kubernetes/imag")
    (problem,) = raised.value.problems
    assert (problem.code, problem.hint) == ("request/unknown-code", "did you mean 'kubernetes/image'?")
