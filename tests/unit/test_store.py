"""The client store."""

from __future__ import annotations

import multiprocessing
import stat
from pathlib import Path
from typing import Any

import pytest
import yaml

from jujulab.store import Store
from jujulab_core.errors import JujulabError, UsageError

CA = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"


def add(store: Store, name: str = "aws") -> None:
    store.add_controller(name, f"uuid-{name}", ["127.0.0.1:17070"], CA, "docker", "demo", "2.6.4", "admin", "s3cret")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "data")


def test_an_empty_store_knows_nothing_and_makes_nothing(store: Store) -> None:
    assert store.controllers() == {}
    assert store.current_controller is None
    assert store.account("aws") is None
    assert store.models("aws") == {}
    assert store.labs() == []
    assert not store.root.exists()


def test_labs_are_regions_of_one_cloud_which_each_has_a_credential_for(store: Store) -> None:
    def read(file: str) -> Any:
        return yaml.safe_load((store.root / file).read_text())

    store.root.mkdir(mode=0o700)
    (store.root / "clouds.yaml").write_text("clouds: {other: {type: maas, endpoint: http://maas}}")
    for name in ("aws", "gce"):
        store.add_controller(
            name, f"u-{name}", ["127.0.0.1:1"], CA, "docker", f"lab-{name}", "2.6.4", "admin", "s3cret"
        )
        store.add_region("docker", f"lab-{name}")
    other = {"type": "maas", "endpoint": "http://maas"}
    cloud = {"type": "docker", "auth-types": ["empty"], "regions": {"lab-aws": {}, "lab-gce": {}}}
    assert read("clouds.yaml") == {"clouds": {"other": other, "docker": cloud}}
    one = {"auth-type": "empty"}
    assert read("credentials.yaml") == {"credentials": {"docker": {"lab-aws": one, "lab-gce": one}}}
    store.remove_controller("aws")
    store.remove_controller("never-known")
    assert read("clouds.yaml")["clouds"]["docker"]["regions"] == {"lab-gce": {}}
    assert read("credentials.yaml") == {"credentials": {"docker": {"lab-gce": one}}}
    store.remove_controller("gce")
    assert read("clouds.yaml") == {"clouds": {"other": other}}
    assert read("credentials.yaml") == {"credentials": {}}


def test_the_files_are_what_real_clients_read(store: Store) -> None:
    add(store)
    store.set_models("aws", {"admin/default": "u2", "admin/controller": "u1"}, current="admin/default")

    controllers = yaml.safe_load((store.root / "controllers.yaml").read_text())
    assert controllers["current-controller"] == "aws"
    entry = controllers["controllers"]["aws"]
    assert {"uuid", "api-endpoints", "ca-cert"} <= entry.keys()
    assert entry["ca-cert"] == CA
    assert entry["api-endpoints"] == ["127.0.0.1:17070"]
    assert yaml.safe_load((store.root / "accounts.yaml").read_text()) == {
        "controllers": {"aws": {"user": "admin", "password": "s3cret", "last-known-access": "superuser"}}
    }
    assert yaml.safe_load((store.root / "models.yaml").read_text()) == {
        "controllers": {
            "aws": {
                "models": {
                    "admin/controller": {"uuid": "u1", "type": "iaas"},
                    "admin/default": {"uuid": "u2", "type": "iaas"},
                },
                "current-model": "admin/default",
            }
        }
    }
    assert (store.root / "cookies" / "aws.json").read_text() == "[]"


def test_nobody_else_can_read_it(store: Store) -> None:
    add(store)
    store.lab_dir("demo")
    for path in (store.root, *store.root.rglob("*")):
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode & 0o077 == 0, f"{path} is {mode:o}"


def test_switch_and_removal(store: Store) -> None:
    add(store)
    add(store, "gce")
    store.set_models("aws", {"admin/default": "u2"})
    assert store.current_controller == "gce"
    store.switch("aws", "admin/default")
    assert (store.current_controller, store.current_model("aws")) == ("aws", "admin/default")
    with pytest.raises(UsageError, match="controller azure not found"):
        store.switch("azure")
    store.remove_controller("aws")
    assert list(store.controllers()) == ["gce"]
    assert store.current_controller is None
    assert store.models("aws") == {}
    assert store.account("aws") is None
    store.remove_controller("aws")


def test_a_model_that_is_gone_is_no_longer_current(store: Store) -> None:
    add(store)
    store.set_models("aws", {"admin/default": "u2"}, current="admin/default")
    store.set_models("aws", {"admin/controller": "u1"})
    assert store.current_model("aws") is None


def test_what_is_learned_of_a_controller(store: Store) -> None:
    add(store)
    store.update_controller("aws", agent_version="2.6.10", machine_count=6)
    store.update_controller("unknown", agent_version="2.6.10")
    store.set_access("aws", "login")
    controller = store.controllers()["aws"]
    assert (controller.agent_version, controller.machine_count) == ("2.6.10", 6)
    assert list(store.controllers()) == ["aws"]
    account = store.account("aws")
    assert account is not None
    assert account.access == "login"


@pytest.mark.parametrize("text", ["a: [", "- a\n", "just text"])
def test_a_damaged_file_is_named(store: Store, text: str) -> None:
    add(store)
    (store.root / "controllers.yaml").write_text(text)
    with pytest.raises(JujulabError, match=r"cannot read .*controllers\.yaml") as caught:
        store.controllers()
    assert caught.value.next_step


def test_labs(store: Store) -> None:
    (store.lab_dir("demo") / "secrets.json").write_text("{}")
    assert store.labs() == ["demo"]
    store.remove_lab_dir("demo")
    store.remove_lab_dir("demo")
    assert store.labs() == []


def _add_many(root: Path, prefix: str) -> None:
    for number in range(8):
        add(Store(root), f"{prefix}{number}")


def test_commands_at_once_lose_nothing(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_add_many, args=(tmp_path, prefix)) for prefix in "abc"]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
        assert worker.exitcode == 0
    assert len(Store(tmp_path).controllers()) == 24
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".") and path.name != ".lock"]


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"JUJULAB_DATA": "/a", "XDG_STATE_HOME": "/b", "HOME": "/c"}, "/a"),
        ({"XDG_STATE_HOME": "/b", "HOME": "/c"}, "/b/jujulab"),
        ({"HOME": "/c"}, "/c/.local/state/jujulab"),
    ],
)
def test_where_it_is(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], expected: str) -> None:
    for name in ("JUJULAB_DATA", "XDG_STATE_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert Store.default().root == Path(expected)
