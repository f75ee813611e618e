"""Which agent binaries can be had: sections C.4, I.4 and I.5."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jujulab_core.rules import availability
from jujulab_core.rules.availability import find, of_major, streams_searched
from jujulab_core.version import Binary, Number


def binaries(*texts: str) -> list[Binary]:
    return [Binary.parse(text) for text in texts]


@pytest.mark.parametrize(
    ("stream", "version", "development", "searched"),
    [
        ("", None, False, "released"),
        ("released", None, False, "released"),
        ("released", "2.6.10", False, "released"),
        ("released", "2.7-rc1", False, "devel proposed released"),
        ("", "2.6.10.1", False, "devel proposed released"),
        ("released", None, True, "devel proposed released"),
        ("proposed", None, False, "proposed released"),
        ("proposed", "2.7-rc1", True, "proposed released"),
        ("devel", None, False, "devel proposed released"),
        ("testing", None, False, "testing devel proposed released"),
        ("mine", "2.7-rc1", True, "mine"),
    ],
)
def test_the_streams_of_one_request(stream: str, version: str | None, development: bool, searched: str) -> None:
    number = Number.parse(version) if version else None
    assert streams_searched(stream, number, development=development) == tuple(searched.split())


@pytest.mark.parametrize(
    ("storage", "released", "error"),
    [
        ([], [], availability.NO_BINARIES),
        ([], ["3.0.0-ubuntu-amd64"], availability.NO_MATCHING_BINARIES),
        (["3.0.0-ubuntu-amd64"], [], availability.NO_BINARIES),
        (["2.6.3-bionic-amd64"], [], ""),
        ([], ["2.6.3-bionic-amd64"], ""),
    ],
)
def test_the_error_says_whether_there_was_any_metadata(storage: list[str], released: list[str], error: str) -> None:
    found = find(binaries(*storage), {"released": binaries(*released)}, ["released"], of_major(2))
    assert found.error == error
    assert bool(found.binaries) is (error == "")


def test_streams_that_cannot_be_read_do_not_matter_where_storage_has_a_match() -> None:
    storage = binaries("2.6.3-bionic-amd64")
    assert find(storage, None, ["released"], of_major(2)).binaries == tuple(storage)
    assert find([], None, ["released"], of_major(2)).error == availability.NO_BINARIES


def test_a_preferred_source_hides_the_same_binary_of_a_later_one() -> None:
    found = find(
        binaries("2.6.3-bionic-amd64"),
        {
            "proposed": binaries("2.7.0-bionic-amd64"),
            "released": binaries("2.6.3-bionic-amd64", "2.7.0-bionic-amd64", "2.6.3-bionic-arm64"),
            "devel": binaries("2.8.0-bionic-amd64"),
        },
        ["proposed", "released"],
        of_major(2),
    )
    assert list(map(str, found.binaries)) == ["2.6.3-bionic-amd64", "2.7.0-bionic-amd64", "2.6.3-bionic-arm64"]
    assert list(map(str, found.versions)) == ["2.6.3", "2.7.0"]


def test_a_minor_version_narrows_the_search() -> None:
    listed = binaries("2.6.3-bionic-amd64", "2.7.0-bionic-amd64")
    assert find(listed, {}, [], of_major(2, 7)).binaries == (listed[1],)


some = st.lists(
    st.builds(
        Binary,
        st.builds(Number, st.integers(2, 3), st.integers(0, 2), st.integers(0, 2)),
        st.sampled_from(["bionic", "focal"]),
        st.sampled_from(["amd64", "arm64"]),
    ),
    max_size=6,
)


@given(some, some, some)
def test_a_search_finds_what_matches_once_and_nothing_else(
    storage: Sequence[Binary], proposed: Sequence[Binary], released: Sequence[Binary]
) -> None:
    found = find(storage, {"proposed": proposed, "released": released}, streams_searched("proposed"), of_major(2))
    everything = {*storage, *proposed, *released}
    assert set(found.binaries) == {binary for binary in everything if binary.number.major == 2}
    assert len(set(found.binaries)) == len(found.binaries)
    assert bool(found.error) is not bool(found.binaries)
