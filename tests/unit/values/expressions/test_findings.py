"""What expressions cannot have is said, with its place in the text; nothing is ever raised."""

import string
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ks_universal.values.expressions import evaluate
from ks_universal.values.expressions.context import Context
from ks_universal.values.expressions.expand import Expanded, expand_text
from ks_universal.values.expressions.functions import FUNCTIONS, patterns
from ks_universal.values.nodes import Mapping, Written
from ks_universal.values.parse import parse_yaml

Expand = Callable[..., Expanded]
VALUES = "registry: example.com\napp: {name: shop, tag: 1.10, size: 1000000, none: null, list: [], port: 8080}\n"


def test_a_missing_value_is_named_with_what_was_probably_meant_d14(expand: Expand) -> None:
    expanded = expand("app/{{ .Values.regsitry }}:{{ .Values.app.tga }}", VALUES)

    assert expanded.text is None
    assert [(e.code, e.message, e.hint, e.at) for e in expanded.errors] == [
        ("expressions/missing-value", ".Values.regsitry has no value", "did you mean 'registry'?", 7),
        ("expressions/missing-value", ".Values.app.tga has no value", "did you mean 'tag'?", 30),
    ]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("{{ .Values.nothing.below }}", "missing-value"),
        ("{{ .Values.app.none }}", "missing-value"),
        ("{{ .Values.registry.below }}", "missing-value"),
        ("{{ upper .Values.nothing }}", "missing-value"),
        ("{{ printf `%s` .Values.nothing }}", "missing-value"),
        ("{{ range .Values.nothing }}{{ end }}", "missing-value"),
        ("{{ first .Values.app.list }}", "missing-value"),
        ("{{ index .Values `nothing` }}", "missing-value"),
        ("{{ get .Values.app `nothing` }}", "missing-value"),
        ("{{ eq .Values.nothing `a` }}", "missing-value"),
        ("{{ tpl `{{ .Values.nothing }}` . }}", "missing-value"),
        ("{{ required `needed` .Values.nothing }}", "required"),
        ("{{ fail `never` }}", "fail"),
        ("{{ .Values.app.name | uper }}", "unknown-function"),
        ("{{ uuidv4 }}", "refused"),
        ("{{ randAlphaNum 5 }}", "refused"),
        ('{{ (lookup "v1" "Secret" "" "").items }}', "refused"),
        ("{{ now | date `2006` }}", "failed"),
        ("{{ genCA `ca` 365 }}", "refused"),
        ('{{ env "HOME" }}', "refused"),
        ('{{ include "ks-universal.labels" . }}', "refused"),
        ("{{ .Capabilities.KubeVersion }}", "refused"),
        ('{{ define "x" }}{{ .Values.app.name }}{{ end }}', "refused"),
        ("{{ .Values.app.name", "syntax"),
        ("{{ .Values.app.name | }}", "syntax"),
        ("{{ .Values.app.name | default 'word' }}", "syntax"),
        ("{{ if .Values.app.name }}x", "syntax"),
        ("{{ .Values.app.name }}{{ end }}", "syntax"),
        ("{{ .Values.app.name }}{{ $labels.instance }}", "syntax"),
        ("{{ .Values.app.name }}{{ break }}", "syntax"),
        ("{{ if .Values.app.name }}a{{ else }}b{{ else }}c{{ end }}", "syntax"),
        ("{{ .Values.app.name .Values.registry }}", "syntax"),
        ("{{ add .Values.app.name 1 }}", "failed"),
        ("{{ div .Values.app.port 0 }}", "failed"),
        ("{{ eq .Values.app.port `8080` }}", "failed"),
        ("{{ upper .Values.app }}", "failed"),
        ("{{ upper `a` .Values.registry }}", "failed"),
        ("{{ b64dec .Values.app.port }}", "failed"),
        *(
            (f"{{{{ regexMatch `{pattern}` .Values.registry }}}}", "failed")
            for pattern in (
                *(
                    "(",
                    ")",
                    "a)",
                    "[a",
                    "[b-a]",
                    "[[:alfa:]]",
                    "*a",
                    "(|*)",
                    "a**",
                    "a++",
                    "a{2}{2}",
                    "a{2,1}",
                    "a{1001}",
                ),
                *(
                    "(a{1000}){2}",
                    "(?:(?:a{20}){20}){20}",
                    r"\1",
                    r"(a)\1",
                    r"\8",
                    r"\Z",
                    r"\K",
                    r"\X",
                    r"\x4",
                    r"\x{110000}",
                ),
                *(
                    "(?=a)",
                    "(?!a)",
                    "(?<=a)",
                    "(?<!a)",
                    "(?>a)",
                    "(?|a)",
                    "(?#a)",
                    "(?R)",
                    "(?1)",
                    "(?&a)",
                    "(?x)a",
                    "(?a)",
                ),
                *("(?P=a)", "(?P<a>a)(?P<a>b)", r"\p{Elvish}", r"(?i)\pL", "(" * 51 + ")" * 51, "a" * 2001),
                "(?:" * 9 + "a" + "+)" * 9,
            )
        ),
        ("{{ semverCompare `about 1` .Values.registry }}", "failed"),
        ("{{ set .Values `registry` `other` }}", "failed"),
        ("{{ date `2006` .Values.registry }}", "failed"),
        ("{{ repeat 2000000 `x` }}", "failed"),
        ("{{ until 1000000000 }}", "failed"),
        ("{{ .Values.registry }}{{ range until 90000 }}{{ range until 90000 }}x{{ end }}{{ end }}", "failed"),
        ("{{ printf `%2000d` 1 }}", "failed"),
    ],
)
def test_what_has_no_value_is_a_finding(text: str, code: str, expand: Expand) -> None:
    expanded = expand(text, VALUES)

    assert (expanded.text, [error.code for error in expanded.errors]) == (None, [f"expressions/{code}"])
    assert all(error.at is not None for error in expanded.errors)


