"""A controller without internet, and each documented way to upgrade it all the same."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from docker import DockerClient
from docker.models.containers import Container

from jujulab.images import image_tag
from jujulab.lab import names, secrets
from jujulab.lab.engine import ContainerSpec, Engine, File
from tests.e2e import support
from tests.e2e.support import Lab, run

pytestmark = pytest.mark.e2e

LAB = "offline"
PROXY_IMAGE = "jujulab-test/tinyproxy"
PROXY_DOCKERFILE = """\
ARG FROM
FROM ${FROM}
RUN export DEBIAN_FRONTEND=noninteractive \\
 && apt-get -qq update \\
 && apt-get -qq install -y --no-install-recommends tinyproxy \\
 && rm -rf /var/lib/apt/lists/*
CMD ["/usr/bin/tinyproxy", "-d", "-c", "/etc/jujulab/tinyproxy.conf"]
"""
PROXY_CONF = """\
User tinyproxy
Group tinyproxy
Port 3128
Timeout 60
MaxClients 50
ConnectPort 443
LogLevel Connect
"""


class Transcript:
    """Runs commands and writes down what was typed and what was answered."""

    def __init__(self, lab: Lab, name: str) -> None:
        self._lab = lab
        self._name = name
        self._text: list[str] = []

    def __call__(self, *words: str, expect: int = 0) -> str:
        done = self._lab.juju(*words, expect=expect)
        said = done.stdout + done.stderr
        self._text.append(f"$ jujulab {' '.join(words)}\n{said}" + (f"[exit {expect}]\n" if expect else ""))
        return said

    def save(self) -> None:
        if directory := os.environ.get("JUJULAB_TRANSCRIPTS"):
            Path(directory, f"offline-{self._name}.txt").write_text("".join(self._text))


@pytest.fixture(scope="module")
def lab(engine: DockerClient, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    data = tmp_path_factory.mktemp("data")
    up = ("--name", LAB, "--controller", LAB, "--machines", "1", "--units", "1")
    with support.lab(engine, data, LAB, LAB, *up) as made:
        made.juju("publish", "2.6.5", "2.6.9", "2.6.10", "2.7.0", "2.7.1")
        yield made


@pytest.fixture
def offline(lab: Lab) -> Iterator[Lab]:
    """The lab while its controller has no internet."""
    fetched = lab.fetched()
    lab.juju("fault", "internet-down")
    try:
        yield lab
    finally:
        lab.juju("heal", "--all")
        lab.juju("model-config", "-m", f"{LAB}:controller", "--reset", "agent-metadata-url,https-proxy,http-proxy")
        lab.juju("model-config", "-m", f"{LAB}:default", "--reset", "agent-metadata-url,https-proxy,http-proxy")
        lab.juju("controller-config", "allow-unsigned-metadata=false")
    assert lab.juju("faults").stdout == ""
    assert fetched.keys() <= lab.fetched().keys()


def internet_fetches(lab: Lab, version: str) -> int:
    return lab.fetched().get(f"juju-{version}-bionic-amd64.tgz", 0)


def upgrade(do: Transcript, lab: Lab, version: str) -> None:
    """The upgrade itself, controller first, and the proof."""
    do("upgrade-controller", "-c", LAB, "--agent-version", version, "--wait")
    do("upgrade-model", "-m", f"{LAB}:default", "--agent-version", version, "--wait")
    do("status", "-m", f"{LAB}:default")
    assert set(lab.versions("controller").values()) == {version}
    assert set(lab.versions().values()) == {version}


def refused(do: Transcript, version: str) -> None:
    said = do("upgrade-controller", "-c", LAB, "--agent-version", version, expect=1)
    # Up to 2.6 Juju says "binaries".
    assert "ERROR no matching agent " in said


@contextmanager
def server(lab: Lab, alias: str, image: str, networks: tuple[str, ...], *files: File) -> Iterator[Container]:
    """A further container of the lab, under a name that machines know."""
    with Engine() as engine:
        container = engine.ensure_started(
            ContainerSpec(
                name=names.container(LAB, alias),
                image=image,
                hostname=alias,
                labels=names.labels(LAB, names.STREAMS),
                networks=dict.fromkeys(networks, (alias,)),
                files=files,
                run={"init": True},
            )
        )
        try:
            yield container
        finally:
            container.remove(force=True, v=True)


def tree(directory: Path, top: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.add(directory, arcname=top)
    return buffer.getvalue()


def test_sync_from_a_directory(offline: Lab, tmp_path: Path) -> None:
    do = Transcript(offline, "sync")
    do("faults")
    refused(do, "2.6.5")
    directory = str(tmp_path / "sync-agent-binaries")
    do("sync-agent-binaries", "--agent-version", "2.6.5", "--local-dir", directory, "--public")
    before = internet_fetches(offline, "2.6.5")
    source = ("sync-agent-binaries", "-m", f"{LAB}:controller", "--version", "2.6", "--source", directory)
    assert "1 agent binaries to be copied" in do(*source, "--dry-run")
    said = do(*source)
    assert "copied 1 agent binaries" in said
    assert "0 agent binaries to be copied" in do(*source)
    upgrade(do, offline, "2.6.5")
    assert internet_fetches(offline, "2.6.5") == before
    do.save()


def test_a_mirror(offline: Lab, tmp_path: Path) -> None:
    do = Transcript(offline, "mirror")
    refused(do, "2.6.10")
    directory = tmp_path / "mirror"
    do("sync-agent-binaries", "--version", "2.6", "--all", "--local-dir", str(directory), "--public")
    before = internet_fetches(offline, "2.6.10")
    cert = secrets.load(offline.juju.data / "labs" / LAB, LAB).streams_cert
    tls = (File("/etc/jujulab/tls.crt", cert.certificate), File("/etc/jujulab/tls.key", cert.key))
    with server(offline, "mirror", image_tag("streams"), (names.network(LAB),), *tls) as mirror:
        mirror.put_archive("/srv/streams", tree(directory / "tools", "tools"))
        for model in ("controller", "default"):
            do("model-config", "-m", f"{LAB}:{model}", "agent-metadata-url=http://mirror/tools")
        # Not signed, so not believed, and the command says why nothing was found.
        assert "allow-unsigned-metadata=true" in do("streams")
        refused(do, "2.6.10")
        do("controller-config", "allow-unsigned-metadata=true")
        upgrade(do, offline, "2.6.10")
        # What the lab's own key has signed needs nobody's leave, wherever it lies.
        do("controller-config", "allow-unsigned-metadata=false")
        stream, _ = offline.container("streams").get_archive("/srv/streams/juju/tools")
        run(mirror, "mkdir /srv/streams/signed")
        mirror.put_archive("/srv/streams/signed", b"".join(stream))
        do("model-config", "-m", f"{LAB}:controller", "agent-metadata-url=http://mirror/signed/tools")
        upgrade(do, offline, "2.7.0")
    assert internet_fetches(offline, "2.6.10") == before
    do.save()


def test_a_proxy(offline: Lab, engine: DockerClient) -> None:
    do = Transcript(offline, "proxy")
    refused(do, "2.7.1")
    variables = ("http_proxy", "https_proxy", "no_proxy")
    proxies = {key: value for key, value in os.environ.items() if key.lower() in variables}
    engine.images.build(
        fileobj=io.BytesIO(PROXY_DOCKERFILE.encode()),
        tag=PROXY_IMAGE,
        buildargs=proxies | {"FROM": image_tag("base")},
        rm=True,
        forcerm=True,
    )
    conf = File("/etc/jujulab/tinyproxy.conf", PROXY_CONF, 0o644)
    with server(offline, "proxy", PROXY_IMAGE, (names.network(LAB), names.internet(LAB)), conf) as proxy:
        for model in ("controller", "default"):
            do("model-config", "-m", f"{LAB}:{model}", "https-proxy=http://proxy:3128")
        upgrade(do, offline, "2.7.1")
        log = proxy.logs().decode()
    assert "CONNECT streams.canonical.com:443" in log
    assert internet_fetches(offline, "2.7.1") == 1
    do.save()
