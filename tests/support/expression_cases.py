# ruff: noqa: E501 - a row is an expression and its result
"""Expressions with what they give, here and in a real Helm; each function of the documentation has one at least."""

VALUES = """\
app: {name: shop, empty: "", list: [b, a, c], map: {z: 2, x: 1}, deep: {er: {est: found}}, flag: true, off: false}
port: 8080
text: " Hello, World "
template: "{{ .Values.app.name }}-{{ .Release.Name }}"
"""

CASES: tuple[tuple[str, str], ...] = (
    # Fields, variables, literals
    ("{{ .Values.app.name }}", "shop"),
    ("{{ $.Values.app.name }}:{{ .Values.port }}", "shop:8080"),
    ("{{ .Release.Name }} {{ .Release.Namespace }} {{ .Chart.Name }}", "my-release my-namespace ks-universal"),
    ("{{ .Release.Revision }} {{ .Release.IsInstall }} {{ .Release.IsUpgrade }}", "1 true false"),
    ("{{ (index .Values.app.list 0) }}{{ index .Values.app.map `z` }}{{ (.Values.app.deep).er.est }}", "b2found"),
    ('{{ $x := "a" }}{{ $x }}{{ $x = "b" }}{{ $x }}', "ab"),
    (
        '{{ `raw {{ }} "text"` }} {{ "\\t\\u00e9\\"" }} {{ \'a\' }} {{ 0x1F }} {{ 0b11 }} {{ 1_000 }}',
        'raw {{ }} "text" \té" 97 31 3 1000',
    ),
    ("{{ 1.50 }} {{ 1e3 }} {{ 1000000.0 }} {{ 1.5e-7 }} {{ -3 }} {{ true }}", "1.5 1000 1e+06 1.5e-07 -3 true"),
    ("a {{- /* trimmed */ -}} b", "ab"),
    ("a {{- /* trimmed */}} b", "a b"),
    ("x{{/* a comment */}}y", "xy"),
    ("a  {{- .Values.app.name -}}  b", "ashopb"),
    # Blocks
    ("{{ if .Values.app.flag }}yes{{ else }}no{{ end }}", "yes"),
    ("{{ if .Values.app.off }}1{{ else if .Values.app.flag }}2{{ else }}3{{ end }}", "2"),
    ("{{ if .Values.nothing }}yes{{ else }}no{{ end }}", "no"),
    ("{{ with .Values.app.deep }}{{ .er.est }}{{ end }}", "found"),
    ("{{ with .Values.nothing }}{{ . }}{{ else }}none{{ end }}", "none"),
    ("{{ with $x := .Values.app.name }}{{ $x }}{{ . }}{{ end }}", "shopshop"),
    ("{{ range .Values.app.list }}<{{ . }}>{{ end }}", "<b><a><c>"),
    ("{{ range $i, $e := .Values.app.list }}{{ $i }}={{ $e }} {{ end }}", "0=b 1=a 2=c "),
    ("{{ range $k, $v := .Values.app.map }}{{ $k }}={{ $v }};{{ end }}", "x=1;z=2;"),
    ("{{ range list }}x{{ else }}empty{{ end }}", "empty"),
    (
        "{{ range list 1 2 3 4 }}{{ if eq . 2 }}{{ continue }}{{ end }}{{ if eq . 4 }}{{ break }}{{ end }}{{ . }}{{ end }}",
        "13",
    ),
    ("{{ range until 3 }}{{ $.Values.app.name }}{{ end }}", "shopshopshop"),
    ('{{ $s := "" }}{{ range list "a" "b" }}{{ $s = print $s . }}{{ end }}{{ $s }}', "ab"),
    # Comparison and logic
    (
        "{{ eq 1 2 1 }} {{ ne `a` `b` }} {{ lt 1 2 }} {{ le 2 2 }} {{ gt `b` `a` }} {{ ge 1.5 2.5 }}",
        "true true true true true false",
    ),
    ("{{ and 1 0 2 }} {{ or 0 `` `x` }} {{ not 0 }} {{ and true `last` }} {{ or false 0 }}", "0 x true last 0"),
    ("{{ or true (fail `never`) }} {{ and false (fail `never`) }}", "true false"),
    ("{{ eq .Values.app.name `shop` | ternary `y` `n` }}", "y"),
    # Printing
    ('{{ print 1 2 "a" 3 "b" "c" }} {{ println "a" 1 }}|', "1 2a3bc a 1\n|"),
    ('{{ printf "%s-%d %v %q %t %f %x" "a" 5 1.5 "q\\"" true 2.5 255 }}', 'a-5 1.5 "q\\"" true 2.500000 ff'),
    (
        '{{ printf "%05d|%-5d|%5s|%-5s|%.2f|%8.3f|%+d|%%|%X|%o|%b|%c|%e|%g" 42 42 "a" "b" 3.14159 2.5 7 255 8 5 65 1234.5 0.5 }}',
        "00042|42   |    a|b    |3.14|   2.500|+7|%|FF|10|101|A|1.234500e+03|0.5",
    ),
    ('{{ printf "%v %v %v %s" (list 1 "a") (dict "b" 1 "a" 2) nil (list "x" "y") }}', "[1 a] map[a:2 b:1] <nil> [x y]"),
    (
        '{{ printf "%d %s" "x" 5 }} {{ printf "%d %d" 1 }} {{ printf "%d" 1 2 }} {{ printf "%z" 1 }}',
        "%!d(string=x) %!s(int=5) 1 %!d(MISSING) 1%!(EXTRA int=2) %!z(int=1)",
    ),
    ('{{ printf "%x %X %.2s %T" "hi" "hi" "abc" "t" }}', "6869 6869 ab string"),
    ("{{ len .Values.app.list }} {{ len `äb` }} {{ len .Values.app.map }}", "3 3 2"),
    # Texts
    (
        "{{ upper `aB` }} {{ lower `aB` }} {{ title `hello big world` }} {{ untitle `Hello World` }} {{ swapcase `aB` }}",
        "AB ab Hello Big World hello world Ab",
    ),
    (
        "{{ trim .Values.text }}|{{ trimAll `-` `--a-b--` }}|{{ trimSuffix `.git` `r.git` }}|{{ trimPrefix `v` `v1` }}",
        "Hello, World|a-b|r|1",
    ),
    (
        "{{ trunc 3 `abcdef` }} {{ trunc -3 `abcdef` }} {{ substr 1 3 `abcdef` }} {{ abbrev 6 `abcdefghi` }}",
        "abc def bc abc...",
    ),
    (
        "{{ replace `.` `-` `1.2.3` }} {{ repeat 3 `ab` }} {{ nospace `a b c` }} {{ initials `Big World` }}",
        "1-2-3 ababab abc BW",
    ),
    ("{{ contains `b` `abc` }} {{ hasPrefix `a` `abc` }} {{ hasSuffix `a` `abc` }}", "true true false"),
    ("{{ quote `a` 1 nil true }} {{ squote `a` 1 }} {{ cat `a` 1 `b` }}", '"a" "1" "true" \'a\' \'1\' a 1 b'),
    (
        "{{ (split `:` `a:b`)._1 }} {{ splitList `,` `a,b` }} {{ (splitn `:` 2 `a:b:c`)._1 }} {{ join `-` (list 1 `a` 2.5) }}",
        "b [a b] b:c 1-a-2.5",
    ),
    ("{{ indent 2 `a\nb` }}|{{ nindent 2 `a\nb` }}", "  a\n  b|\n  a\n  b"),
    (
        "{{ plural `one` `many` 1 }} {{ plural `one` `many` 2 }} {{ toString 5 }} {{ toString true }} {{ toStrings (list 1 2) }}",
        "one many 5 true [1 2]",
    ),
    # Defaults, kinds and checks
    (
        "{{ .Values.nothing | default `d` }} {{ default `d` .Values.app.empty }} {{ default `d` 0 }} {{ `x` | default `d` }}",
        "d d d x",
    ),
    (
        "{{ coalesce 0 `` .Values.nothing `c` }} {{ empty `` }} {{ empty .Values.nothing }} {{ empty 1 }}",
        "c true true false",
    ),
    (
        "{{ ternary `a` `b` true }} {{ required `needed` .Values.app.name }} {{ all 1 0 }} {{ any 1 0 }}",
        "a shop false true",
    ),
    (
        "{{ kindOf `a` }} {{ kindOf 1 }} {{ kindOf 1.5 }} {{ kindOf (list) }} {{ kindOf (dict) }} {{ kindOf .Values.port }}",
        "string int float64 slice map float64",
    ),
    (
        "{{ kindIs `invalid` .Values.nothing }} {{ kindIs `map` .Values.app }} {{ typeOf `a` }} {{ typeOf true }} {{ typeIs `string` `a` }}",
        "true true string bool true",
    ),
    ("{{ deepEqual (list 1 `a`) (list 1 `a`) }} {{ deepEqual (dict) (dict `a` 1) }}", "true false"),
    # Lists
    (
        "{{ first .Values.app.list }} {{ last .Values.app.list }} {{ rest .Values.app.list }} {{ initial .Values.app.list }}",
        "b c [a c] [b a]",
    ),
    (
        "{{ append (list 1) 2 }} {{ prepend (list 1) 2 }} {{ push (list 1) 2 }} {{ concat (list 1) (list 2) }} {{ reverse (list 1 2) }}",
        "[1 2] [2 1] [1 2] [1 2] [2 1]",
    ),
    (
        "{{ uniq (list 1 1 2) }} {{ without (list 1 2 3) 2 }} {{ has 2 (list 1 2) }} {{ compact (list 1 `` 0) }}",
        "[1 2] [1 3] true [1]",
    ),
    (
        "{{ sortAlpha .Values.app.list }} {{ chunk 2 (list 1 2 3) }} {{ slice (list 1 2 3 4) 1 3 }} {{ slice (list 1 2 3) 1 }}",
        "[a b c] [[1 2] [3]] [2 3] [2 3]",
    ),
    (
        "{{ until 3 }} {{ untilStep 0 10 3 }} {{ seq 3 }} {{ seq 0 2 6 }} {{ seq 2 -1 }} {{ tuple 1 2 }}",
        "[0 1 2] [0 3 6 9] 1 2 3 0 2 4 6 2 1 0 -1 [1 2]",
    ),
    # Maps
    (
        "{{ dict `a` 1 `b` (dict `c` 2) }} {{ get (dict `a` 1) `a` }} {{ hasKey (dict `a` 1) `b` }} {{ hasKey .Values.app `name` }}",
        "map[a:1 b:map[c:2]] 1 false true",
    ),
    (
        "{{ keys .Values.app.map | sortAlpha }} {{ values (dict `a` 1) }} {{ pluck `a` (dict `a` 1) (dict `a` 2) }}",
        "[x z] [1] [1 2]",
    ),
    (
        "{{ pick (dict `a` 1 `b` 2) `a` }} {{ omit (dict `a` 1 `b` 2) `a` }} {{ dig `a` `b` `d` (dict `a` (dict `b` 1)) }} {{ dig `x` `d` (dict) }}",
        "map[a:1] map[b:2] 1 d",
    ),
    (
        "{{ merge (dict `a` 1) (dict `a` 2 `b` 3) }} {{ mergeOverwrite (dict `a` 1) (dict `a` 2 `b` 3) }}",
        "map[a:1 b:3] map[a:2 b:3]",
    ),
    (
        "{{ merge (dict `a` (dict `x` 1)) (dict `a` (dict `y` 2)) }} {{ merge (dict `a` ``) (dict `a` 2) }}",
        "map[a:map[x:1 y:2]] map[a:2]",
    ),
    (
        "{{ $d := dict `a` 1 }}{{ $_ := set $d `b` 2 }}{{ $_ := unset $d `a` }}{{ $d }} {{ deepCopy $d }}",
        "map[b:2] map[b:2]",
    ),
    ("{{ index (dict `a` (list 1 2)) `a` 1 }}", "2"),
    # Numbers
    (
        "{{ add 1 2 3 }} {{ sub 5 3 }} {{ mul 2 3 4 }} {{ div 7 2 }} {{ div -7 2 }} {{ mod 7 3 }} {{ mod -7 3 }} {{ add1 4 }}",
        "6 2 24 3 -3 1 -1 5",
    ),
    (
        "{{ addf 1.5 2 }} {{ subf 3 1.5 }} {{ mulf 1.5 2 }} {{ divf 3 2 }} {{ add1f 1.5 }} {{ maxf 1.5 2 }} {{ minf 1.5 2 }}",
        "3.5 1.5 3 1.5 2.5 2 1.5",
    ),
    (
        "{{ max 1 5 3 }} {{ min 4 2 3 }} {{ biggest 1 2 }} {{ floor 2.7 }} {{ ceil 2.1 }} {{ round 3.14159 2 }} {{ round 2.5 0 }} {{ round -2.5 0 }} {{ floor -2.5 }}",
        "5 2 2 2 3 3.14 3 -3 -3",
    ),
    (
        "{{ int `42` }} {{ int64 3.9 }} {{ float64 `1.5` }} {{ atoi `7` }} {{ add .Values.port 1 }} {{ mul 9223372036854775807 2 }}",
        "42 3 1.5 7 8081 -2",
    ),
    # Encoding
    ("{{ b64enc `hé` }} {{ b64dec `aMOp` }} {{ b32enc `hi` }} {{ b32dec `NBUQ====` }}", "aMOp hé NBUQ==== hi"),
    (
        "{{ sha1sum `a` }} {{ sha256sum `a` | trunc 8 }} {{ sha512sum `a` | trunc 8 }} {{ adler32sum `a` }}",
        "86f7e437faa5a7fce15d1ddcb9eaeaea377667b8 ca978112 1f40fc92 6422626",
    ),
    (
        '{{ dict "b" (list 1 "<x>") "a" true "c" 1.5 | toJson }} {{ toRawJson (list "<&>") }} {{ toJson nil }}',
        '{"a":true,"b":[1,"\\u003cx\\u003e"],"c":1.5} ["<&>"] null',
    ),
    ("{{ toPrettyJson (dict `a` (list 1 2) `b` (dict)) }}", '{\n  "a": [\n    1,\n    2\n  ],\n  "b": {}\n}'),
    (
        '{{ toYaml (dict "a" (list 1 "x: y" "true" "" "1:20" "2001-01-01" "no") "b" (dict "c" "multi\\nline") "d" 1000000.0 "e" 1.5) }}',
        'a:\n- 1\n- \'x: y\'\n- "true"\n- ""\n- "1:20"\n- "2001-01-01"\n- "no"\nb:\n  c: |-\n    multi\n    line\nd: 1000000\ne: 1.5',
    ),
    (
        '{{ (fromJson `{"a": {"b": 1}}`).a.b }} {{ fromJsonArray `[1, "a"]` }} {{ (fromYaml `a: {b: x}`).a.b }} {{ fromYamlArray `[1, a]` }}',
        "1 [1 a] x [1 a]",
    ),
    ("{{ toYaml .Values.app.map }} {{ toJson .Values.port }}", "x: 1\nz: 2 8080"),
    (
        "{{ html `<a href='x'>&\"` }} {{ js `it's <b>` }} {{ urlquery `a b&c/ü` }}",
        "&lt;a href=&#39;x&#39;&gt;&amp;&#34; it\\'s \\u003Cb\\u003E a+b%26c%2F%C3%BC",
    ),
    # Regular expressions
    (
        "{{ regexMatch `^v[0-9]+$` `v12` }} {{ regexFind `[0-9]+` `a12b3` }} {{ regexFindAll `[0-9]` `1a2b3` -1 }} {{ regexFindAll `[0-9]` `1a2b3` 2 }}",
        "true 12 [1 2 3] [1 2]",
    ),
    (
        "{{ regexReplaceAll `a(x*)b` `-ab-axxb-` `${1}W` }} {{ regexReplaceAll `a(x*)b` `-ab-axxb-` `$1W` }} {{ regexReplaceAllLiteral `a(x*)b` `-axb-` `$1` }}",
        "-W-xxW- --- -$1-",
    ),
    (
        "{{ regexSplit `z+` `pizza` -1 }} {{ regexSplit `,` `a,b,c` 2 }} {{ regexQuoteMeta `1.2+3` }}",
        "[pi a] [a b,c] 1\\.2\\+3",
    ),
    (
        "{{ regexFindAll `[[:alpha:]]+|[^[:^digit:]3]` `ab1é3` -1 }} {{ regexFindAll `\\pL+` `añb-Ωx` -1 }} {{ regexFind `\\p{Greek}\\z` `aΩ` }} {{ regexFind `[^\\P{Lu}B]` `aBC` }}",
        "[ab 1] [añb Ωx] Ω C",
    ),
    (
        "{{ regexFindAll `a*` `baaac` -1 | toJson }} {{ regexSplit `x*` `axbc` -1 | toJson }} {{ regexReplaceAll `x*` `axb` `-` }} {{ regexSplit `,` `a,` -1 | toJson }}",
        '["","aaa",""] ["a","b","c"] -a-b- ["a",""]',
    ),
    (
        "{{ regexFindAll `(?i)[k-s]` `K\u017fé` -1 }} {{ regexMatch `(?i)^É$` `é` }} {{ regexMatch `(?i)[^k]` `K` }} {{ regexFind `(?s).*b|(?U)a+` `aa\nb` | quote }}",
        '[K \u017f] true false "aa\\nb"',
    ),
    (
        "{{ regexMatch `(?m)^b$` `a\nb\nc` }} {{ regexMatch `a$` `a\n` }} {{ regexFind `\\Qa.b\\E\\x41\\x{42}\\103` `a.bABC` }} {{ regexMatch `\\bé` `é` }} {{ regexFind `a{,2}` `a{,2}` }}",
        "true false a.bABC false a{,2}",
    ),
    (
        "{{ regexReplaceAll `(?P<x>a)(?<y>b)?` `ab-a` `<${x}|$y|$1|$01|$2$$>` }} {{ regexReplaceAll `[]a-]` `x]-a` `.` }} {{ regexFind `[\\D1]+?2` `ab12` }}",
        "<a|b|a||b$>-<a||a||$> x... ab12",
    ),
    # Times
    (
        '{{ toDate "2006-01-02" "2017-12-31" | date "02/01/2006 Mon Jan 3:04PM" }} {{ htmlDate (toDate "2006-01-02" "2017-12-31") }}',
        "31/12/2017 Sun Dec 12:00AM 2017-12-31",
    ),
    (
        '{{ date "2006-01-02T15:04:05Z07:00" 1500000000 }} {{ dateInZone "15:04" 1500000000 "UTC" }} {{ htmlDateInZone 1500000000 "UTC" }}',
        "2017-07-14T02:40:00Z 02:40 2017-07-14",
    ),
    (
        '{{ toDate "2006-01-02" "2017-12-31" | dateModify "-1.5h" | date "2006-01-02 15:04" }} {{ toDate "2006-01-02" "2017-12-31" | unixEpoch }}',
        "2017-12-30 22:30 1514678400",
    ),
    (
        '{{ duration "3695" }} {{ durationRound "2h10m5s" }} {{ toDate "2006-01-02" "2017-12-31" }}',
        "1h1m35s 2h 2017-12-31 00:00:00 +0000 UTC",
    ),
    # Versions
    (
        "{{ semverCompare `>=1.2 <2` `1.3.0` }} {{ semverCompare `^1.2.3` `2.0.0` }} {{ semverCompare `~1.2` `v1.2.9` }} {{ semverCompare `1.x || 3.x` `3.1.4` }}",
        "true false true true",
    ),
    (
        "{{ semverCompare `>=1.2` `1.3.0-rc.1` }} {{ semverCompare `>=1.2-0` `1.3.0-rc.1` }} {{ semverCompare `1.1 - 1.3` `1.2.5` }} {{ semverCompare `^0.2.3` `0.3.0` }}",
        "false true true false",
    ),
    (
        "{{ semverCompare `!=1.2.3` `1.2.4` }} {{ semverCompare `>1.2` `1.2.5` }} {{ semverCompare `<=1.2` `1.2.5` }} {{ semverCompare `*` `1.0.0` }}",
        "true false true true",
    ),
    ("{{ (semver `v1.2.3-rc.1+b`).Minor }} {{ (semver `1.2.3-rc.1`).Prerelease }} {{ semver `1.2` }}", "2 rc.1 1.2.0"),
    # Paths
    (
        "{{ base `/a/b.txt` }} {{ dir `/a/b.txt` }} {{ ext `b.tar.gz` }} {{ clean `/a/../b//c` }} {{ isAbs `/a` }}",
        "b.txt /a .gz /b/c true",
    ),
    # Other spellings and twins
    (
        "{{ trimall `-` `-a-` }} {{ date_in_zone `2006` 0 `UTC` }} {{ (toDate `2006` `2020`) | date_modify `24h` | htmlDate }}",
        "a 1970 2020-01-02",
    ),
    (
        "{{ mustToJson (list 1) }} {{ mustRegexMatch `a` `b` }} {{ mustFirst (list 1 2) }} {{ mustMerge (dict) (dict `a` 1) }}",
        "[1] false 1 map[a:1]",
    ),
    # Texts evaluated again
    ("{{ tpl .Values.template . }} {{ tpl `{{ . }}` `x` }}", "shop-my-release x"),
)
