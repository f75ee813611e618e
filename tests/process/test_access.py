"""Rights against a real controller: granted, revoked, guessed at, and used for upgrades."""

from __future__ import annotations

import base64
import shutil
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jujulab.lab.labspec import UserSpec
from jujulab.lab.users import ensure_user, user_dir
from jujulab.registration import Token, set_first_password
from jujulab.store import Store
from jujulab_controller.auth import NOBODY, check_password, hash_user_password
from jujulab_controller.guessing import BURST, MAX_NAMES, REFILL_SECONDS, FailedLogins
from jujulab_core.errors import RpcError, UsageError
from jujulab_core.rpc import Client
from tests.support.controller_process import Controller, Streams, add_model, running

WRONG = ("invalid entity name or password", "unauthorized access")
DENIED = ("permission denied", "unauthorized access")


def refusal(call: Any) -> tuple[str, str]:
    with pytest.raises(RpcError) as refused:
        call()
    return refused.value.message, refused.value.code


def problem(answer: dict[str, Any]) -> str:
    (result,) = answer["results"]
    return str((result.get("error") or {}).get("message", ""))


@pytest.fixture(scope="module")
def streams(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Streams]:
    made = Streams(tmp_path_factory.mktemp("internet") / "tools")
    made.publish("2.6.4-bionic-amd64", "2.6.5-bionic-amd64", "2.6.10-bionic-amd64")
    yield made
    made.close()


@pytest.fixture(scope="module")
def controller(tmp_path_factory: pytest.TempPathFactory, streams: Streams) -> Iterator[Controller]:
    with running(tmp_path_factory.mktemp("controller"), streams, "2.6.10") as made:
        yield made


@pytest.fixture(scope="module")
def admin(controller: Controller) -> Iterator[Client]:
    with controller.admin() as made:
        yield made


@pytest.fixture
def user(admin: Client, request: pytest.FixtureRequest) -> str:
    """A new user; the password is the name."""
    name = "user" + str(abs(hash(request.node.nodeid)))
    answer = admin.call("UserManager", "AddUser", {"users": [{"username": name, "password": name}]})
    assert answer == {"results": [{"tag": f"user-{name}"}]}
    return name


@pytest.fixture
def model(admin: Client, user: str) -> str:
    return add_model(admin, user, **{"agent-version": "2.6.4"})


def modify(client: Client, name: str, action: str, access: str, model: str | None = None) -> str:
    change = {"user-tag": f"user-{name}", "action": action, "access": access}
    if model is None:
        return problem(client.call("Controller", "ModifyControllerAccess", {"changes": [change]}))
    changes = [change | {"model-tag": f"model-{model}"}]
    return problem(client.call("ModelManager", "ModifyModelAccess", {"changes": changes}))


def right(admin: Client, name: str, model: str) -> str:
    (info,) = admin.call("ModelManager", "ModelInfo", {"entities": [{"tag": f"model-{model}"}]})["results"]
    return next((entry["access"] for entry in info["result"]["users"] if entry["user"] == name), "")


def test_a_right_to_a_model_goes_up_as_granted_and_down_step_by_step(admin: Client, user: str, model: str) -> None:
    assert modify(admin, user, "grant", "write", model) == ""
    assert modify(admin, user, "grant", "read", model) == 'user already has "read" access or greater'
    # Juju would raise a writer who loses `admin` to `write`, and a reader too; nobody gains by losing here.
    assert modify(admin, user, "revoke", "admin", model) == ""
    assert right(admin, user, model) == "write"
    assert modify(admin, user, "grant", "admin", model) == ""
    for revoked, left in (("admin", "write"), ("write", "read"), ("read", "")):
        assert modify(admin, user, "revoke", revoked, model) == ""
        assert right(admin, user, model) == left
    nobody = f'could not revoke model access: model user "{user}" does not exist'
    assert modify(admin, user, "revoke", "read", model) == nobody