def test_an_unknown_function_is_named_with_the_nearest_one(expand: Expand) -> None:
    (error,) = expand("{{ .Values.registry | uper }}", VALUES).errors

    assert (error.message, error.hint) == ("there is no function 'uper'", "did you mean 'upper'?")


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("{{ .Values.nothing.below | default `d` }}", "d"),
        ("{{ coalesce .Values.nothing .Values.registry }}", "example.com"),
        ("{{ if and .Values.registry .Values.nothing }}a{{ else }}b{{ end }}", "b"),
        ("{{ or .Values.nothing `o` }}", "o"),
        ("{{ empty .Values.nothing }}", "true"),
        ("{{ hasKey .Values.nothing `x` }}", "false"),
        ("{{ with .Values.nothing }}{{ end }}", ""),
        ("{{ eq .Values.nothing nil }}", "true"),
        ("{{ ternary `a` `b` .Values.nothing }}", "b"),
        ("{{ dig `a` `d` .Values.app }}", "d"),
    ],
)
def test_what_looks_whether_a_value_is_there_may_miss_it(text: str, result: str, expand: Expand) -> None:
    expanded = expand(text, VALUES)

    assert (expanded.errors, expanded.text) == ((), result)


def test_numbers_of_the_values_print_as_they_are_written(expand: Expand) -> None:
    text = '{{ .Values.app.size }} {{ .Values.app.tag }} {{ printf "%d %s" .Values.app.port .Values.app.tag }}'

    assert expand(text, VALUES).text == "1000000 1.10 8080 1.10"


