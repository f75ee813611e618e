"""Backups against a real controller's process: made while it works, killed, restored, refused."""

from __future__ import annotations

import base64
import hashlib
import http.client
import io
import json
import shutil
import sqlite3
import ssl
import tarfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from jujulab_core.errors import ConnectionLost, RpcError
from jujulab_core.rpc import Client
from jujulab_core.waiting import Deadline, wait_for
from tests.support.another_controller import LEADS, another
from tests.support.controller_process import ADMIN_PASSWORD, Controller, Machine, add_model, running


def _request(
    controller: Controller,
    method: str,
    body: bytes,
    model: str = "",
    user: str = "admin",
    password: str = ADMIN_PASSWORD,
) -> tuple[int, dict[str, str], bytes]:
    context = ssl.create_default_context(cadata=controller.ca)
    connection = http.client.HTTPSConnection("127.0.0.1", controller.port, context=context, timeout=30)
    login = base64.b64encode(f"user-{user}:{password}".encode()).decode()
    headers = {"Authorization": f"Basic {login}", "Content-Type": "application/json"}
    try:
        connection.request(method, f"/model/{model or controller.model}/backups", body, headers)
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()
    finally:
        connection.close()


def _download(controller: Controller, name: str) -> bytes:
    status, _, content = _request(controller, "GET", json.dumps({"id": name}).encode())
    assert status == 200, content
    return content


def _create(controller: Controller, **params: Any) -> dict[str, Any]:
    with controller.admin(controller.model) as client:
        return client.call("Backups", "Create", {"notes": "", "keep-copy": True} | params)


def _restore(controller: Controller, name: str) -> None:
    with controller.admin() as admin:
        admin.call("LabBackups", "Restore", {"id": name})
    controller.wait()
    controller.start()


def _config(controller: Controller, model: str) -> dict[str, Any]:
    with controller.admin(model) as client:
        config: dict[str, Any] = client.call("ModelConfig", "ModelGet")["config"]
        return config


@pytest.fixture(scope="module")
def controller(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Controller]:
    with running(tmp_path_factory.mktemp("c") / "c") as made:
        tools = made.directory / "data" / "tools"
        (tools / "2.6.4-bionic-amd64").mkdir(parents=True)
        (tools / "2.6.4-bionic-amd64" / "jujud").write_text("#!/bin/sh\n")
        (tools / "2.6.4-bionic-amd64" / "downloaded-tools.txt").write_text("{}")
        (tools / "machine-0").symlink_to(tools / "2.6.4-bionic-amd64")
        agents = made.directory / "data" / "agents" / "machine-0"
        agents.mkdir(parents=True)
        (agents / "agent.conf").write_text("# format 2.0\n")
        yield made


def test_an_archive_is_laid_out_as_jujus_is(controller: Controller) -> None:
    made = _create(controller, notes="before the upgrade")
    archive = _download(controller, made["id"])
    stamp, _, model = made["id"].partition(".")
    assert (made["filename"], model) == (f"juju-backup-{stamp}.tar.gz", controller.model)
    assert (made["checksum-format"], made["notes"]) == ("SHA-1, base64 encoded", "before the upgrade")
    assert (made["machine"], made["series"], made["version"]) == ("0", "bionic", "2.6.4")
    assert made["checksum"] == base64.b64encode(hashlib.sha1(archive, usedforsecurity=False).digest()).decode()
    assert made["size"] == len(archive)
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        names = tar.getnames()
        metadata = json.load(tar.extractfile("juju-backup/metadata.json"))  # type: ignore[arg-type]
        with tarfile.open(fileobj=tar.extractfile("juju-backup/root.tar")) as root:
            root_names = set(root.getnames())
    blob = hashlib.sha256(b"the first binary").hexdigest()
    assert set(names) == {
        "juju-backup/metadata.json",
        "juju-backup/root.tar",
        "juju-backup/dump/controller.db",
        f"juju-backup/dump/blobs/{blob}",
    }
    assert {
        "var/lib/juju/tools/2.6.4-bionic-amd64/jujud",
        "var/lib/juju/tools/machine-0",
        "var/lib/juju/agents/machine-0/agent.conf",
        "var/lib/juju/server.pem",
    } <= root_names
    keys = "ID Checksum ChecksumFormat Size Stored Started Finished Notes Environment Machine Hostname Version Series"
    assert list(metadata) == [*keys.split(), "CACert", "CAPrivateKey"]
    assert (metadata["ID"], metadata["Environment"]) == (made["id"], controller.model)


