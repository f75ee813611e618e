"""A real controller and the places that it looks at: what it believes, what it refuses and why, what it keeps."""

from __future__ import annotations

import json
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from jujulab_core.errors import RpcError
from jujulab_core.rpc import Client
from jujulab_core.rpc.channel import tls_context
from jujulab_core.simplestreams import Item, documents
from jujulab_core.version import Binary
from tests.fixtures.servers import endless, fixed, proxy, serving
from tests.support.controller_process import Controller, Streams, running

NEW = "2.6.10-bionic-amd64"
DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def streams(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Streams]:
    made = Streams(tmp_path_factory.mktemp("streams") / "tools")
    made.publish("2.6.4-bionic-amd64", NEW, "2.9.1-ubuntu-amd64")
    made.publish("2.7.0-bionic-amd64", stream="proposed")
    made.publish("2.8-rc1-bionic-amd64", stream="devel")
    yield made
    made.close()


@pytest.fixture(scope="module")
def mirror(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Streams]:
    """A mirror with a key of its own."""
    made = Streams(tmp_path_factory.mktemp("mirror") / "tools")
    made.publish("2.6.11-bionic-amd64")
    yield made
    made.close()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, streams: Streams) -> Iterator[Controller]:
    with running(tmp_path_factory.mktemp("controller"), streams) as made:
        yield made


@pytest.fixture
def controller(shared: Controller, streams: Streams) -> Iterator[Controller]:
    """The shared controller, with its settings and its internet put back afterwards."""
    yield shared
    stamp(streams, datetime.now(UTC))
    with shared.admin() as admin, shared.admin(shared.model) as client:
        off = dict.fromkeys(("allow-unsigned-metadata", "allow-older-metadata", "allow-expired-metadata"), False)
        configure(admin, **off, **{"agent-metadata-key": streams.public_key})
        client.call("ModelConfig", "ModelUnset", {"keys": ["agent-metadata-url", "http-proxy", "agent-stream"]})


def configure(admin: Client, **changes: object) -> None:
    admin.call("Controller", "ConfigSet", {"config": changes})


def stamp(streams: Streams, updated: datetime, expires: datetime | None = None, *, signed: bool = True) -> None:
    """Writes the metadata anew."""
    for path, text in documents(streams._items, updated, expires).items():
        plain = streams.directory / path
        plain.write_text(text)
        signed_form = plain.with_suffix(".sjson")
        signed_form.unlink(missing_ok=True)
        if signed:
            sign(streams, signed_form, text.replace('.json"', '.sjson"') if "index" in plain.name else text)


def sign(streams: Streams, path: Path, text: str) -> None:
    command = ["gpg", "--homedir", str(streams._gpg_home), "--batch", "--quiet", "--yes", "--pinentry-mode", "loopback"]
    subprocess.run([*command, "--output", str(path), "--clear-sign"], input=text.encode(), check=True)


def look(controller: Controller) -> tuple[set[str], str]:
    """What the controller model's places offer, and why not more."""
    with controller.admin() as admin:
        answer = admin.call("LabProvisioner", "Binaries")
    return {entry["version"] for entry in answer["internet"]}, answer["internet-error"]


def set_config(controller: Controller, **config: str) -> None:
    with controller.admin(controller.model) as client:
        client.call(
            "ModelConfig", "ModelSet", {"config": {key.replace("_", "-"): text for key, text in config.items()}}
        )


def find(controller: Controller, **params: Any) -> set[str]:
    with controller.admin(controller.model) as client:
        answer = client.call("Client", "FindTools", {"number": "0.0.0", "major": 2, "minor": -1} | params)
    return {entry["version"] for entry in answer["list"]}


def download(controller: Controller, version: str) -> bytes:
    url = f"https://127.0.0.1:{controller.port}/model/{controller.model}/tools/{version}"
    context = tls_context(controller.ca)
    with urllib.request.urlopen(url, timeout=20, context=context) as response:
        return bytes(response.read())


