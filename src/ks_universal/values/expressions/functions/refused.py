"""Functions of Helm that are not evaluated, by the reason, with what to do instead."""

_CLUSTER = "asks the cluster, and the same values must always make the same objects"
_CHANCE = "makes something new each time, and the same values must always make the same objects"
_MACHINE = "reads this machine, and the same values must make the same objects everywhere"
_CHART = "needs the templates of a chart"

_GIVE = "make it once, and give it with --set or in a values file of its own"
_SECRET = "make it once, and keep it in a Secret: secretKeyRef"  # noqa: S105 - advice, not a password
_SET = "give it with --set, or in a values file"

_GROUPS: tuple[tuple[str, str, str], ...] = (
    (_CLUSTER, "name the ConfigMap or Secret: valueFrom", "lookup"),
    (_CHANCE, _SECRET, "randAlphaNum randAlpha randAscii randNumeric randBytes randInt shuffle"),
    (_CHANCE, _SECRET, "genPrivateKey genCA genCAWithKey genSelfSignedCert genSelfSignedCertWithKey"),
    (_CHANCE, _SECRET, "genSignedCert genSignedCertWithKey buildCustomCert bcrypt htpasswd encryptAES"),
    (_CHANCE, _GIVE, "uuidv4"),
    (_MACHINE, _SET, "env expandenv getHostByName"),
    (_CHART, "write the text here, or compute it with the functions", "include"),
    ("is not evaluated here", _GIVE, "decryptAES derivePassword toToml fromToml urlParse urlJoin toDecimal call"),
    ("is not evaluated here", _GIVE, "wrap wrapWith camelcase snakecase kebabcase abbrevboth typeIsLike"),
    ("is not evaluated here", _GIVE, "osBase osClean osDir osExt osIsAbs hello mustToDecimal toYamlPretty"),
)
REFUSED: dict[str, tuple[str, str]] = {
    name: (reason, advice) for reason, advice, names in _GROUPS for name in names.split()
}
"""What is wrong with each (a clause behind its name), and what to do instead."""
