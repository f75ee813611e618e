"""Several people on one lab, each with a client store of his own: who may upgrade what, and when a right ends."""

from __future__ import annotations

import stat
from collections.abc import Iterator

import pytest
from docker import DockerClient

from tests.e2e import support
from tests.e2e.support import Juju, Lab

pytestmark = pytest.mark.e2e

FILE = """\
lab: access
controller: {name: access, agent-version: 2.6.10}
streams:
  released: [2.6.4, 2.6.5, 2.6.10]
models:
  default:
    agent-version: 2.6.4
    machines: 1
    applications:
      ubuntu: {units: 1}
users:
  operator: {models: {default: admin}}
"""
DENIED = "ERROR permission denied (unauthorized access)"


@pytest.fixture(scope="module")
def lab(engine: DockerClient, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    data = tmp_path_factory.mktemp("data")
    (data / "lab.yaml").write_text(FILE)
    with support.lab(engine, data, "access", "access", str(data / "lab.yaml")) as made:
        yield made


@pytest.fixture(scope="module")
def operator(lab: Lab) -> Juju:
    """The user that the lab file describes."""
    return Juju(lab.juju.data / "labs" / "access" / "users" / "operator")


@pytest.fixture(scope="module")
def bob(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Juju:
    """A user who was added and registered."""
    made = Juju(tmp_path_factory.mktemp("bob"))
    said = lab.juju("add-user", "bob").stdout.splitlines()
    assert said[:2] == ['User "bob" added', "Please send this command to bob:"]
    assert said[-1] == '"bob" has not been granted access to any models. You can use "jujulab grant" to grant access.'
    program, command, token = said[2].split()
    assert (program, command) == ("jujulab", "register")
    registered = made(command, token, stdin="hunter2\n")
    assert 'Welcome, bob. You are now logged into "access".' in registered.stderr
    assert "hunter2" not in registered.stdout + registered.stderr
    again = Juju(tmp_path_factory.mktemp("thief"))("register", token, stdin="mine\n", expect=1)
    assert again.stderr.startswith("ERROR invalid entity name or password (unauthorized access)")
    return made


def test_everybody_is_who_he_is(lab: Lab, operator: Juju, bob: Juju) -> None:
    assert lab.juju.json("whoami") == {"controller": "access", "model": "default", "user": "admin"}
    assert operator.json("whoami") == {"controller": "access", "model": "admin/default", "user": "operator"}
    assert bob.json("whoami") == {"controller": "access", "user": "bob"}
    accounts = operator.data / "accounts.yaml"
    assert stat.S_IMODE(accounts.stat().st_mode) == 0o600
    assert stat.S_IMODE(accounts.parent.stat().st_mode) == 0o700
    assert {user["user-name"]: user["access"] for user in lab.juju.json("users")} == {
        "admin": "superuser",
        "bob": "login",
        "operator": "login",
    }


def test_rights_come_and_go(lab: Lab, bob: Juju) -> None:
    bob("status", "-m", "admin/default", expect=1)
    lab.juju("grant", "bob", "read", "default")
    assert bob.json("status", "-m", "admin/default")["model"]["name"] == "default"
    ended = bob("upgrade-model", "-m", "admin/default", "--agent-version", "2.6.5", expect=1)
    assert ended.stderr.strip().splitlines()[-1] == DENIED
    lab.juju("grant", "bob", "write", "default")
    ended = bob("upgrade-model", "-m", "admin/default", "--agent-version", "2.6.5", expect=1)
    assert ended.stderr.strip().splitlines()[-1] == DENIED
    again = lab.juju("grant", "bob", "write", "default", expect=1)
    assert again.stderr.startswith('ERROR user already has "write" access or greater')


def test_an_open_stream_ends_with_the_right_to_it(lab: Lab, bob: Juju) -> None:
    following = bob.start("debug-log", "-m", "admin/default", "--replay")
    try:
        assert following.stdout is not None
        assert following.stdout.readline()
        lab.juju("revoke", "bob", "read", "default")
        following.communicate(timeout=30)
    finally:
        following.kill()
        following.wait(10)
    refused = bob("status", "-m", "admin/default", expect=1)
    assert "permission denied" in refused.stderr or "not found" in refused.stderr


def test_the_admin_of_a_model_upgrades_it_and_nothing_else(lab: Lab, operator: Juju) -> None:
    operator("upgrade-model", "-m", "access:admin/controller", "--agent-version", "2.6.10", expect=1)
    assert operator("upgrade-model", "--agent-version", "2.6.5", "--wait").stdout == "started upgrade to 2.6.5\n"
    assert set(lab.versions().values()) == {"2.6.5"}
    assert operator.json("show-upgrade")["requested-by"] == "operator"


def test_logging_out_and_in_again(bob: Juju) -> None:
    assert "You are no longer logged into any controllers." in bob("logout").stderr
    assert "You are not logged in to controller access." in bob("whoami").stderr
    wrong = bob("login", "-u", "bob", stdin="hunter3\n", expect=1)
    assert wrong.stderr.startswith('ERROR cannot log into controller "access": invalid entity name or password')
    assert "Welcome, bob." in bob("login", "-u", "bob", stdin="hunter2\n").stderr
    other = bob("login", "-u", "admin", expect=1)
    assert "already logged in as bob." in other.stderr
    bob("change-user-password", stdin="hunter4\n")
    bob("logout")
    bob("login", "-u", "bob", stdin="hunter4\n")
