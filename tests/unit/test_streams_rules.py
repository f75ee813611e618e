"""The pure rules about agent metadata: which files, of what age; which binaries are missing; what sync copies."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from jujulab_core.errors import UsageError, VerificationError
from jujulab_core.looking import Offer
from jujulab_core.rules.availability import missing_text, uncovered
from jujulab_core.rules.metadata import Policy, check_age, index_paths, sources
from jujulab_core.rules.syncing import check_flags, matching, newest, parse_major_minor, parse_versions
from jujulab_core.simplestreams import Index, Item
from jujulab_core.version import Binary, Number

NOW = datetime(2026, 1, 10, tzinfo=UTC)
DAY = timedelta(days=1)


def test_the_sources_in_juju_s_order() -> None:
    assert [source.name for source in sources("", "https://d/tools/")] == ["default simplestreams"]
    mirror, default = sources("http://m/tools/", "https://d/tools")
    assert (mirror.name, mirror.url, mirror.may_be_unsigned) == ("agent-metadata-url", "http://m/tools", True)
    assert (default.name, default.url, default.may_be_unsigned) == ("default simplestreams", "https://d/tools", False)


@pytest.mark.parametrize(
    ("which", "unsigned", "paths"),
    [
        (0, False, ["index2.sjson", "index.sjson"]),
        (0, True, ["index2.sjson", "index2.json", "index.sjson", "index.json"]),
        (1, False, ["index2.sjson", "index.sjson"]),
        (1, True, ["index2.sjson", "index.sjson"]),
    ],
)
def test_the_files_of_a_source(which: int, unsigned: bool, paths: list[str]) -> None:
    source = sources("http://m/tools", "https://d/tools")[which]
    found = index_paths(source, Policy(unsigned=unsigned))
    assert [path.removeprefix("streams/v1/") for path in found] == paths


@pytest.mark.parametrize(
    ("updated", "expires", "seen", "policy", "reason"),
    [
        (NOW, NOW + DAY, None, Policy(), ""),
        (NOW, None, NOW, Policy(), ""),
        (NOW - DAY, NOW + DAY, NOW, Policy(), "older than one of 2026-01-10"),
        (None, NOW + DAY, NOW, Policy(), "of no known date, older than"),
        (NOW - DAY, NOW + DAY, NOW, Policy(expired=True), "allow-older-metadata=true"),
        (NOW - DAY, NOW + DAY, NOW, Policy(older=True), ""),
        (NOW - 9 * DAY, NOW - DAY, None, Policy(), "expired on 2026-01-09"),
        (NOW - 9 * DAY, NOW - DAY, None, Policy(older=True), "allow-expired-metadata=true"),
        (NOW - 9 * DAY, NOW - DAY, None, Policy(expired=True), ""),
        (NOW + 2 * DAY, None, None, Policy(), "in the future"),
        (NOW + DAY / 2, None, None, Policy(), ""),
        (NOW + 2 * DAY, None, None, Policy(expired=True), ""),
    ],
)
def test_the_age_of_an_index(
    updated: datetime | None, expires: datetime | None, seen: datetime | None, policy: Policy, reason: str
) -> None:
    index = Index((), updated, expires)
    if not reason:
        check_age(index, NOW, seen, policy)
        return
    with pytest.raises(VerificationError) as caught:
        check_age(index, NOW, seen, policy)
    assert reason in str(caught.value)


def test_binaries_that_machines_lack() -> None:
    machines = {"0": ("bionic", "amd64"), "1": ("focal", "arm64"), "2": ("focal", "arm64")}
    target = Number.parse("2.6.10")
    lacking = uncovered(machines, target, [Binary.parse("2.6.10-bionic-amd64"), Binary.parse("2.6.9-focal-arm64")])
    assert {str(binary): ids for binary, ids in lacking.items()} == {"2.6.10-focal-arm64": ("1", "2")}
    assert "no agent binaries available of 2.6.10-focal-arm64 for machines 1, 2: " in missing_text(lacking)
    # From 2.9 on one binary serves all series.
    assert uncovered(machines, Number.parse("2.9.1"), [Binary.parse("2.9.1-ubuntu-amd64")]) == {
        Binary.parse("2.9.1-ubuntu-arm64"): ("1", "2")
    }


@pytest.mark.parametrize(("text", "expected"), [("2", (2, -1)), ("2.6", (2, 6)), ("3.0", (3, 0))])
def test_the_version_of_sync(text: str, expected: tuple[int, int]) -> None:
    assert parse_major_minor(text) == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("1.2.3", "invalid major.minor version number 1.2.3"),
        ("blah", "invalid major version number blah: "),
        ("2.x", "invalid minor version number x: "),
        ("", "invalid major version number : "),
    ],
)
def test_the_version_of_sync_that_is_none(text: str, reason: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_major_minor(text)
    assert str(caught.value).startswith(reason)


@pytest.mark.parametrize(
    ("client", "given", "agent_version", "reason"),
    [
        ("2.8.14", {"--version", "--all", "--dev", "--destination"}, "", ""),
        ("2.6.10", set(), "2.6", ""),
        ("2.9.0", set(), "", "--agent-version is required"),
        ("3.6.4", set(), "3.6", 'invalid version "3.6"'),
        ("2.9.37", set(), "2", 'invalid version "2"'),
        ("2.9.37", {"--dev"}, "2.9.37", "option provided but not defined: --dev"),
        ("2.9.37", {"--version"}, "", "option provided but not defined: --version"),
        ("2.9.37", set(), "2.9.37", ""),
    ],
)
def test_what_clients_from_2_9_on_take(client: str, given: set[str], agent_version: str, reason: str) -> None:
    versions = parse_versions("", agent_version)
    if not reason:
        check_flags(Number.parse(client), given, versions)
        return
    with pytest.raises(UsageError) as caught:
        check_flags(Number.parse(client), given, versions)
    assert str(caught.value) == reason


def offers(*texts: str) -> list[Offer]:
    found = []
    for text in texts:
        name, _, stream = text.partition("@")
        item = Item(Binary.parse(name), f"{name}.tgz", 1, "0" * 64)
        found.append(Offer(stream or "released", item, f"https://d/{name}.tgz", "default simplestreams"))
    return found


def names(found: list[Offer]) -> list[str]:
    return [str(offer.item.binary) for offer in found]


def test_what_sync_copies() -> None:
    there = offers(
        *("2.6.10-bionic-amd64", "2.6.9-bionic-amd64", "2.6.10-xenial-amd64", "2.7.0-bionic-amd64"),
        *("3.0.0-ubuntu-amd64", "2.6.11-bionic-amd64@proposed"),
    )
    of_26 = matching(there, "released", 2, 6)
    assert names(of_26) == ["2.6.9-bionic-amd64", "2.6.10-bionic-amd64", "2.6.10-xenial-amd64"]
    assert names(newest(of_26)) == ["2.6.10-bionic-amd64", "2.6.10-xenial-amd64"]
    assert names(newest(matching(there, "released", 2, -1))) == ["2.7.0-bionic-amd64"]
    assert names(matching(there, "proposed", 2, 6)) == ["2.6.11-bionic-amd64"]
    assert names(matching(there, "released", 2, 6, Number.parse("2.6.9"))) == ["2.6.9-bionic-amd64"]
    assert newest([]) == []
