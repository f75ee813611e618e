"""A real controller for the tests: a process of its own on the loopback, with a CA and an internet of its own."""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import ipaddress
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from jujulab_core.errors import ConnectionLost
from jujulab_core.rpc import Client, connect
from jujulab_core.simplestreams import Item, documents, item_path
from jujulab_core.version import Binary
from jujulab_core.waiting import Deadline, wait_for

ADMIN_PASSWORD = "admin-secret"
ORCHESTRATOR_PASSWORD = "orchestrator-secret-0123456789"
MACHINE_PASSWORD = "machine-secret-0123456789"
MACHINE_NONCE = "machine-0:nonce"
START_SECONDS = 20


def make_certificates() -> tuple[str, str, str]:
    """A CA, and a certificate and key of a controller."""
    now = datetime.datetime.now(datetime.UTC)

    def build(subject: x509.Name, issuer: x509.Name, public: Any) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + datetime.timedelta(days=2))
        )

    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test CA")])
    usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
    ca = (
        build(ca_name, ca_name, ca_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(ca_key.public_key()), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    names = [x509.DNSName("localhost"), x509.DNSName("juju-apiserver")]
    names.append(x509.IPAddress(ipaddress.ip_address("127.0.0.1")))  # type: ignore[arg-type]
    leaf = (
        build(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "juju-apiserver")]), ca_name, key.public_key())
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    pem = serialization.Encoding.PEM
    return ca.public_bytes(pem).decode(), leaf.public_bytes(pem).decode(), private.decode()


class Streams:
    """The internet: signed simplestreams in a directory, served over HTTP; counts what is fetched."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.hits: list[str] = []
        self._items: dict[str, list[Item]] = {}
        self._gpg_home = directory.parent / "gpg"
        self._gpg_home.mkdir(mode=0o700)
        directory.mkdir()
        self._gpg(*("--quick-generate-key", "--passphrase", "", "lab streams <streams@lab.invalid>", "ed25519", "sign"))
        self.public_key = self._gpg("--armor", "--export").decode()
        hits = self.hits

        class Quiet(SimpleHTTPRequestHandler):
            def log_message(self, *_: object) -> None:
                pass

            def do_GET(self) -> None:
                hits.append(self.path)
                super().do_GET()

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(directory)))
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def publish(
        self, *versions: str, stream: str = "released", size: int = 10_000, archive: bytes | None = None
    ) -> None:
        """Puts binaries (``2.6.5-bionic-amd64``) on the internet."""
        for version in versions:
            binary = Binary.parse(version)
            content = archive or (version.encode() * (size // len(version) + 1))[:size]
            path = item_path(stream, binary)
            (self.directory / path).parent.mkdir(parents=True, exist_ok=True)
            (self.directory / path).write_bytes(content)
            item = Item(binary, path, len(content), hashlib.sha256(content).hexdigest())
            self._items.setdefault(stream, []).append(item)
        self.write_metadata()

    def write_metadata(self) -> None:
        for path, text in documents(self._items, datetime.datetime.now(datetime.UTC)).items():
            plain = self.directory / path
            plain.parent.mkdir(parents=True, exist_ok=True)
            if path.endswith("index2.json"):
                text = text.replace('.json"', '.sjson"')
            plain.write_text(text)
            self._gpg("--yes", "--output", str(plain.with_suffix(".sjson")), "--clear-sign", str(plain))

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)
        subprocess.run(["gpgconf", "--homedir", str(self._gpg_home), "--kill", "all"], check=False)

    def _gpg(self, *arguments: str) -> bytes:
        command = ["gpg", "--homedir", str(self._gpg_home), "--batch", "--quiet", "--pinentry-mode", "loopback"]
        return subprocess.run([*command, *arguments], check=True, capture_output=True).stdout


def free_port() -> int:
    with contextlib.closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Controller:
    """A controller's process; it can be killed and started again on the same state."""

    def __init__(
        self,
        directory: Path,
        streams: Streams | None = None,
        version: str = "2.6.4",
        series: str = "bionic",
    ) -> None:
        self.directory = directory
        self.version = version
        self.port = free_port()
        self.uuid, self.model = str(uuid.uuid4()), str(uuid.uuid4())
        self.ca, cert, key = make_certificates()
        self._process: subprocess.Popen[bytes] | None = None
        (directory / "data").mkdir(parents=True)
        params = {
            "controller-uuid": self.uuid,
            "controller-name": "aws",
            "controller-model-uuid": self.model,
            "cloud": "docker",
            "region": "test",
            "ca-cert": self.ca,
            "controller-cert": cert,
            "controller-key": key,
            "admin-password": ADMIN_PASSWORD,
            "orchestrator-password": ORCHESTRATOR_PASSWORD,
            "machine-password": MACHINE_PASSWORD,
            "machine-nonce": MACHINE_NONCE,
            "instance-id": "juju-1a2b3c-0",
            "host-key": "ssh-ed25519 AAAAcontroller",
            "series": series,
            "arch": "amd64",
            "agent-version": version,
            "agent-stream": "released",
            "api-endpoints": [f"127.0.0.1:{self.port}"],
            "streams-url": streams.url if streams else "http://127.0.0.1:9",
            "streams-key": streams.public_key if streams else "",
            "authorized-keys": "ssh-ed25519 AAAA jujulab",
        }
        (directory / "data" / "bootstrap-params").write_text(json.dumps(params))
        (directory / "data" / "bootstrap-tools.tar.gz").write_bytes(b"the first binary")

    @property
    def database(self) -> Path:
        return self.directory / "data" / "db" / "controller.db"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self, version: str | None = None) -> Controller:
        self.version = version or self.version
        with (self.directory / "stderr").open("ab") as stderr:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "jujulab_controller", "--data-dir", str(self.directory / "data")),
                    *("--log-dir", str(self.directory / "log"), "--agent-version", self.version),
                    *("--listen", f"127.0.0.1:{self.port}"),
                ],
                stderr=stderr,
            )
        self.admin().close()
        return self

    def kill(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(10)

    def wait(self) -> int:
        """Waits until the process has ended by itself."""
        assert self._process is not None
        return self._process.wait(20)

    def stop(self) -> int:
        if self._process is None or self._process.poll() is not None:
            return 0
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(20)

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def resident(self) -> int:
        """Bytes of memory that the process has."""
        assert self._process is not None
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) * 1024

    def log(self) -> str:
        return (self.directory / "stderr").read_text()

    def connect(self, model: str | None = None) -> Client:
        def probe() -> tuple[Client | None, str]:
            assert self._process is not None
            if self._process.poll() is not None:
                raise AssertionError(f"the controller ended: {self.log()}")
            try:
                return connect([f"127.0.0.1:{self.port}"], self.ca, model=model), ""
            except ConnectionLost as error:
                return None, str(error)

        return wait_for(probe, Deadline(START_SECONDS), 0.05)

    def admin(self, model: str | None = None) -> Client:
        return self.user("admin", ADMIN_PASSWORD, model)

    def user(self, name: str, password: str, model: str | None = None) -> Client:
        client = self.connect(model)
        client.log_in(f"user-{name}", password)
        return client

    def orchestrator(self) -> Client:
        client = self.connect()
        client.log_in("orchestrator-0", ORCHESTRATOR_PASSWORD)
        return client

    def machine_zero(self) -> Client:
        client = self.connect(self.model)
        client.log_in("machine-0", MACHINE_PASSWORD, nonce=MACHINE_NONCE)
        return client


