"""The pure parts of a lab: filling a model, readiness, keys, certificates, names."""

from __future__ import annotations

import dataclasses
import datetime
import io
import ssl
import tarfile
from pathlib import Path

import pytest
from cryptography import x509

from jujulab.lab import fill, lifecycle, machines, names, pki, provision, ready, secrets
from jujulab.lab.engine import File, archive
from jujulab.lab.labspec import ApplicationSpec, ModelSpec
from jujulab_core import agentconf
from jujulab_core.errors import JujulabError, UsageError
from jujulab_core.version import Number

VERSION = Number.parse("2.6.4")


def spec(machines: int, *applications: ApplicationSpec) -> ModelSpec:
    return ModelSpec("default", VERSION, machines, "bionic", applications)


def status(machine_ids: list[str], **applications: object) -> dict[str, object]:
    return {"machines": {key: {} for key in machine_ids}, "applications": applications}


def test_an_empty_model_gets_all_its_machines() -> None:
    added, _ = fill.missing(status([]), spec(2))
    assert added == [{"series": "bionic", "jobs": ["JobHostUnits"]}] * 2


def test_a_model_that_has_machines_grows_only_where_somebody_asked_for_it() -> None:
    usual = dataclasses.replace(spec(3), keeps_machines=True)
    assert len(fill.missing(status([]), usual)[0]) == 3
    assert fill.missing(status(["0", "1"]), usual) == ([], [])


def test_units_go_round_the_machines_application_after_application() -> None:
    _, calls = fill.missing(status(["0", "1", "10", "2"]), spec(4, ApplicationSpec("a", 3), ApplicationSpec("b", 2)))
    placed = [
        [entry["directive"] for entry in call.params["applications"][0]["placement"]]
        for call in calls
        if call.method == "Deploy"
    ]
    assert placed == [["0", "1", "2"], ["10", "0"]]


def test_only_what_is_missing_is_added() -> None:
    there = {"units": {"a/0": {}}, "subordinate-to": []}
    added, calls = fill.missing(status(["0", "1"], a=there), spec(2, ApplicationSpec("a", 2, ("nrpe",))))
    assert added == []
    assert [(call.method, call.params.get("num-units")) for call in calls] == [
        ("AddUnits", 1),
        ("Deploy", None),
        ("AddRelation", None),
    ]
    complete = {"units": {"a/0": {}, "a/1": {}}}
    related = {"subordinate-to": ["a"]}
    assert fill.missing(status(["0", "1"], a=complete, nrpe=related), spec(2, ApplicationSpec("a", 2, ("nrpe",)))) == (
        [],
        [],
    )


def test_not_ready_names_every_agent_that_is_late() -> None:
    up = {"agent-status": {"status": "idle", "version": "2.6.4"}}
    tree = {
        "machines": {
            "0": {"agent-status": {"status": "started", "version": "2.6.4"}},
            "1": {"agent-status": {"status": "pending", "version": ""}},
        },
        "applications": {
            "a": {"units": {"a/0": {**up, "subordinates": {"nrpe/0": {"agent-status": {"status": "allocating"}}}}}},
            "b": {"units": {"b/0": up}},
        },
    }
    assert list(ready.not_ready(tree)) == ["machine 1", "unit nrpe/0"]


def test_the_certificates_satisfy_a_strict_verifier() -> None:
    now = datetime.datetime.now(datetime.UTC)
    ca = pki.make_ca("x", now)
    for pair, name in ((pki.make_controller_cert(ca, now), "juju-apiserver"), (pki.make_streams_cert(ca, now), None)):
        leaf = x509.load_pem_x509_certificate(pair.certificate.encode())
        leaf.verify_directly_issued_by(x509.load_pem_x509_certificate(ca.certificate.encode()))
        assert leaf.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier)
        sans = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        assert name is None or name in sans.get_values_for_type(x509.DNSName)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    context.load_verify_locations(cadata=ca.certificate)