def test_an_archive_that_is_not_kept_is_given_out_once(controller: Controller) -> None:
    made = _create(controller, **{"keep-copy": False})
    with controller.admin(controller.model) as client:
        listed = [entry["id"] for entry in client.call("Backups", "List")["list"]]
        assert made["id"] not in listed
        assert made["stored"] == "0001-01-01T00:00:00Z"
        assert _download(controller, made["filename"])[:2] == b"\x1f\x8b"
        status, _, content = _request(controller, "GET", json.dumps({"id": made["filename"]}).encode())
        assert (status, json.loads(content)["code"]) == (404, "not found")


def test_info_list_and_remove(controller: Controller) -> None:
    made = _create(controller)
    with controller.admin(controller.model) as client:
        assert client.call("Backups", "Info", {"id": made["id"]}) == made
        assert made in client.call("Backups", "List")["list"]
        assert client.call("Backups", "Remove", {"ids": [made["id"], "x"]}) == {
            "results": [{}, {"error": {"message": 'backup metadata "x" not found', "code": "not found"}}]
        }
        with pytest.raises(RpcError, match="not found"):
            client.call("Backups", "Info", {"id": made["id"]})


def test_two_backups_of_one_second_have_two_names(controller: Controller) -> None:
    made = [_create(controller)["id"] for _ in range(3)]
    assert len(set(made)) == 3


def test_only_a_superuser_and_only_the_controller_model(controller: Controller) -> None:
    with controller.admin() as admin:
        model = add_model(admin, "refusals")
    with controller.admin(model) as client, pytest.raises(RpcError) as refused:
        client.call("Backups", "Create", {})
    assert refused.value.message == (
        "backups are only supported from the controller model\nUse juju switch to select the controller model"
    )
    body = json.dumps({"id": "x"}).encode()
    status, _, content = _request(controller, "GET", body, model)
    assert json.loads(content)["message"] == "requested model is not the controller model"
    assert status == 400
    assert _request(controller, "GET", body, password="wrong")[0] == 401
    with controller.admin() as admin:
        admin.call(
            "UserManager", "AddUser", {"users": [{"username": "bob", "display-name": "", "password": "pw-of-bob"}]}
        )
    status, _, content = _request(controller, "GET", body, user="bob", password="pw-of-bob")
    assert (status, json.loads(content)["message"]) == (401, "permission denied")


def test_a_consistent_copy_while_others_write(controller: Controller) -> None:
    """Every write that was answered before the backup began is in it, and the copy is sound."""
    with controller.admin() as admin:
        model = add_model(admin, "busy")
    ending = threading.Event()
    answered: list[str] = []

    def write() -> None:
        with controller.admin(model) as client:
            count = 0
            while not ending.is_set():
                client.call("ModelConfig", "ModelSet", {"config": {f"key-{count}": "x"}})
                answered.append(f"key-{count}")
                count += 1

    thread = threading.Thread(target=write)
    thread.start()
    try:
        wait_for(lambda: (len(answered) > 20 or None, "writes"), Deadline(20), 0.01)
        before = list(answered)
        archive = _download(controller, _create(controller)["id"])
    finally:
        ending.set()
        thread.join(20)
    copy = controller.directory / "copy.db"
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        copy.write_bytes(tar.extractfile("juju-backup/dump/controller.db").read())  # type: ignore[union-attr]
    connection = sqlite3.connect(copy)
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    (config,) = connection.execute("SELECT config FROM models WHERE uuid = ?", (model,)).fetchone()
    connection.close()
    assert set(before) <= set(json.loads(config))


