"""The commands about users, as far as they go without a controller."""

from __future__ import annotations

import io
import shlex
import sys
from pathlib import Path

import pytest

from jujulab.cli import main
from jujulab.store import Store


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    for name in ("JUJU_MODEL", "JUJU_CONTROLLER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("JUJULAB_DATA", str(tmp_path))
    made = Store.default()
    for name in ("aws", "gce"):
        made.add_controller(name, "uuid", ["127.0.0.1:1"], "CA", "docker", "test", "2.6.4", "admin", "made-up")
    return made


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        ("grant", 2, "ERROR no user specified"),
        ("revoke bob", 2, "ERROR no permission level specified"),
        ("grant bob all default", 2, 'ERROR "all" model access not valid'),
        ("grant bob admin", 2, 'ERROR "admin" controller access not valid'),
        ("revoke bob superuser default", 2, 'ERROR "superuser" model access not valid'),
        ("register rubbish!", 2, "ERROR that is not a registration token"),
        ("login nowhere -u bob", 1, "ERROR controller nowhere not found"),
        ("login -c aws -u bob", 1, 'ERROR cannot log into controller "aws": already logged in as admin.'),
        ("logout", 1, "ERROR preventing account loss"),
    ],
)
def test_what_is_said_before_any_call(
    store: Store, capsys: pytest.CaptureFixture[str], line: str, code: int, said: str
) -> None:
    assert main.run(shlex.split(line)) == code
    assert capsys.readouterr().err.startswith(said)
    assert store.account("aws") is not None


def test_logging_out(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    store.set_account("gce", "bob", "chosen", "login")
    assert main.run(["logout", "-c", "gce"]) == 0
    assert capsys.readouterr().err == "Logged out. You are still logged into 1 controller.\n"
    assert main.run(["logout", "-c", "aws", "--force"]) == 0
    assert capsys.readouterr().err == "Logged out. You are no longer logged into any controllers.\n"
    assert main.run(["logout", "-c", "aws"]) == 0
    assert "made-up" not in (store.root / "accounts.yaml").read_text()


def test_nobody_is_logged_in_without_a_name_or_a_password(
    store: Store, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    store.remove_account("aws")
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    assert main.run(["login", "-c", "aws"]) == 1
    assert capsys.readouterr().err.startswith("ERROR you must specify a username")
    assert main.run(["login", "-c", "aws", "-u", "bob"]) == 1
    assert capsys.readouterr().err.startswith("ERROR you must enter a password")