def test_both_eras_and_the_fallback_of_streams(controller: Controller) -> None:
    assert {"2.6.4-bionic-amd64", NEW, "2.9.1-ubuntu-amd64"} <= look(controller)[0]
    released = {NEW, "2.9.1-ubuntu-amd64", "2.6.4-bionic-amd64"}
    assert find(controller) == released
    assert find(controller, agentstream="proposed") == released | {"2.7.0-bionic-amd64"}
    assert find(controller, agentstream="devel") == released | {"2.7.0-bionic-amd64", "2.8-rc1-bionic-amd64"}
    set_config(controller, agent_stream="proposed")
    assert find(controller) == released | {"2.7.0-bionic-amd64"}


def test_the_old_index_where_there_is_no_new_one(controller: Controller, streams: Streams) -> None:
    for name in ("index2.sjson", "index2.json"):
        (streams.directory / "streams/v1" / name).unlink()
    found, error = look(controller)
    assert (error, "2.7.0-bionic-amd64" in found, NEW in found) == ("", False, True)


def test_a_mirror_must_be_signed_by_a_key_that_is_known(
    controller: Controller, streams: Streams, mirror: Streams
) -> None:
    set_config(controller, agent_metadata_url=mirror.url)
    # Refused, but the default place is asked as well.
    assert "2.6.11-bionic-amd64" not in look(controller)[0]
    assert "bad signature" in controller.log()
    with controller.admin() as admin:
        configure(admin, **{"agent-metadata-key": streams.public_key + mirror.public_key})
    # The mirror has the stream `released`, so the default place is not asked for that one; it is for the others.
    assert look(controller)[0] == {"2.6.11-bionic-amd64", "2.7.0-bionic-amd64", "2.8-rc1-bionic-amd64"}


def test_an_unsigned_mirror_is_refused_unless_the_operator_says_so(
    controller: Controller, streams: Streams, mirror: Streams
) -> None:
    stamp(mirror, datetime.now(UTC), signed=False)
    set_config(controller, agent_metadata_url=mirror.url)
    assert "2.6.11-bionic-amd64" not in look(controller)[0]
    assert "a mirror must be signed; to trust it as it is, set the controller's configuration allow-unsigned" in (
        controller.log()
    )
    with controller.admin() as admin:
        configure(admin, **{"allow-unsigned-metadata": "true"})
    assert "2.6.11-bionic-amd64" in look(controller)[0]
    # That is for mirrors only: what plays the whole world's streams must be signed in any case, as in Juju.
    set_config(controller, agent_metadata_url="")
    stamp(streams, datetime.now(UTC), signed=False)
    found, error = look(controller)
    assert found == set()
    assert "no PGP signature embedded in plain text data: default simplestreams must be signed" in error


@pytest.mark.parametrize(
    ("age", "valid", "reason", "override"),
    [
        (-DAY, 30 * DAY, "older than one of", "allow-older-metadata"),
        (timedelta(), -DAY, "the index expired on", "allow-expired-metadata"),
        (2 * DAY, 30 * DAY, "in the future", "allow-expired-metadata"),
    ],
    ids=["older", "expired", "future"],
)
def test_metadata_of_the_wrong_age(
    tmp_path: Path, streams: Streams, age: timedelta, valid: timedelta, reason: str, override: str
) -> None:
    now = datetime.now(UTC)
    with running(tmp_path, streams) as controller:
        assert NEW in look(controller)[0]
        stamp(streams, now + age + timedelta(seconds=1), now + valid)
        found, error = look(controller)
        assert found == set()
        assert reason in error
        with controller.admin() as admin:
            configure(admin, **{override: True})
        assert look(controller) == (look(controller)[0], "")
        assert NEW in look(controller)[0]
    stamp(streams, now)


