"""The checks of `local`: what it names must be in the values."""

import textwrap

from ks_universal.model.parse import parse_application
from ks_universal.values.parse import parse_yaml

VALUES = """\
deployments:
  web:
    autoCreateService: true
    migrations: {enabled: true, image: migrator, imageTag: "2"}
    containers: {main: {image: reg.io/web, imageTag: "1", ports: {http: {containerPort: 80, servicePort: 8000}}}}
services:
  side: {selector: {app.kubernetes.io/name: web}, ports: [{name: x, port: 9}]}
"""


def find(text: str) -> list[tuple[str, str]]:
    tree, problems = parse_yaml(VALUES + textwrap.dedent(text), "values.yaml")
    assert problems == []
    found = parse_application(tree).problems
    return [(f"{p.code} {p.where.line - 7}:{p.where.column}" if p.where else "", p.message) for p in found]


def test_what_local_names_is_in_the_values() -> None:
    assert (
        find("""\
        local:
          build: {reg.io/web: {context: app}, "migrator:2": {}}
          mounts: {"reg.io/web:1": [{source: a, target: /a}]}
          ports: {web: {80: 1080, 8000: 1081, http: 1082}, side: {9: 1083, x: 1084}}
        """)
        == []
    )


def test_what_it_does_not_find_is_told_where_it_stands() -> None:
    found = find("""\
        local:
          build: {reg.io/wob: {}, "reg.io/web:2": {contxt: a}}
          mounts: {migrator: [{source: a, target: a}, {source: b, target: /b, readOnly: 3}, {source: c}]}
          ports: {web: {443: 1, http: 90000}, side: {9: 5, x: 5}, gone: {1: 2}}
        """)
    assert sorted(found, key=lambda each: each[0].split(" ")[1]) == [
        ("references/unknown-image 2:11", 'local.build["reg.io/wob"] is the image of no container'),
        ("references/unknown-image 2:27", 'local.build["reg.io/web:2"] is the image of no container'),
        ("values/unknown-key 2:44", "local.build[\"reg.io/web:2\"] has no key 'contxt'"),
        ("values/unknown-value 3:43", "local.mounts.migrator[0].target must be a path that begins with '/'"),
        ("values/wrong-type 3:81", "local.mounts.migrator[1].readOnly must be true or false, not a number"),
        ("values/missing-key 3:85", "local.mounts.migrator[2] needs the key 'target'"),
        ("references/unknown-port 4:17", "local.ports.web.443 is no port of 'web'"),
        ("values/out-of-range 4:31", "local.ports.web.http must be a port between 1 and 65535"),
        ("values/contradiction 4:55", "local.ports.side.x is the port 5, as local.ports.side.9 is"),
        ("references/unknown-service 4:59", "local.ports.gone is no Service and no workload"),
    ]
