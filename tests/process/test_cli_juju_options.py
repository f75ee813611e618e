"""The commands and options by which scripts for Juju drive a lab, against a real controller's process."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.controller_process import Streams
from tests.support.live_lab import Lab, live


@pytest.fixture(scope="module")
def streams(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Streams]:
    made = Streams(tmp_path_factory.mktemp("internet") / "www")
    made.publish("3.6.4-ubuntu-amd64")
    yield made
    made.close()


@pytest.fixture
def lab(
    streams: Streams, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Lab]:
    with live(streams, tmp_path, monkeypatch, capsys, "3.6.4") as made:
        made.ok("add-model default")
        yield made


def units(lab: Lab, application: str) -> list[str]:
    status = json.loads(lab.ok("status --format json"))
    return sorted(status["applications"][application].get("units", {}))


def test_options_that_mean_nothing_in_a_lab_are_taken(lab: Lab) -> None:
    ignored = "--attach-storage data/0 --bind alpha --overlay o.yaml --resource a=b --resource c=d --storage data=1G"
    lab.ok(f"deploy ubuntu {ignored} --trust")
    lab.ok("add-unit ubuntu --attach-storage data/0 --to 0")
    lab.ok("deploy haproxy -n 0")
    lab.ok("integrate ubuntu haproxy --via 10.0.0.0/8,10.1.0.0/16")
    for line in ("ssh --container charm ubuntu/9 true", "scp --container charm ubuntu/9:/tmp/x ."):
        assert "option provided but not defined" not in lab.run(line).err


def test_options_that_choose(lab: Lab) -> None:
    lab.ok("add-machine --base ubuntu@20.04")
    assert lab.run("add-machine --base ubuntu@1.04").err == 'ERROR base "ubuntu@1.04" not valid (bad request)\n'
    lab.ok("deploy ubuntu --base ubuntu@20.04 --revision 24 --channel latest/edge -n 3 --to 0,0,0")
    status = json.loads(lab.ok("status --format json"))
    assert status["machines"]["0"]["base"]["channel"] == "20.04"
    app = status["applications"]["ubuntu"]
    assert (app["charm-rev"], app["charm-channel"]) == (24, "latest/edge")
    assert lab.run("remove-unit ubuntu --num-units 2 --no-prompt").err == (
        "removing unit ubuntu/2\nremoving unit ubuntu/1\n"
    )
    assert units(lab, "ubuntu") == ["ubuntu/0"]
    for line, words in (
        ("ubuntu --num-units 2", 'cannot remove 2 units of "ubuntu": it has 1'),
        ("nothing --num-units 1", 'application "nothing" not found'),
        ("ubuntu/0 --num-units 1", "--num-units is about one application"),
        ("ubuntu", 'invalid unit name "ubuntu"'),
    ):
        assert words in lab.run(f"remove-unit {line}").err
    assert units(lab, "ubuntu") == ["ubuntu/0"]


def test_a_relation_goes_with_the_units_of_its_subordinate(lab: Lab) -> None:
    lab.ok("deploy ubuntu")
    # A lab file makes subordinates; to the command line every charm is a principal.
    with lab.controller.admin() as admin:
        listed = admin.call("ModelManager", "ListModels", {"tag": "user-admin"})["user-models"]
    (uuid,) = (entry["model"]["uuid"] for entry in listed if entry["model"]["name"] == "default")
    with lab.controller.admin(uuid) as client:
        for name in ("nrpe", "other"):
            wanted = {"application": name, "charm-url": name, "subordinate": True}
            assert client.call("Application", "Deploy", {"applications": [wanted]}) == {"results": [{}]}
    lab.ok("integrate ubuntu nrpe")
    lab.ok("integrate ubuntu other")
    assert set(json.loads(lab.ok("show-unit nrpe/0 other/0 --format json"))) == {"nrpe/0", "other/0"}
    lab.ok("remove-relation nrpe ubuntu --force")
    assert lab.run("show-unit nrpe/0").err == 'ERROR unit "nrpe/0" not found (not found)\n'
    lab.ok("show-unit other/0 ubuntu/0")
    assert lab.run("remove-relation nrpe ubuntu").err == 'ERROR relation "nrpe ubuntu" not found (not found)\n'
    assert lab.run("remove-relation nrpe none").err == 'ERROR application "none" not found (not found)\n'


def test_what_is_shown_of_a_unit(lab: Lab) -> None:
    lab.ok("deploy ubuntu -n 2")
    tree = json.loads(lab.ok("show-unit ubuntu/0 ubuntu/1 --format json"))
    assert [unit.pop("leader") for unit in tree.values()] == [True, False]
    assert tree["ubuntu/1"] == {
        "workload-version": "22.04",
        "machine": "1",
        "opened-ports": ["8080/tcp"],
        "charm": "ch:amd64/jammy/ubuntu-1",
        "life": "alive",
    }
    assert lab.ok("show-unit ubuntu/0").startswith("ubuntu/0:\n")
    assert lab.run("show-unit ubuntu").err.startswith('ERROR unit name "ubuntu" not valid\n')
    assert lab.run("show-unit").code == 2


def test_commands_that_do_nothing_say_so_and_know_what_there_is(lab: Lab) -> None:
    lab.ok("deploy ubuntu")
    assert lab.run("trust ubuntu --scope cluster") == (0, "", "")
    assert lab.run("refresh ubuntu --channel edge --revision 3 --config a=b --resource x=y --storage d=1G --trust") == (
        0,
        "",
        '"ubuntu" stays at charm "ch:amd64/jammy/ubuntu-1": a lab has no charm store to refresh it from\n',
    )
    for line in ("trust none", "refresh none"):
        assert lab.run(line).err == 'ERROR application "none" not found (not found)\n'