def test_what_was_seen_is_remembered_over_a_restart(tmp_path: Path, streams: Streams) -> None:
    with running(tmp_path, streams) as controller:
        assert NEW in look(controller)[0]
        controller.kill()
        stamp(streams, datetime.now(UTC) - DAY)
        controller.start()
        assert "older than one of" in look(controller)[1]
    stamp(streams, datetime.now(UTC))


def replace_products(streams: Streams, change: Any) -> None:
    path = streams.directory / "streams/v1/com.ubuntu.juju-released-tools.json"
    document = json.loads(path.read_text())
    change(document)
    sign(streams, path.with_suffix(".sjson"), json.dumps(document))


def item(document: Any) -> Any:
    (group,) = document["products"]["com.ubuntu.juju:18.04:amd64"]["versions"].values()
    return group["items"][NEW]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda document: document.update(updated="Tue, 04 Jun 2019 10:00:00 +0000"), "older than its index"),
        (lambda document: document.pop("products"), "products is missing"),
        (lambda document: item(document).update(size=-1), "size is -1"),
        (lambda document: item(document).update(size=2**40), "size is 1099511627776"),
        (lambda document: item(document).update(path="../../etc/passwd"), "is not a plain relative path"),
        (lambda document: item(document).update(sha256="A" * 64), "sha256 is not 64 lower-case"),
        (lambda document: document.update(content_id="com.ubuntu.juju:devel:tools"), "content_id is"),
    ],
    ids=["mix and match", "no products", "negative size", "huge size", "path", "upper case", "another content"],
)
def test_products_that_are_signed_but_wrong(controller: Controller, streams: Streams, change: Any, reason: str) -> None:
    stamp(streams, datetime.now(UTC))
    replace_products(streams, change)
    found, error = look(controller)
    assert found == {"2.7.0-bionic-amd64", "2.8-rc1-bionic-amd64"}
    assert reason in error
    # Neither a stream that is refused nor one that falls back on it.
    for stream in ("released", "proposed"):
        assert not find(controller, agentstream=stream) & {"2.9.1-ubuntu-amd64", "2.7.0-bionic-amd64"}
    with pytest.raises(urllib.error.HTTPError) as refused:
        download(controller, "2.9.1-ubuntu-amd64")
    with refused.value:
        assert reason in refused.value.read().decode()


def test_a_mirror_of_one_stream_whose_index_names_them_all(controller: Controller, streams: Streams) -> None:
    stamp(streams, datetime.now(UTC))
    released = {"2.6.4-bionic-amd64", NEW, "2.9.1-ubuntu-amd64"}
    for name in ("proposed", "devel"):
        (streams.directory / f"streams/v1/com.ubuntu.juju-{name}-tools.sjson").unlink()
    found, error = look(controller)
    assert found == released
    assert "com.ubuntu.juju-proposed-tools.sjson, which is not there" in error
    assert find(controller) == find(controller, agentstream="proposed") == released
    assert download(controller, "2.9.1-ubuntu-amd64")
    (streams.directory / "streams/v1/com.ubuntu.juju-released-tools.sjson").unlink()
    assert NEW not in look(controller)[0]


def test_an_index_that_is_none(controller: Controller, streams: Streams) -> None:
    index = streams.directory / "streams/v1/index2.sjson"
    for text, reason in (
        ("not JSON", "not valid JSON"),
        ("[]", "not a JSON object"),
        ("[" * 100_000, "not valid JSON"),
    ):
        sign(streams, index, text)
        found, error = look(controller)
        assert found == set()
        assert reason in error


def memory(controller: Controller) -> int:
    """The most memory that the controller's process ever had, in bytes."""
    assert controller._process is not None
    status = Path(f"/proc/{controller._process.pid}/status").read_text()
    (line,) = [line for line in status.splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) * 1024