class Machine:
    """A machine's agent, as far as the controller can tell."""

    def __init__(self, controller: Controller, model: str, machine_id: str) -> None:
        self.controller, self.model, self.id = controller, model, machine_id
        self.tag = f"machine-{machine_id}"
        with controller.admin() as admin:
            self.seed = admin.call(
                "LabProvisioner",
                "Provision",
                {
                    "model-uuid": model,
                    "id": machine_id,
                    "instance-id": f"juju-{model[-6:]}-{machine_id}",
                    "host-key": f"ssh-ed25519 AAAA{machine_id}",
                },
            )
        self.client = self.log_in()

    def log_in(self) -> Client:
        conf = self.seed["agent-conf"]
        client = self.controller.connect(self.model)
        client.log_in(self.tag, conf["apipassword"], nonce=conf["nonce"])
        return client

    def report(self, version: str, status: str = "started") -> None:
        tools = {"agent-tools": [{"tag": self.tag, "tools": {"version": version}}]}
        assert self.client.call("Upgrader", "SetTools", tools) == {"results": [{}]}
        entity = {"entities": [{"tag": self.tag, "status": status, "info": "", "data": {}}]}
        assert self.client.call("Machiner", "SetStatus", entity) == {"results": [{}]}

    def unit(self, tag: str) -> Client:
        password = f"{tag}-password-0123456789"
        changes = {"changes": [{"tag": tag, "password": password}]}
        assert self.client.call("Deployer", "SetPasswords", changes) == {"results": [{}]}
        client = self.controller.connect(self.model)
        client.log_in(tag, password)
        return client


@contextlib.contextmanager
def running(
    directory: Path, streams: Streams | None = None, version: str = "2.6.4", series: str = "bionic"
) -> Iterator[Controller]:
    """A controller that is started, and stopped again at the end."""
    os.umask(0o022)
    controller = Controller(directory, streams, version, series)
    try:
        yield controller.start()
    finally:
        controller.stop()


def add_model(admin: Client, name: str = "default", **config: str) -> str:
    answer = admin.call(
        "ModelManager",
        "CreateModel",
        {"name": name, "owner-tag": "user-admin", "cloud-tag": "cloud-docker", "config": config},
    )
    return str(answer["uuid"])