@pytest.mark.parametrize(
    ("name", "action", "access", "message"),
    [
        ("admin", "grant", "superb", 'could not modify model access: "superb" model access not valid'),
        ("admin", "give", "read", 'unknown action "give"'),
        (
            "ghost",
            "grant",
            "read",
            'could not grant model access: user "ghost" does not exist locally: user "ghost" not found',
        ),
    ],
)
def test_what_a_model_s_rights_may_not_become(
    admin: Client, model: str, name: str, action: str, access: str, message: str
) -> None:
    assert modify(admin, name, action, access, model) == message


def test_a_right_to_the_controller(controller: Controller, admin: Client, user: str) -> None:
    assert modify(admin, user, "grant", "login") == (
        'could not grant controller access: user already has "login" access or greater'
    )
    assert modify(admin, user, "grant", "add-model") == (
        'could not modify controller access: "add-model" controller access not valid'
    )
    with controller.user(user, user) as client:
        assert refusal(lambda: client.call("Controller", "AllModels")) == DENIED
        assert modify(admin, user, "grant", "superuser") == ""
        assert client.call("Controller", "AllModels")["user-models"]
        assert modify(admin, user, "revoke", "superuser") == ""
        assert refusal(lambda: client.call("Controller", "AllModels")) == DENIED
        assert modify(admin, user, "revoke", "login") == ""
        assert refusal(lambda: client.call("Controller", "ControllerVersion")) == DENIED
    with controller.connect() as client:
        assert refusal(lambda: client.log_in(f"user-{user}", user)) == DENIED


def test_a_revoked_right_ends_what_is_open(controller: Controller, admin: Client, user: str, model: str) -> None:
    assert modify(admin, user, "grant", "read", model) == ""
    with controller.user(user, user, model) as client:
        watcher = client.call("Client", "WatchAll")["watcher-id"]
        assert client.call("AllWatcher", "Next", id=watcher)["deltas"]
        blocked = client.submit("AllWatcher", "Next", id=watcher)
        # Answered before the right goes, so that the call before it is under way in the controller.
        client.call("Client", "FullStatus")
        assert modify(admin, user, "revoke", "read", model) == ""
        assert refusal(lambda: blocked.result(10)) == DENIED
        assert refusal(lambda: client.call("Client", "FullStatus")) == DENIED


@pytest.mark.parametrize("method", ["DisableUser", "RemoveUser"])
def test_a_user_who_is_shut_out(controller: Controller, admin: Client, user: str, method: str) -> None:
    entity = {"entities": [{"tag": f"user-{user}"}]}
    with controller.user(user, user) as client:
        assert admin.call("UserManager", method, entity) == {"results": [{}]}
        assert refusal(lambda: client.call("Controller", "ControllerVersion")) == DENIED
    with controller.connect() as client:
        assert refusal(lambda: client.log_in(f"user-{user}", user)) == WRONG
    again = problem(admin.call("UserManager", "AddUser", {"users": [{"username": user.upper(), "password": "x"}]}))
    assert again == "failed to create user: username unavailable"
    if method == "DisableUser":
        assert admin.call("UserManager", "EnableUser", entity) == {"results": [{}]}
        controller.user(user, user).close()
    else:
        assert problem(admin.call("UserManager", "EnableUser", entity)) == f'user "{user}" not found'


def test_the_controller_s_owner_stays(admin: Client) -> None:
    entity = {"entities": [{"tag": "user-admin"}]}
    assert "cannot disable controller model owner" in problem(admin.call("UserManager", "DisableUser", entity))
    assert problem(admin.call("UserManager", "RemoveUser", entity)) == 'cannot delete controller owner "admin"'