def test_a_restore_brings_the_old_state_back_and_the_agents_with_it(controller: Controller) -> None:
    with controller.admin() as admin:
        model = add_model(admin, "restored")
    with controller.admin(model) as client:
        client.call("MachineManager", "AddMachines", {"params": [{"series": "bionic", "jobs": ["JobHostUnits"]}]})
        client.call("ModelConfig", "ModelSet", {"config": {"when": "before"}})
    machine = Machine(controller, model, "0")
    made = _create(controller)
    with controller.orchestrator() as orchestrator:
        token = orchestrator.call("LabOrchestrator", "Claim", {"holder": "a", "ttl": 30})["token"]
    with controller.admin(model) as client:
        client.call("ModelConfig", "ModelSet", {"config": {"when": "after"}})
    blobs = controller.directory / "data" / "db" / "binaries" / "blobs"
    shutil.rmtree(blobs)
    _restore(controller, made["id"])
    assert _config(controller, model)["when"]["value"] == "before"
    with controller.admin() as admin:
        assert admin.call("LabBackups", "Restored")["id"] == made["id"]
    assert [path.read_bytes() for path in blobs.iterdir()] == [b"the first binary"]
    machine.client.close()
    machine.log_in().close()
    # Machines obey no token that is lower than one they have seen.
    with controller.orchestrator() as orchestrator:
        claim = orchestrator.call("LabOrchestrator", "Claim", {"holder": "b", "ttl": 30})
        assert claim["granted"]
        assert claim["token"] > token
    # The list of backups belongs to the controller, not to its state.
    with controller.admin(controller.model) as client:
        assert made["id"] in [entry["id"] for entry in client.call("Backups", "List")["list"]]


def test_nobody_can_log_in_while_the_state_is_replaced(controller: Controller) -> None:
    made = _create(controller)
    with controller.connect() as late, controller.admin() as admin, controller.admin() as other:
        admin.call("LabBackups", "Restore", {"id": made["id"]})
        for refused in (
            lambda: late.log_in("user-admin", ADMIN_PASSWORD),
            lambda: other.call("Controller", "ControllerVersion"),
        ):
            with pytest.raises((RpcError, ConnectionLost)) as raised:
                refused()
            if isinstance(raised.value, RpcError):
                assert raised.value.message.startswith("juju restore is in progress")
    controller.wait()
    controller.start()


def test_a_backup_of_an_older_patch_version_is_restored_under_newer_binaries(controller: Controller) -> None:
    made = _create(controller)
    controller.stop()
    controller.start("2.6.5")
    try:
        _restore(controller, made["id"])
        with controller.admin() as admin:
            assert admin.call("Controller", "ControllerVersion")["version"] == "2.6.5"
        assert _config(controller, controller.model)["agent-version"]["value"] == "2.6.4"
    finally:
        controller.stop()
        controller.start("2.6.4")


def test_an_archive_that_is_uploaded_can_be_restored(controller: Controller) -> None:
    made = _create(controller)
    archive = _download(controller, made["id"])
    with controller.admin(controller.model) as client:
        client.call("Backups", "Remove", {"ids": [made["id"]]})
        status, _, content = _request(controller, "PUT", archive)
        assert (status, json.loads(content)) == (200, {"id": made["id"]})
        assert client.call("Backups", "Info", {"id": made["id"]})["checksum"] == made["checksum"]
    _restore(controller, made["id"])