def test_functions_never_change_the_values_d58() -> None:
    tree, _ = parse_yaml(VALUES, "values.yaml")
    context = Context(tree, "r", "n", version="0.1.0")
    changing = "{{ $m := merge .Values.app (dict `new` 1) }}{{ $n := mergeOverwrite .Values.app (dict `name` `x`) }}"

    assert expand_text(changing + "{{ .Values.app.name }}{{ hasKey .Values.app `new` }}", context).text == "shopfalse"
    assert expand_text("{{ .Values.app.name }}{{ hasKey .Values.app `new` }}", context).text == "shopfalse"


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("{{ .Release.Revision }}", "1"),
        ("{{ $.Release.IsInstall }}", "true"),
        ("{{ with .Release }}{{ .IsUpgrade }}{{ end }}", "false"),
        ("{{ get .Release `Revision` }}", "1"),
    ],
)
def test_the_revision_is_a_placeholder_and_says_so(expand: Expand, text: str, result: str) -> None:
    expanded = expand(text, VALUES)

    assert (expanded.text, [warning.code for warning in expanded.warnings]) == (
        result,
        ["expressions/unknown-revision"],
    )


def test_what_is_known_of_the_release_is_no_placeholder(expand: Expand) -> None:
    assert expand("{{ .Release.Name }} {{ .Release.Namespace }}", VALUES).warnings == ()


def test_tpl_that_calls_itself_ends(expand: Expand) -> None:
    (error,) = expand("{{ tpl .Values.t . }}", "t: '{{ tpl .Values.t . }}'").errors

    assert error.code == "expressions/failed"


_WORDS = (
    *(
        "{{",
        "}}",
        "{{-",
        "-}}",
        "/*",
        "*/",
        " ",
        "|",
        "(",
        ")",
        ".",
        "$",
        ":=",
        "=",
        ",",
        '"',
        "`",
        "'",
        "\\",
        "0",
        "-1",
    ),
    *(".Values.a", ".Values", "$x", "if", "else", "end", "range", "with", "break", "nil", "true", "1e400", "0x", "1."),
    *("define", "tpl", "and", "or", *FUNCTIONS),
)
_TREE = parse_yaml("a: {b: [1, 2, text, {c: null}], d: 1.5, e: -3, f: ''}", "values.yaml")[0]


@given(st.lists(st.sampled_from(_WORDS), max_size=25), st.booleans())
def test_no_row_of_words_raises(words: list[str], always: bool) -> None:
    expanded = expand_text("{{ " + " ".join(words) + " }}", Context(_TREE, "r", "n", version="0"), always=always)

    assert (expanded.text is None) is bool(expanded.errors)


@given(st.text(alphabet=string.printable + "äß€\0", max_size=60), st.booleans())
def test_no_text_raises(text: str, always: bool) -> None:
    tree = Mapping({}, Written("values"))
    expanded = expand_text(text, Context(tree, "r", "n", version="0"), always=always)

    assert (expanded.text is None) is bool(expanded.errors)


_LITERALS = ("1", "-1", "0", "2.5", "1e300", "9223372036854775807", '"text"', '""', '"1h"', "`[`", "nil", "true")
_READ = (".Values.a", ".Values.a.b", ".Values.x", ".")
_MADE = ("(list)", "(list 1 `a`)", "(dict `a` 1)", "(toDate `2006` `2020`)", "(semver `1.2`)")
_ARGUMENTS = st.sampled_from((*_LITERALS, *_READ, *_MADE))


