"""The data tree and the texts of ``status``."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from jujulab.cli.output import to_json
from jujulab.status import charms, text
from jujulab.status.times import TimeForm, ago
from jujulab.status.tree import Shape, build, natural, relation_rows

DATA = Path(__file__).parent / "data"
LOCAL = TimeForm(zone=timezone(timedelta(hours=2)))
JUJU_2_6 = Shape((2, 6), LOCAL)
JUJU_3 = Shape((3, 6), TimeForm(iso=True))


def load(name: str) -> Any:
    return json.loads((DATA / name).read_text())


@pytest.fixture
def upgrading() -> Any:
    return load("status_upgrading.json")


@pytest.fixture
def subordinates() -> Any:
    return load("status_subordinates.json")


def test_the_example_of_the_specification_is_reproduced_with_its_order(upgrading: Any) -> None:
    tree = build(upgrading["wire"], "k1", JUJU_2_6)
    assert to_json(tree) == to_json(upgrading["tree"])


def test_tabular(upgrading: Any) -> None:
    tree = build(upgrading["wire"], "k1", JUJU_2_6)
    assert plain(text.tabular(tree, JUJU_2_6)) == (DATA / "status_upgrading.txt").read_text().rstrip("\n")


def test_an_idle_model_with_an_update_known_is_shown_as_in_the_specification(upgrading: Any) -> None:
    wire = upgrading["wire"]
    del wire["machines"]["1"], wire["applications"]["ubuntu"]["units"]["ubuntu/1"]
    wire["model"] |= {"version": "2.6.3", "available-version": "2.6.5"}
    wire["controller-timestamp"] = "2019-06-04T13:04:05Z"
    shown = text.tabular(build(wire, "k1", JUJU_2_6), JUJU_2_6)
    assert plain(shown) == (DATA / "status_idle.txt").read_text().rstrip("\n")


def plain(shown: str) -> str:
    import click

    return click.unstyle(shown)


def test_subordinates_are_indented_and_counted(subordinates: Any) -> None:
    shown = plain(text.tabular(build(subordinates, "k1", JUJU_2_6), JUJU_2_6)).split("\n")
    assert any(line.startswith("postgresql/0*  active") for line in shown)
    assert any(line.startswith("  nrpe/0       active") for line in shown)
    assert any(line.split()[:4] == ["nrpe", "14.9", "active", "1"] for line in shown)


def test_relations(subordinates: Any) -> None:
    rows = relation_rows(subordinates)
    assert rows == [
        ("postgresql:database-peers", "postgresql:database-peers", "postgresql_peers", "peer", ""),
    ]
    shown = plain(text.tabular(build(subordinates, "k1", JUJU_2_6), JUJU_2_6, rows))
    assert "Relation provider          Requirer                   Interface         Type  Message" in shown


@pytest.mark.parametrize(
    ("shape", "relations", "platform"),
    [
        (JUJU_2_6, ["postgresql"], {"series": "jammy"}),
        (
            JUJU_3,
            [{"related-application": "postgresql", "interface": "postgresql_peers", "scope": "global"}],
            {"base": {"name": "ubuntu", "channel": "22.04"}},
        ),
    ],
)
def test_the_shape_follows_the_client(subordinates: Any, shape: Shape, relations: Any, platform: Any) -> None:
    tree = build(subordinates, "k1", shape)
    assert tree["applications"]["postgresql"]["relations"] == {"database-peers": relations}
    assert platform.items() <= tree["machines"]["0"].items()


@pytest.mark.parametrize(
    ("client", "storage", "shown"), [((2, 8), False, False), ((2, 8), True, True), ((2, 9), False, True)]
)
def test_storage_is_shown_before_the_time_where_juju_shows_it(
    subordinates: Any, client: tuple[int, int], storage: bool, shown: bool
) -> None:
    tree = build(subordinates | {"controller-timestamp": "2019-06-04T10:11:12Z"}, "k1", Shape(client), storage=storage)
    assert list(tree)[3:] == [*(["storage"] if shown else []), "controller"]
    assert tree.get("storage", {}) == {}


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("ch:amd64/jammy/nrpe-42", "nrpe"),
        ("cs:nrpe-42", "cs:nrpe-42"),
        ("local:jammy/nrpe-42", "local:jammy/nrpe-42"),
    ],
)
def test_only_a_charm_of_charmhub_is_shown_by_its_name(subordinates: Any, url: str, shown: str) -> None:
    subordinates["applications"]["nrpe"]["charm"] = url
    entry = build(subordinates, "k1", JUJU_3)["applications"]["nrpe"]
    assert (entry["charm"], entry["charm-name"], entry["charm-rev"]) == (shown, "nrpe", 42)


def test_oneline(subordinates: Any) -> None:
    assert text.oneline(build(subordinates, "k1", JUJU_2_6)).split("\n") == [
        "",
        "- postgresql/0: 10.0.0.10 (agent:idle, workload:active) 5432/tcp",
        "  - nrpe/0: 10.0.0.1 (agent:idle, workload:active) 5432/tcp",
        "- postgresql/1: 10.0.0.11 (agent:idle, workload:active) 5432/tcp",
    ]


def test_summary(upgrading: Any) -> None:
    lines = [
        line.split() for line in text.summary(build(upgrading["wire"], "k1", JUJU_2_6)).split("\n") if line.strip()
    ]
    assert lines == [
        ["Running", "on", "subnets:", "10.0.8.21/8,", "10.0.8.22/8"],
        ["Utilizing", "ports:"],
        ["#", "Machines:", "(2)"],
        ["down:", "1"],
        ["started:", "1"],
        ["#", "Units:", "(2)"],
        ["active:", "1"],
        ["unknown:", "1"],
        ["#", "Applications:", "(1)"],
        ["ubuntu", "1/2"],
        ["#", "Remote:", "(0)"],
    ]


def test_empty_model(upgrading: Any) -> None:
    wire = upgrading["wire"] | {"machines": {}, "applications": {}}
    tree = build(wire, "k1", JUJU_2_6)
    assert text.is_empty(tree)
    assert tree["machines"] == {}
    assert tree["applications"] == {}
    assert "\n\n" not in text.tabular(tree, JUJU_2_6)


@pytest.mark.parametrize(
    ("wants", "has", "shown"),
    [(True, True, "has-vote"), (True, False, "adding-vote"), (False, True, "removing-vote"), (False, False, "no-vote")],
)
def test_votes_of_controllers(upgrading: Any, wants: bool, has: bool, shown: str) -> None:
    wire = upgrading["wire"]
    wire["machines"]["0"] |= {"jobs": ["JobManageModel"], "wants-vote": wants, "has-vote": has}
    assert build(wire, "k1", JUJU_2_6)["machines"]["0"]["controller-member-status"] == shown


@pytest.mark.parametrize(
    ("form", "since", "timestamp"),
    [
        (LOCAL, "04 Jun 2019 10:11:12+02:00", "10:11:12+02:00"),
        (TimeForm(zone=UTC), "04 Jun 2019 08:11:12Z", "08:11:12Z"),
        (TimeForm(iso=True), "2019-06-04 08:11:12Z", "08:11:12"),
        (TimeForm.choose(True, {}), "2019-06-04 08:11:12Z", "08:11:12"),
        (TimeForm.choose(False, {"JUJU_STATUS_ISO_TIME": "true"}), "2019-06-04 08:11:12Z", "08:11:12"),
    ],
)
def test_times(form: TimeForm, since: str, timestamp: str) -> None:
    assert form.since("2019-06-04T08:11:12.123456789Z") == since
    assert form.timestamp("2019-06-04T10:11:12+02:00") == timestamp
    assert form.since(None) == form.timestamp("") == ""


@pytest.mark.parametrize(
    ("wire", "shown"),
    [
        (None, "never connected"),
        ("2019-06-04T08:11:09Z", "just now"),
        ("2019-06-04T08:10:30Z", "42 seconds ago"),
        ("2019-06-04T08:10:01Z", "1 minute ago"),
        ("2019-06-04T05:00:00Z", "3 hours ago"),
        ("2019-06-02T05:00:00Z", "2019-06-02"),
    ],
)
def test_ago(wire: str | None, shown: str) -> None:
    assert ago(wire, datetime(2019, 6, 4, 8, 11, 12, tzinfo=UTC)) == shown


@pytest.mark.parametrize(
    ("url", "charm"),
    [
        ("cs:ubuntu-12", ("jujucharms", "ubuntu", 12)),
        ("cs:~me/bionic/my-app-3", ("jujucharms", "my-app", 3)),
        ("ch:amd64/jammy/postgresql-42", ("charmhub", "postgresql", 42)),
        ("local:bionic/ubuntu-0", ("local", "ubuntu", 0)),
        ("ubuntu", ("charmhub", "ubuntu", 0)),
    ],
)
def test_charm_urls(url: str, charm: tuple[str, str, int]) -> None:
    assert charms.parse(url) == charm


def test_natural_order() -> None:
    assert sorted(["a/10", "a/9", "b/1", "0", "10", "2"], key=natural) == ["0", "2", "10", "a/9", "a/10", "b/1"]
