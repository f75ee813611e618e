"""The builder: the same bytes every time, and indices that hold what they promise."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jujulab_agent.builder.cli import main
from jujulab_agent.builder.jujud import build_jujud
from jujulab_agent.builder.tarball import build_tarball
from jujulab_core.errors import UsageError
from jujulab_core.simplestreams import INDEX_PATH, parse_index, parse_products
from jujulab_core.version import Number

VERSION = Number.parse("2.6.10")


@pytest.fixture(scope="module")
def root() -> Iterator[Path]:
    # GnuPG's sockets do not fit below a long path.
    with tempfile.TemporaryDirectory(prefix="jl") as directory:
        yield Path(directory)


@pytest.fixture(scope="module")
def keyed(root: Path) -> Path:
    assert main(["--root", str(root), "init", "--url", "https://streams.canonical.com/juju/tools"]) == 0
    return root


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    capsys.readouterr()
    assert main(list(arguments)) == 0, capsys.readouterr().err
    return json.loads(capsys.readouterr().out)


def test_the_same_input_gives_the_same_bytes() -> None:
    program = (
        "import hashlib; from jujulab_agent.builder.jujud import build_jujud; "
        "from jujulab_agent.builder.tarball import build_tarball; from jujulab_core.version import Number; "
        "print(hashlib.sha256(build_tarball(build_jujud(Number(2, 6, 10)), 300000)).hexdigest())"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", program], env={"PYTHONHASHSEED": seed}, capture_output=True, check=True, text=True
        ).stdout
        for seed in ("1", "2", "3")
    }
    own = hashlib.sha256(build_tarball(build_jujud(VERSION), 300_000)).hexdigest()
    assert digests == {own + "\n"}


def test_the_version_is_in_the_code(tmp_path: Path) -> None:
    directory = tmp_path / "0.0.1-bionic-arm64"
    directory.mkdir()
    with tarfile.open(fileobj=io.BytesIO(build_tarball(build_jujud(VERSION)))) as packed:
        assert packed.getnames() == ["jujud"]
        packed.extractall(directory, filter="fully_trusted")
    jujud = str(directory / "jujud")

    def version(*command: str) -> str:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    assert version(jujud, "version") == "2.6.10-bionic-arm64"
    (directory / "FORCE-VERSION").write_text("2.7.1\n")
    assert version(jujud, "version") == "2.7.1-bionic-arm64"
    assert "Usage: jujud COMMAND" in version(jujud)
    for arguments, said in (
        (["nonsense"], "ERROR unrecognized command: jujud nonsense"),
        (["machine", "--machine-id", "x"], "ERROR --machine-id option must be set to a non-negative integer"),
        (["unit", "--unit-name"], "ERROR option needs an argument: --unit-name"),
        (["unit", "--machine-id", "0"], "ERROR option provided but not defined: --machine-id"),
    ):
        done = subprocess.run([jujud, *arguments], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr.startswith(said)) == (2, True), done.stderr


@pytest.mark.parametrize("size", [200_000, 5_000_000])
def test_a_size_is_kept_about(size: int) -> None:
    content = build_tarball(build_jujud(VERSION), size)
    assert abs(len(content) - size) < size // 100 + 1024
    with tarfile.open(fileobj=io.BytesIO(content)) as packed:
        assert {member.name: member.mode for member in packed} == {"ballast": 0o644, "jujud": 0o755}


def test_a_size_that_cannot_be_kept_is_refused() -> None:
    with pytest.raises(UsageError, match="size 10 is out of range"):
        build_tarball(build_jujud(VERSION), 10)


def test_nothing_is_published_without_a_key(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--root", str(tmp_path), "publish", "2.6.10"]) == 1
    assert "ERROR the streams have no signing key\nNext: run jujulab-publish init" in capsys.readouterr().err
    assert run(capsys, "--root", str(tmp_path), "list") == {"published": []}


def test_what_is_published_is_signed_and_merged(keyed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = ("--root", str(keyed))
    key = run(capsys, *root, "init", "--url", "https://streams.canonical.com/juju/tools")["public-key"]
    assert "BEGIN PGP PUBLIC KEY BLOCK" in key
    first = run(capsys, *root, "publish", "2.6.10", "2.6.4", "--series", "bionic,focal", "--arch", "amd64")
    assert [entry["binary"] for entry in first["published"]] == [
        "2.6.4-bionic-amd64",
        "2.6.4-focal-amd64",
        "2.6.10-bionic-amd64",
        "2.6.10-focal-amd64",
    ]
    run(capsys, *root, "publish", "2.9.1", "--arch", "amd64,arm64")
    run(capsys, *root, "publish", "2.8.0", "--stream", "proposed", "--arch", "amd64", "--defect", "never-ready")
    # Published again, with something wrong: replaced, not added.
    run(capsys, *root, "publish", "2.6.10", "--arch", "amd64", "--defect", "crash-on-start")

    listed = run(capsys, *root, "list")["published"]
    assert [(entry["stream"], entry["binary"]) for entry in listed] == [
        ("proposed", "2.8.0-bionic-amd64"),
        ("released", "2.6.4-bionic-amd64"),
        ("released", "2.6.4-focal-amd64"),
        ("released", "2.6.10-bionic-amd64"),
        ("released", "2.6.10-focal-amd64"),
        ("released", "2.9.1-ubuntu-amd64"),
        ("released", "2.9.1-ubuntu-arm64"),
    ]
    tools = keyed / "juju" / "tools"
    for entry in listed:
        content = (tools / entry["path"]).read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (entry["size"], entry["sha256"])

    home = keyed / "verify"
    home.mkdir(mode=0o700)
    ring = home / "ring.gpg"
    gpg = ["gpg", "--homedir", str(home), "--batch", "--quiet", "--no-autostart"]
    subprocess.run([*gpg, "--output", str(ring), "--dearmor"], input=key.encode(), check=True)

    def signed(path: Path) -> bytes:
        command = ["gpgv", "--quiet", "--keyring", str(ring), "--output", "-", str(path)]
        return subprocess.run(command, check=True, capture_output=True).stdout

    names = set()
    for entry in parse_index(signed(tools / "streams/v1/index2.sjson")).entries:
        assert entry.path.endswith(".sjson")
        names |= {
            (entry.stream, str(item.binary)) for item in parse_products(signed(tools / entry.path), entry.content_id)
        }
    assert names == {(entry["stream"], entry["binary"]) for entry in listed}
    assert all(entry.path.endswith(".json") for entry in parse_index((tools / INDEX_PATH).read_bytes()).entries)


def test_streams_share_tarballs_from_2_9_on(keyed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = ("--root", str(keyed))
    run(capsys, *root, "publish", "2.9.2", "--stream", "devel", "--arch", "amd64")
    (again,) = run(capsys, *root, "publish", "2.9.2", "--stream", "testing", "--arch", "amd64", "--size", "200000")[
        "published"
    ]
    listed = run(capsys, *root, "list")["published"]
    assert {entry["sha256"] for entry in listed if entry["binary"] == "2.9.2-ubuntu-amd64"} == {again["sha256"]}


def test_publishers_do_not_get_in_each_others_way(keyed: Path) -> None:
    command = [sys.executable, "-m", "jujulab_agent.builder", "--root", str(keyed), "publish", "--arch", "amd64"]
    running = [subprocess.Popen([*command, f"2.5.{patch}"], stdout=subprocess.DEVNULL) for patch in range(3)]
    assert [process.wait(60) for process in running] == [0, 0, 0]
    entries = parse_index((keyed / "juju/tools" / INDEX_PATH).read_bytes()).entries
    (path,) = [entry for entry in entries if entry.content_id == "com.ubuntu.juju:released:tools"]
    items = parse_products((keyed / "juju/tools" / path.path).read_bytes(), path.content_id)
    assert {"2.5.0", "2.5.1", "2.5.2"} <= {str(item.binary.number) for item in items}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["publish", "4"], 'invalid version "4"'),
        (["publish", "0.0.0"], "version 0.0.0 stands for none"),
        (["publish", "2.6.4", "--series", "warty"], 'unknown series "warty"'),
        (["publish", "2.6.4", "--series", "bionic,"], "is not a comma-separated list of series"),
        (["publish", "2.6.4", "--arch", "z80"], 'unknown arch "z80"'),
        (["publish", "2.6.4", "--stream", "../x"], 'invalid stream "../x"'),
        (["publish", "2.6.4", "--defect", "x"], 'unknown defect "x"'),
        (["publish", "2.6.4", "--size", "x"], "invalid int value: 'x'"),
        (["publish"], "give either versions or --all"),
        (["nonsense"], "invalid choice: 'nonsense'"),
    ],
)
def test_bad_usage_changes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert main(["--root", str(tmp_path), *arguments]) == 2
    error = capsys.readouterr().err
    assert error.startswith("ERROR ")
    assert said in error
    assert not list(tmp_path.iterdir())
