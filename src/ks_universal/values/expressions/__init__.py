"""Expressions in values: `{{ ... }}` in Go's template language, as far as values need it; evaluated here, purely.

What counts as an expression (section 25 of the reference, D42). Of a text, each `{{ ... }}` is ours if it

- names what expressions read: `.Values`, `.Release`, `.Chart` (or another of Helm's: `.Capabilities`, `.Template`,
  `.Files`, `.Subcharts`), also behind `$`; or
- is made of nothing but literals and our functions, and is no bare word or number: `{{ "{{" }}`, `{{ upper "a" }}`,
  `{{/* a comment */}}`; or
- calls what no other language has: `tpl`, and the functions that are refused (`lookup`, `include`, `now`).

If one of them is ours, the whole text is an expression: everything in it is evaluated, and what cannot be is a finding.
If none is, the text belongs to another language (Jinja, Prometheus, Vault) and stays as it is. In `image` and
`imageTag`, which never hold braces, every `{{` is ours.

Nothing in here reads the cluster, the clock, files or chance. The packages above use `expand.py`, and import it only
for values that hold `{{`.
"""
