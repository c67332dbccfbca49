"""`docs/troubleshooting.md` says what the registry of finding codes and the rules of database errors say."""

import runpy
from pathlib import Path

TOOL = Path(__file__).parents[3] / "tools" / "error_docs.py"


def test_what_the_page_says_of_codes_is_what_registry_and_rules_say() -> None:
    tool = runpy.run_path(str(TOOL))
    page = tool["FILE"].read_text()
    assert page == tool["write_page"](page), "run: python tools/error_docs.py"


def test_every_folder_of_logs_has_a_name_for_the_page() -> None:
    tool = runpy.run_path(str(TOOL))
    assert {path.parent.name for path in tool["LOGS"].glob("*/*.txt")} <= set(tool["NAMES"])