@given(st.sampled_from(sorted(FUNCTIONS)), st.lists(_ARGUMENTS, max_size=4))
def test_no_function_raises_whatever_it_is_given(name: str, arguments: list[str]) -> None:
    text = f"{{{{ {name} {' '.join(arguments)} }}}}"
    expanded = expand_text(text, Context(_TREE, "r", "n", version="0"), always=True)

    assert (expanded.text is None) is bool(expanded.errors)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{{ $x := `ab` }}{{ range 40 }}{{ $x = cat $x $x }}{{ end }}", "too large"),
        ("{{ $x := list 1 }}{{ range 60 }}{{ $x = concat $x $x }}{{ end }}", "too large"),
        ("{{ $x := list 1 }}{{ range 60 }}{{ $x = list $x $x }}{{ end }}{{ toJson $x }}", "too large"),
        ("{{ $x := dict }}{{ $y := set $x `a` $x }}{{ $x }}", "too large"),
        ("{{ $x := list }}{{ range 1200 }}{{ $x = list $x }}{{ end }}{{ $x }}", "too deep"),
        ("{{ $x := until 90000 }}{{ range $x }}{{ range $x }}{{ end }}{{ end }}", "too many steps"),
        ("{{ replace `a` (repeat 90000 `b`) (repeat 90000 `a`) }}", "a length between"),
        ("{{ join (repeat 90000 `b`) (until 90000) }}", "a length between"),
        ("{{ indent 90000 (repeat 90000 `\n`) }}", "a length between"),
        ("{{ printf `%.1000f` (chunk 1 (until 9000)) }}", "printf makes up to"),
        ("{{ printf `" + "%.1000f" * 1100 + "`" + " 1.5" * 1100 + " }}", "printf makes up to"),
        ("{{ semverCompare (repeat 90000 `a`) `1.0.0` }}", "no condition"),
        ("{{ durationRound (repeat 900000 `9`) }}", "not a duration"),
        ("{{ toDate (repeat 40 `.000`) (print (repeat 20 `.1`) `x`) }}", "not as its example"),
        ('{{ dig (list "a") "x" (dict) }}', "keys that are texts"),
        ("{{ semver `" + "9" * 4301 + ".0.0` }}", "no version"),
        ("{{ semver `1.0.0-" + "9" * 4301 + "` }}", "no version"),
        ("{{ semverCompare `>" + "9" * 4301 + "` `1.0.0` }}", "no condition"),
    ],
)
def test_what_would_take_for_ever_or_all_memory_is_a_finding(expand: Expand, text: str, message: str) -> None:
    expanded = expand(text, VALUES)
    assert expanded.text is None
    assert [message in error.message for error in expanded.errors] == [True]


WORK = (
    "{{ $x := repeat 900000 `a` }}{{ range 9000 }}{{ $y := replace `a` `b` $x }}{{ end }}",
    "{{ $x := until 90000 }}{{ range 9000 }}{{ $y := join `,` $x }}{{ end }}",
    "{{ range 9000 }}{{ $y := toYaml $.Values.app }}{{ end }}",
    "{{ $x := until 90000 }}{{ range 9000 }}{{ $y := sortAlpha $x }}{{ end }}",
    "{{ $x := repeat 90000 `a` }}{{ range 9000 }}{{ $y := sha256sum $x }}{{ end }}",
    "{{ $x := chunk 1 (until 90000) }}{{ range 9000 }}{{ $y := uniq $x }}{{ end }}",
    "{{ $x := until 90000 }}{{ range 9000 }}{{ $y := has -1 $x }}{{ end }}",
    "{{ $x := until 90000 }}{{ range 9000 }}{{ $y := without $x 1 2 3 }}{{ end }}",
    "{{ $x := list (until 90000) }}{{ range 9000 }}{{ $y := deepEqual $x (list (until 90000)) }}{{ end }}",
    "{{ range 9000 }}{{ $y := tpl (print (repeat 90000 `a`) .) $ }}{{ end }}",
    *("{{ $x := list (until 90000) }}{{ " + name + " `%v`" + " $x" * 120 + " }}" for name in ("printf", "html")),
)


