"""What may be published, and what is said of it."""

from __future__ import annotations

import contextlib
from types import SimpleNamespace
from typing import Any

import pytest

from jujulab.cli import main
from jujulab.lab.engine import Engine
from jujulab_core import publishing
from jujulab_core.errors import JujulabError, UsageError
from jujulab_core.version import Number


@pytest.mark.parametrize("text", [*(kind for kind in publishing.DEFECTS if kind != "crash-after"), "crash-after=30"])
def test_defects_there_are(text: str) -> None:
    publishing.check_defect(text)


@pytest.mark.parametrize("text", ["", "crash", "crash-after", "crash-after=", "crash-after=x", "never-ready=1"])
def test_defects_there_are_not(text: str) -> None:
    with pytest.raises(UsageError):
        publishing.check_defect(text)


def test_names_that_nobody_knows() -> None:
    publishing.check_arches(publishing.ARCHES)
    publishing.check_series(["bionic", "xenial"])
    publishing.check_numbers([Number.parse("2.6.4")])
    with pytest.raises(UsageError, match='unknown arch "vax"'):
        publishing.check_arches(["amd64", "vax"])
    with pytest.raises(UsageError, match='unknown series "warty"'):
        publishing.check_series(["warty"])
    with pytest.raises(UsageError, match="stands for none"):
        publishing.check_numbers([Number(0, 0, 0)])


@pytest.mark.parametrize(
    ("line", "error"),
    [
        (
            "publish 2.6.11 --defect bogus",
            'ERROR unknown defect "bogus"\nNext: use one of crash-on-start, ',
        ),
        ("publish 2.6.11 --series warty", 'ERROR unknown series "warty"\nNext: use one of '),
        ("publish 2.6.11 --arch vax", 'ERROR unknown arch "vax"\nNext: use one of amd64, '),
        ("publish 2.x", 'ERROR invalid version "2.x"'),
        ("publish 0.0.0", "ERROR version 0.0.0 stands for none"),
    ],
)
def test_what_is_wrong_is_refused_before_anything_is_built(
    line: str, error: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.run(line.split()) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(error)


class Container:
    name = "jujulab-demo-streams"

    def __init__(self, code: int, said: str) -> None:
        self._answer = (code, (b"", said.encode()))

    def exec_run(self, command: list[str], demux: bool) -> tuple[int, tuple[bytes, bytes]]:
        return self._answer


@pytest.mark.parametrize(
    ("code", "said", "kind", "message", "step"),
    [
        (2, 'ERROR unknown defect "x"\nNext: use one of y\n', UsageError, 'unknown defect "x"', "use one of y"),
        (1, "ERROR the streams have no signing key\n", JujulabError, "the streams have no signing key", None),
        (2, "sh: 1: Syntax error\n", JujulabError, "sh: 1: Syntax error", None),
        (1, "one\ntwo\n", JujulabError, "two", None),
        (7, "", JujulabError, "exit code 7", None),
    ],
)
def test_what_a_program_in_a_container_says_is_passed_on(
    code: int, said: str, kind: type[JujulabError], message: str, step: str | None
) -> None:
    engine = object.__new__(Engine)
    with pytest.raises(JujulabError) as failed:
        engine.run_in(Container(code, said), ["true"])  # type: ignore[arg-type]
    assert (type(failed.value), str(failed.value), failed.value.next_step) == (kind, message, step)


def test_what_was_published_is_told_and_so_is_what_the_controller_has_of_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Client:
        def call(self, facade: str, method: str) -> dict[str, Any]:
            assert (facade, method) == ("LabProvisioner", "Binaries")
            return {
                "binaries": [
                    {"version": "2.6.10-bionic-amd64", "sha256": "aa"},
                    {"version": "2.6.11-bionic-amd64", "sha256": "old"},
                ]
            }

    published = [
        {"binary": f"{version}-bionic-amd64", "stream": "released", "path": "p", "size": size, "sha256": sha256}
        for version, size, sha256 in (("2.6.10", 900, "aa"), ("2.6.11", 1000, "bb"), ("2.6.12", 1000, "cc"))
    ]
    session = contextlib.nullcontext(SimpleNamespace(client=Client()))
    monkeypatch.setattr("jujulab.lab.engine.Engine", contextlib.nullcontext)
    monkeypatch.setattr("jujulab.lab.provision.lab_of", lambda engine, name: "demo")
    monkeypatch.setattr("jujulab.lab.publish.publish", lambda *_, **__: published)
    monkeypatch.setattr("jujulab.session.controller_name", lambda name: "aws")
    monkeypatch.setattr("jujulab.session.connect_controller", lambda name: session)
    assert main.run(["publish", "2.6.10", "2.6.11", "2.6.12"]) == 0
    captured = capsys.readouterr()
    assert captured.out == (
        "Stream    Binary               Size  SHA-256\n"
        "released  2.6.10-bionic-amd64   900  aa\n"
        "released  2.6.11-bionic-amd64  1000  bb\n"
        "released  2.6.12-bionic-amd64  1000  cc\n"
    )
    assert captured.err.partition("\n")[2] == (
        "WARNING the controller has fetched another 2.6.11-bionic-amd64 before and goes on serving that one\n"
        "Next: publish the change as another version\n"
    )
