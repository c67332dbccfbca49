import getpass
import socket

import pytest

from ks_universal.targets.accounts import name_account, name_user
from ks_universal.targets.kubernetes.record.lease import own_identity


def test_a_user_is_named_by_the_account() -> None:
    assert name_user() == f"{getpass.getuser()}@{socket.gethostname()}"


def test_a_user_without_an_account_has_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr("os.getuid", lambda: 54321)
    assert name_account() == "uid 54321"
    assert own_identity().startswith(f"uid 54321@{socket.gethostname()} (pid ")