@pytest.mark.parametrize("declared", [None, 200 * 1024 * 1024], ids=["endless", "200 MB"])
def test_an_index_without_an_end_costs_little(controller: Controller, declared: int | None) -> None:
    look(controller)
    before = memory(controller)
    with serving(endless(declared)) as url:
        set_config(controller, agent_metadata_url=url)
        assert NEW in look(controller)[0]
    assert f"{url}/streams/v1/index2.sjson" in controller.log()
    assert memory(controller) - before < 32 * 1024 * 1024


def test_an_endless_tarball_is_cut_off_and_the_old_one_stays(controller: Controller) -> None:
    old = download(controller, "2.6.4-bionic-amd64")
    binary = Binary.parse("2.6.12-bionic-amd64")
    metadata = documents({"released": [Item(binary, "endless.tgz", 1000, "0" * 64)]}, datetime.now(UTC))

    def answer(request: Any, ending: Any) -> None:
        text = metadata.get(request.path.lstrip("/"))
        if text is not None:
            fixed(text.encode())(request, ending)
        elif request.path == "/endless.tgz":
            endless()(request, ending)
        else:
            request.send_error(404)

    with serving(answer) as place, controller.admin() as admin:
        configure(admin, **{"allow-unsigned-metadata": True})
        set_config(controller, agent_metadata_url=place)
        with pytest.raises(urllib.error.HTTPError) as refused:
            download(controller, str(binary))
        with refused.value:
            assert "size mismatch" in refused.value.read().decode()
    assert list((controller.directory / "data" / "db" / "binaries" / "partial").iterdir()) == []
    assert download(controller, "2.6.4-bionic-amd64") == old


def test_a_damaged_file_of_the_cache_is_fetched_again(controller: Controller, streams: Streams) -> None:
    good = download(controller, NEW)
    for path in (controller.directory / "data" / "db" / "binaries" / "blobs").iterdir():
        if path.read_bytes() == good:
            path.write_bytes(b"x" * len(good))
    assert download(controller, NEW) == good
    assert "is gone or damaged" in controller.log()


def test_the_model_s_proxy_is_used(controller: Controller, streams: Streams) -> None:
    asked: list[str] = []
    with serving(proxy(asked, streams.url)) as through:
        set_config(controller, agent_metadata_url="http://mirror.example/tools", http_proxy=through)
        with controller.admin() as admin:
            configure(admin, **{"agent-metadata-key": streams.public_key})
        look(controller)
    assert "http://mirror.example/tools/streams/v1/index2.sjson" in asked


def test_an_upgrade_says_before_it_starts_which_machine_lacks_a_binary(tmp_path: Path, streams: Streams) -> None:
    wanted = {"version": "2.6.10", "force": True}
    with running(tmp_path, streams) as controller, controller.admin(controller.model) as client:
        client.call("MachineManager", "AddMachines", {"params": [{"series": "xenial", "jobs": ["JobHostUnits"]}]})
        with pytest.raises(RpcError) as refused:
            client.call("Client", "SetModelAgentVersion", wanted)
        assert "no agent binaries available of 2.6.10-xenial-amd64 for machine 1: " in str(refused.value)
        assert client.call("ModelConfig", "ModelGet")["config"]["agent-version"]["value"] == "2.6.4"
        client.call("Client", "SetModelAgentVersion", wanted | {"ignore-missing-binaries": True})
        assert client.call("ModelConfig", "ModelGet")["config"]["agent-version"]["value"] == "2.6.10"


def test_settings_of_the_controller(controller: Controller) -> None:
    with controller.admin() as admin:
        config = admin.call("Controller", "ControllerConfig")["config"]
        assert config["allow-unsigned-metadata"] is False
        assert "BEGIN PGP PUBLIC KEY BLOCK" in config["agent-metadata-key"]
        for changes, reason in (
            ({"api-port": 1}, 'can not change "api-port" after bootstrap'),
            ({"allow-older-metadata": "maybe"}, "expected bool"),
            ({"agent-metadata-key": "x"}, "not an armoured OpenPGP public key"),
        ):
            with pytest.raises(RpcError, match=reason):
                configure(admin, **changes)