@pytest.mark.parametrize("text", WORK)
def test_too_much_work_is_a_finding(expand: Expand, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr(evaluate, "MAX_WORK", evaluate.MAX_WORK // 10)  # what is counted is counted sooner, too
    expanded = expand(text, VALUES)
    assert expanded.text is None
    assert ["too much work" in error.message for error in expanded.errors] == [True]


def test_much_work_is_no_finding_before_its_limit(expand: Expand) -> None:
    text = "{{ $x := repeat 90000 `a` }}{{ range %s }}{{ $y := sha256sum $x }}{{ end }}done"
    assert expand(text % 90, VALUES).text == "done"
    assert ["too much work" in error.message for error in expand(text % 9000, VALUES).errors] == [True]


@pytest.mark.parametrize(
    "text", ["{{ sha256sum (repeat 900000 `a`) }}", "{{ .Release.Name }}{{ range 90000 }}{{ end }}"]
)
def test_texts_that_stay_within_their_limits_have_one_together(text: str) -> None:
    context = Context(_TREE, "r", "n", version="0")
    expanded = [expand_text(f"{text}{number}", context) for number in range(60)]
    errors = [error for each in expanded for error in each.errors]

    assert expanded[0].errors == () and expanded[0].text is not None
    assert ["all expressions up to this one" in error.message for error in errors] == [True]
    assert expanded[-1].text is None
    assert expand_text("no expression", context).text == "no expression"


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("{{ printf `%c` 55296 | b64enc }}", "77+9"),
        (
            "{{ printf `%c%c` 1114112 -1 | sha256sum }}",
            "52793f8dc1d85e409f8c88be99d8b31d58f676246340150f406289e04a11151e",
        ),
        ('{{ (fromJson `{"a": ["\\ud800x"]}`).a | toYaml }}', "- \ufffdx"),
        ('{{ fromJson `{"\\udc00": "\\ud83d\\ude00"}` | toJson }}', '{"\ufffd":"\U0001f600"}'),
    ],
)
def test_halves_of_characters_become_what_go_makes_of_them(expand: Expand, text: str, made: str) -> None:
    assert expand(text, VALUES).text == made


def test_a_text_that_is_refused_leaves_the_others_what_they_may_take() -> None:
    context = Context(_TREE, "r", "n", version="0")

    assert expand_text("{{ range 900000000 }}{{ end }}{{ .Values.a }}", context).errors
    assert expand_text("{{ .Release.Name }}", context).text == "r"


def test_long_lists_are_made_unique_as_short_ones_are(expand: Expand) -> None:
    assert expand("{{ until 50000 | uniq | len }}", VALUES).text == "50000"
    assert expand("{{ list 1 true 1 `1` (dict `a` 1) (dict `a` 1) true | uniq | toJson }}", VALUES).text == (
        '[1,true,"1",{"a":1}]'
    )


_MANY_WAYS = '{{ $t := print (repeat 60 "a") "b" }}'


@pytest.mark.parametrize(
    "call",
    [
        "regexMatch `(a|aa)+$` $t",
        "regexFind `(a|aa)+$` $t",
        "mustRegexFindAll `(a|aa)+$` $t -1",
        "regexReplaceAll `(a|aa)+$` $t `x`",
        "regexReplaceAllLiteral `(a|aa)+$` $t `x`",
        "regexSplit `(a|aa)+$` $t -1",
    ],
)
def test_a_pattern_that_tries_too_many_ways_is_a_finding_where_it_stands(expand: Expand, call: str) -> None:
    (error,) = expand(f"{_MANY_WAYS}{{{{ {call} }}}}", VALUES).errors

    assert (error.message, error.at) == ("this regular expression takes too long", len(_MANY_WAYS) + 3)
    assert error.hint is not None


def test_patterns_that_are_quick_enough_one_by_one_have_a_limit_together(
    expand: Expand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patterns, "_LONGEST_OF_ALL_S", 0.3)
    text = '{{ $t := print (repeat 20 "a") "b" }}{{ range 90000 }}{{ $x := regexMatch `(a|aa)+$` $t }}{{ end }}'
    (error,) = expand(text, VALUES).errors

    assert error.message == "all regular expressions together take too long"


def test_replacements_never_make_more_than_a_text_may_hold(expand: Expand) -> None:
    (error,) = expand('{{ regexReplaceAll "a" (repeat 9000 "a") (repeat 9000 "b") | len }}', VALUES).errors

    assert "a length between" in error.message