@pytest.mark.parametrize(
    ("level", "outcome"), [("", DENIED), ("read", DENIED), ("write", DENIED), ("admin", None), ("owner", None)]
)
def test_who_upgrades_a_model(
    controller: Controller, admin: Client, user: str, level: str, outcome: tuple[str, str] | None
) -> None:
    owner = user if level == "owner" else "admin"
    params = {"name": user, "owner-tag": f"user-{owner}", "config": {"agent-version": "2.6.4"}}
    model = str(admin.call("ModelManager", "CreateModel", params)["uuid"])
    if level not in ("", "owner"):
        assert modify(admin, user, "grant", level, model) == ""
    with controller.connect(model) as client, controller.user(user, user) as own:
        if level == "":
            assert refusal(lambda: client.log_in(f"user-{user}", user)) == DENIED
            return
        client.log_in(f"user-{user}", user)
        asked = {"version": "2.6.5"}
        if outcome is None:
            # What every client up to 2.8.6 reads first: see docs/adr/0005.
            shown = own.call("Controller", "ModelConfig")["config"]
            assert sorted(shown) == ["agent-stream", "agent-version", "name", "type", "uuid"]
            assert client.call("Client", "SetModelAgentVersion", asked) == {}
            (record,) = own.call("LabUpgrades", "List")["upgrades"]
            assert (record["to"], record["requested-by"]) == ("2.6.5", user)
        else:
            assert refusal(lambda: own.call("Controller", "ModelConfig")) == outcome
            assert refusal(lambda: client.call("Client", "SetModelAgentVersion", asked)) == outcome
            assert refusal(lambda: client.call("Client", "AbortCurrentUpgrade")) == outcome


def test_who_sees_whom(controller: Controller, admin: Client, user: str, model: str) -> None:
    assert modify(admin, user, "grant", "read", model) == ""
    entity = {"entities": [{"tag": f"model-{model}"}]}
    with controller.user(user, user) as client:
        (info,) = client.call("ModelManager", "ModelInfo", entity)["results"]
        assert [entry["user"] for entry in info["result"]["users"]] == [user]
    (info,) = admin.call("ModelManager", "ModelInfo", entity)["results"]
    assert [entry["user"] for entry in info["result"]["users"]] == ["admin", user]


def test_one_s_own_password_and_others(controller: Controller, admin: Client, user: str) -> None:
    def change(client: Client, name: str, password: str) -> str:
        return problem(
            client.call("UserManager", "SetPassword", {"changes": [{"tag": f"user-{name}", "password": password}]})
        )

    with controller.user(user, user) as client:
        assert change(client, user, "better") == ""
        assert change(client, "admin", "mine") == "permission denied"
        assert change(client, user, "") == "cannot use an empty password"
    controller.user(user, "better").close()
    assert change(admin, user, "best") == ""
    controller.user(user, "best").close()


def test_a_registration_is_good_once(controller: Controller, admin: Client, user: str) -> None:
    (reset,) = admin.call("UserManager", "ResetPassword", {"entities": [{"tag": f"user-{user}"}]})["results"]
    secret = base64.b64decode(reset["secret-key"]).decode()
    where = [f"127.0.0.1:{controller.port}"]
    token = Token(user, secret, "aws", controller.uuid, where, controller.ca, "docker", "test", "2.6.10")
    with controller.connect() as client:
        assert refusal(lambda: client.log_in(f"user-{user}", user)) == WRONG
    assert Token.decode(token.encode()) == token
    assert refusal(lambda: set_first_password(token, "")) == ("cannot use an empty password", "bad request")
    set_first_password(token, "chosen")
    controller.user(user, "chosen").close()
    assert refusal(lambda: set_first_password(token, "stolen")) == WRONG
    controller.user(user, "chosen").close()


@pytest.mark.parametrize("text", ["", "x", "eyJhIjogMX0", "!!!", "W10"])
def test_what_is_no_token(text: str) -> None:
    with pytest.raises(UsageError, match="not a registration token"):
        Token.decode(text)


def test_guessing_is_slowed_and_agents_are_not(controller: Controller, user: str) -> None:
    def guess() -> tuple[str, str]:
        with controller.connect() as client:
            return refusal(lambda: client.log_in(f"user-{user}", "guess"))

    with ThreadPoolExecutor(8) as pool:
        said = list(pool.map(lambda _: guess(), range(BURST + 8)))
    assert [code for _, code in said if code == "try again"]
    assert "too many failed logins" in guess()[0]
    # Others are not touched, however many come at once.
    began = time.monotonic()
    with ThreadPoolExecutor(20) as pool:
        for client in pool.map(lambda _: controller.machine_zero(), range(100)):
            client.close()
    assert time.monotonic() - began < 15
    controller.admin().close()