def _without(archive: bytes, dropped: str, change: Callable[[str, bytes], bytes], extra: bytes = b"") -> bytes:
    """An archive made anew: without a member, with others changed, with members added."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=io.BytesIO(archive)) as old, tarfile.open(fileobj=raw, mode="w:gz") as new:
        for member in old:
            if member.name != dropped:
                content = change(member.name, old.extractfile(member).read())  # type: ignore[union-attr]
                member.size = len(content)
                new.addfile(member, io.BytesIO(content))
        if extra:
            link = tarfile.TarInfo("juju-backup/dump/link")
            link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
            new.addfile(link)
    return raw.getvalue()


def _series(name: str, content: bytes) -> bytes:
    return content.replace(b'"Series": "bionic"', b'"Series": "xenial"') if name.endswith("metadata.json") else content


def _version(name: str, content: bytes) -> bytes:
    return content.replace(b'"Version": "2.6.4"', b'"Version": "1.25.4"') if name.endswith("metadata.json") else content


def _same(_name: str, content: bytes) -> bytes:
    return content


def _junk_database(name: str, content: bytes) -> bytes:
    return b"not a database" * 100 if name.endswith("controller.db") else content


def _junk_blob(name: str, content: bytes) -> bytes:
    return b"x" if "/blobs/" in name else content


@pytest.mark.parametrize(
    ("dropped", "change", "extra", "text"),
    [
        ("", _series, b"", 'made in a machine with series "xenial" into a machine with series "bionic"'),
        ("", _version, b"", "Juju version 2.6.4 cannot restore backups made using Juju version 1.25.4"),
        ("juju-backup/dump/controller.db", _same, b"", "it is not complete"),
        ("juju-backup/metadata.json", _same, b"", "it has no juju-backup/metadata.json"),
        ("", _junk_database, b"", "its database is not a controller's"),
        ("", _junk_blob, b"", "does not have the hash that its name says"),
        ("", _same, b"x", "is not a plain file"),
    ],
    ids=["series", "major", "no-database", "no-metadata", "bad-database", "bad-blob", "link"],
)
def test_what_cannot_be_restored_is_refused_and_changes_nothing(
    controller: Controller, dropped: str, change: Callable[[str, bytes], bytes], extra: bytes, text: str
) -> None:
    archive = _without(_download(controller, _create(controller)["id"]), dropped, change, extra)
    status, _, content = _request(controller, "PUT", archive)
    if status != 200:
        assert text in json.loads(content)["message"]
        return
    with controller.admin() as admin:
        with pytest.raises(RpcError) as refused:
            admin.call("LabBackups", "Restore", {"id": json.loads(content)["id"]})
        assert text in refused.value.message
        # The API works as before, and nothing half-written stays.
        admin.call("Controller", "ControllerVersion")
    assert list((controller.directory / "data" / "db" / "restore").iterdir()) == []


def test_what_is_no_archive_at_all_is_refused(controller: Controller) -> None:
    before = sorted((controller.directory / "data" / "db" / "backups").iterdir())
    for junk in (b"", b"junk", b"\x1f\x8b" + bytes(100)):
        status, _, content = _request(controller, "PUT", junk)
        assert status == 400
        assert json.loads(content)["message"].startswith("cannot read the backup archive: ")
    assert sorted((controller.directory / "data" / "db" / "backups").iterdir()) == before


def test_another_controllers_backup_is_refused(controller: Controller, tmp_path: Path) -> None:
    with running(tmp_path / "other") as other:
        archive = _download(other, _create(other)["id"])
    status, _, content = _request(controller, "PUT", archive)
    assert status == 200
    with controller.admin() as admin, pytest.raises(RpcError, match="of another controller"):
        admin.call("LabBackups", "Restore", {"id": json.loads(content)["id"]})


def test_a_set_of_controllers_is_refused_with_jujus_words(controller: Controller) -> None:
    made = _create(controller)
    with controller.admin() as admin, controller.admin(controller.model) as client:
        (result,) = admin.call("HighAvailability", "EnableHA", {"specs": [{"num-controllers": 3}]})["results"]
        try:
            with pytest.raises(RpcError, match="unable to restore backup in HA configuration"):
                admin.call("LabBackups", "Restore", {"id": made["id"]})
            with pytest.raises(RpcError, match="HA not ready; try again later"):
                client.call("Backups", "Create", {})
        finally:
            client.call("MachineManager", "DestroyMachineWithParams", {"machine-tags": result["result"]["added"]})


def test_a_backup_without_this_controllers_machine_is_refused(tmp_path: Path) -> None:
    with running(tmp_path / "c") as controller:
        made = _create(controller)
        with controller.admin() as admin:
            admin.call("HighAvailability", "EnableHA", {"specs": [{"num-controllers": 3}]})
        with another(tmp_path / "one", controller, "1") as one:
            with controller.admin(controller.model) as client:
                both = {"machine-tags": ["machine-2", "machine-0"]}
                client.call("MachineManager", "DestroyMachineWithParams", both)
            controller.wait()
            one.wait_for(LEADS)
            with one.admin() as admin:
                with pytest.raises(RpcError) as refused:
                    admin.call("LabBackups", "Restore", {"id": made["id"]})
                assert refused.value.message == (
                    "the backup is of the controllers on machines 0, and this one is on machine 1: "
                    "restore it on one of those"
                )
                assert admin.call("LabBackups", "Restored")["id"] == ""
            with one.admin(controller.model) as client:
                assert set(client.call("Client", "FullStatus")["machines"]) == {"1"}
            assert one.process.poll() is None
        assert list((controller.directory / "data" / "db" / "restore").iterdir()) == []


@pytest.mark.parametrize("version", ["2.9.33", "3.6.0"])
def test_version_3_has_create_and_nothing_else(tmp_path: Path, version: str) -> None:
    with running(tmp_path / "c", version=version) as controller, controller.admin(controller.model) as client:
        made = client.call("Backups", "Create", {"notes": "x", "no-download": True})
        assert {"id", "checksum", "filename", "base", "format-version", "controller-uuid", "ha-nodes"} <= set(made)
        assert "ca-private-key" not in made
        with pytest.raises(RpcError) as refused:
            client.call("Backups", "List")
        assert refused.value.code == "not implemented"
        _download(controller, made["filename"])
        _restore(controller, made["id"])


def _call_until_killed(call: Callable[[Client], Any], client: Client) -> None:
    try:
        call(client)
    except (ConnectionLost, RpcError):
        return


def test_a_kill_in_the_midst_leaves_the_old_state_or_the_new(tmp_path: Path) -> None:
    """Kills at points spread over making and restoring; afterwards every backup listed is whole, the state sound."""
    with running(tmp_path / "c") as controller:
        model = controller.model
        with controller.admin(model) as client:
            client.call("ModelConfig", "ModelSet", {"config": {"when": "before"}})
        wanted = _create(controller)["id"]
        outcomes = set()
        for delay in (0.01, 0.05, 0.3):
            with controller.admin(model) as client:
                client.call("ModelConfig", "ModelSet", {"config": {"when": "after"}})
            for facade, method, params in (
                ("Backups", "Create", {"keep-copy": True}),
                ("LabBackups", "Restore", {"id": wanted}),
            ):
                client = controller.admin(model if facade == "Backups" else None)
                reply = threading.Thread(
                    target=_call_until_killed,
                    args=(lambda to, f=facade, m=method, p=params: to.call(f, m, p, timeout=10), client),
                )
                reply.start()
                threading.Event().wait(delay)
                controller.kill()
                reply.join(20)
                client.close()
                controller.start()
            outcomes.add(_config(controller, model)["when"]["value"])
            with controller.admin(model) as client:
                listed = client.call("Backups", "List")["list"]
            for entry in listed:
                archive = _download(controller, entry["id"])
                digest = base64.b64encode(hashlib.sha1(archive, usedforsecurity=False).digest()).decode()
                assert digest == entry["checksum"]
            data = controller.directory / "data"
            assert {path.suffix for path in (data / "db" / "backups").iterdir()} <= {".gz", ".json"}
            connection = sqlite3.connect(controller.database)
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            connection.close()
        assert outcomes <= {"before", "after"}
        _restore(controller, wanted)
        assert _config(controller, model)["when"]["value"] == "before"