def test_secrets_are_made_once_and_are_for_their_owner_only(tmp_path: Path) -> None:
    made = secrets.load_or_make(tmp_path, "x")
    assert secrets.load_or_make(tmp_path, "x") == made
    for path in ("secrets.json", "ssh/id_ed25519"):
        assert (tmp_path / path).stat().st_mode & 0o777 == 0o600
    (tmp_path / "secrets.json").write_text("{}")
    with pytest.raises(JujulabError, match="cannot read the secrets") as caught:
        secrets.load(tmp_path, "x")
    assert caught.value.next_step is not None


def test_host_keys_replace_older_ones_of_the_same_name(tmp_path: Path) -> None:
    path = tmp_path / "known_hosts"
    provision.pin_host_keys(path, {"a": "ssh-ed25519 AAA c", "b": "ssh-ed25519 BBB c"})
    provision.pin_host_keys(path, {"a": "ssh-ed25519 CCC c"})
    assert path.read_text() == "b ssh-ed25519 BBB\na ssh-ed25519 CCC\n"


def test_the_seed_holds_what_the_first_boot_needs() -> None:
    key = pki.make_ssh_key("x")
    files = machines.first_boot(
        agent_conf={"tag": "machine-7", "apiaddresses": ["controller:17070"]},
        binary="2.6.4-bionic-amd64",
        sha256="ab",
        size=12,
        urls=["https://a/x y", "https://b"],
        ca_cert="PEM\n",
        host_key=key,
        authorized_key=key.public,
    )
    by_path = {file.path: file for file in files}
    env = by_path[f"{machines.SEED_DIR}/install.env"].text
    assert "MACHINE_ID=7\n" in env
    assert "URLS='https://a/x y https://b'\n" in env
    assert agentconf.load(by_path[f"{machines.SEED_DIR}/agent.conf"].text)["tag"] == "machine-7"
    with tarfile.open(fileobj=io.BytesIO(archive(files))) as tar:
        assert {info.name: info.mode for info in tar}["etc/ssh/ssh_host_ed25519_key"] == 0o600


def test_an_archive_keeps_owners_and_modes() -> None:
    with tarfile.open(fileobj=io.BytesIO(archive([File("/a/b", "x", 0o640, 1000)]))) as tar:
        (info,) = tar.getmembers()
    assert (info.name, info.mode, info.uid, info.gid) == ("a/b", 0o640, 1000, 1000)


def test_names() -> None:
    assert names.instance_id("11111111-2222-3333-4444-5555551a2b3c", "4") == "juju-1a2b3c-4"
    with pytest.raises(UsageError):
        names.check_name("-x")


@pytest.mark.parametrize(
    ("wanted", "mine", "there", "meant"),
    [
        (None, ["a"], ["a"], "a"),
        (None, ["a"], ["a", "another's"], "a"),
        (None, ["cut-short"], [], "cut-short"),
        ("b", ["a", "b"], ["a", "b"], "b"),
        ("another's", ["a"], ["a", "another's"], "another's"),
    ],
)
def test_a_command_means_the_lab_named_or_ones_only_one(
    wanted: str | None, mine: list[str], there: list[str], meant: str
) -> None:
    assert lifecycle.pick(wanted, mine, there) == meant


@pytest.mark.parametrize(
    ("wanted", "mine", "there", "said"),
    [
        (None, [], [], "there is no lab"),
        (None, ["b", "a"], ["a"], "there are several labs: a, b"),
        (None, [], ["another's"], "there is no lab of this client store, only another's"),
        ("c", ["a"], ["b"], 'there is no lab "c"'),
    ],
)
def test_no_lab_is_guessed(wanted: str | None, mine: list[str], there: list[str], said: str) -> None:
    with pytest.raises(UsageError) as refused:
        lifecycle.pick(wanted, mine, there)
    assert str(refused.value) == said
    assert refused.value.next_step
