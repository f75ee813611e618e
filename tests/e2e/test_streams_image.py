"""The streams image by itself, brought up with compose: what it publishes is complete, signed and counted."""

from __future__ import annotations

import datetime
import hashlib
import json
import shutil
import ssl
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest
from docker.models.containers import Container
from pytest_docker.plugin import Services

from jujulab.lab import pki
from jujulab_core.simplestreams import parse_index, parse_products
from tests.e2e.support import run

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="session")
def docker_compose_command() -> str:
    """Compose as a plugin of the client where there is one, else the program of old."""
    plugin = subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode == 0
    return "docker compose" if plugin else "docker-compose"


@pytest.fixture(scope="session")
def docker_compose_file(ca: ssl.SSLContext) -> str:  # the file binds what `ca` makes
    return str(Path(__file__).with_name("docker-compose.yml"))


@pytest.fixture(scope="session")
def docker_setup() -> str:
    """`--wait`, the plugin's own way, is not known to the compose of old."""
    return "up --detach"


@pytest.fixture(scope="session")
def docker_compose_project_name() -> str:
    return "jujulab-streams-test"


@pytest.fixture(scope="session")
def ca(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ssl.SSLContext]:
    """A certificate for the image, in the directory that the compose file binds, and the trust in it."""
    now = datetime.datetime.now(datetime.UTC)
    made = pki.make_ca("test", now)
    cert = pki.make_streams_cert(made, now)
    directory = tmp_path_factory.mktemp("tls")
    (directory / "tls.crt").write_text(cert.certificate)
    (directory / "tls.key").write_text(cert.key)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STREAMS_TLS", str(directory))
        context = ssl.create_default_context(cadata=made.certificate)
        # It is reached at the host's loopback here; in a lab its own name is verified.
        context.check_hostname = False
        yield context
    shutil.rmtree(directory)


@pytest.fixture(scope="session")
def base(ca: ssl.SSLContext, docker_services: Services) -> str:
    """The base of the simplestreams, when it answers."""
    url = f"https://127.0.0.1:{docker_services.port_for('streams', 443)}/juju/tools"

    def answers() -> bool:
        try:
            fetch(ca, f"{url}/")
        except urllib.error.HTTPError:
            # It answers; that nothing is published yet is another matter.
            return True
        except OSError:
            return False
        return True

    docker_services.wait_until_responsive(answers, timeout=30, pause=0.2)
    return url


@pytest.fixture(scope="session")
def streams(base: str) -> Iterator[Container]:
    client = docker.from_env()
    yield client.containers.list(filters={"label": "com.docker.compose.project=jujulab-streams-test"})[0]
    client.close()


def fetch(context: ssl.SSLContext, url: str) -> bytes:
    with urllib.request.urlopen(url, context=context, timeout=10) as answer:
        return bytes(answer.read())


def test_a_published_version_is_found_by_its_signed_index(streams: Container, base: str, ca: ssl.SSLContext) -> None:
    key = json.loads(run(streams, f"jujulab-publish init --url {base}"))["public-key"]
    assert key.startswith("-----BEGIN PGP PUBLIC KEY BLOCK-----")
    (published,) = json.loads(run(streams, "jujulab-publish publish 2.6.10 --stream released --series bionic"))[
        "published"
    ]
    index = fetch(ca, f"{base}/streams/v1/index2.json")
    signed = fetch(ca, f"{base}/streams/v1/index2.sjson").decode()
    assert signed.startswith("-----BEGIN PGP SIGNED MESSAGE-----")
    assert json.loads(index)["index"].keys() == {"com.ubuntu.juju:released:tools"}
    entry = json.loads(index)["index"]["com.ubuntu.juju:released:tools"]
    assert parse_index(index)
    (item,) = parse_products(fetch(ca, f"{base}/{entry['path']}"), "com.ubuntu.juju:released:tools")
    assert (str(item.binary), item.sha256) == (published["binary"], published["sha256"])
    tarball = fetch(ca, f"{base}/{item.path}")
    assert (len(tarball), hashlib.sha256(tarball).hexdigest()) == (item.size, item.sha256)


def test_the_same_version_has_the_same_bytes(streams: Container) -> None:
    command = "jujulab-publish publish 2.6.11 --stream {} --series bionic"
    first = json.loads(run(streams, command.format("released")))["published"]
    second = json.loads(run(streams, command.format("proposed")))["published"]
    assert first[0]["sha256"] == second[0]["sha256"]


def test_every_request_is_counted(streams: Container, base: str, ca: ssl.SSLContext) -> None:
    fetch(ca, f"{base}/streams/v1/index2.json")
    last = json.loads(run(streams, "tail -n 1 /var/log/nginx/access.log"))
    assert (last["method"], last["uri"], last["status"]) == ("GET", "/juju/tools/streams/v1/index2.json", 200)