def test_many_good_logins_of_one_user_are_not_refused(controller: Controller, user: str) -> None:
    with ThreadPoolExecutor(20) as pool:
        for client in pool.map(lambda _: controller.user(user, user), range(3 * BURST)):
            client.close()


def test_a_lab_s_user_keeps_the_password(controller: Controller, admin: Client, tmp_path: Path) -> None:
    model = add_model(admin, "described")
    where = [f"127.0.0.1:{controller.port}"]
    mine = Store(tmp_path / "mine")
    mine.add_controller("aws", controller.uuid, where, controller.ca, "docker", "test", "2.6.10", "admin", "x")
    known = mine.controllers()["aws"]

    def ensure(**models: str) -> str:
        spec = UserSpec("described", "login", models)
        ensure_user(admin, spec, known, {"described": model}, tmp_path / "lab")
        account = Store(user_dir(tmp_path / "lab", "described")).account("aws")
        assert account is not None
        controller.user("described", account.password).close()
        return account.password

    password = ensure()
    assert ensure(described="read") == password
    assert right(admin, "described", model) == "read"
    assert ensure(described="admin") == password
    assert ensure(described="read") == password
    assert right(admin, "described", model) == "admin"
    files = user_dir(tmp_path / "lab", "described")
    assert (files / "accounts.yaml").stat().st_mode & 0o777 == 0o600
    assert Store(files).current_model("aws") == "admin/described"
    # The lab's directory was lost: the user gets a new password.
    shutil.rmtree(tmp_path / "lab")
    assert ensure(described="admin") != password


def test_nothing_was_left_unexplained(controller: Controller) -> None:
    """Runs last: whatever the tests above did, no handler failed in a way that it had not foreseen."""
    assert "Traceback" not in controller.log()


# The parts by themselves.


def test_passwords_are_salted_and_nobody_s_matches_nothing() -> None:
    stored = hash_user_password("secret")
    assert stored != hash_user_password("secret")
    assert "secret" not in stored
    assert check_password("secret", stored)
    assert not check_password("Secret", stored)
    for password in ("", "secret", "0"):
        assert not check_password(password, NOBODY)
        assert not check_password(password, "")


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_failures_run_out_and_come_back() -> None:
    clock = Clock()
    limit = FailedLogins(clock)
    for _ in range(BURST):
        limit.check("10.0.0.1", "bob")
        limit.failed("10.0.0.1", "bob")
    with pytest.raises(RpcError, match="too many failed logins of user bob: try again in 6 seconds") as refused:
        limit.check("10.0.0.1", "bob")
    assert refused.value.code == "try again"
    limit.check("10.0.0.2", "bob")
    limit.check("10.0.0.1", "alice")
    clock.now += REFILL_SECONDS
    limit.check("10.0.0.1", "bob")
    limit.failed("10.0.0.1", "bob")
    with pytest.raises(RpcError):
        limit.check("10.0.0.1", "bob")


@given(st.lists(st.one_of(st.floats(0, 100), st.none()), max_size=200))
def test_nobody_fails_more_often_than_he_may(steps: list[float | None]) -> None:
    clock = Clock()
    limit = FailedLogins(clock)
    failures = 0
    for step in steps:
        if step is not None:
            clock.now += step
            continue
        try:
            limit.check("a", "b")
        except RpcError:
            continue
        limit.failed("a", "b")
        failures += 1
    assert failures <= BURST + clock.now / REFILL_SECONDS + 1e-6


def test_a_crowd_of_names_does_not_fill_the_memory() -> None:
    limit = FailedLogins(Clock())
    for number in range(MAX_NAMES + 10):
        limit.failed("a", str(number))
    assert len(limit._buckets) == MAX_NAMES
