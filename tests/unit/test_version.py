"""Version numbers: section B's tables, and what holds for all of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from jujulab_core.errors import UsageError
from jujulab_core.version import ZERO, Binary, Number, binary_series, parse_major_minor

TABLES: dict[str, list[Any]] = yaml.safe_load((Path(__file__).parent / "data" / "versions.yaml").read_text())

part = st.integers(0, 999_999_999)
numbers = st.builds(
    Number,
    part,
    part,
    part,
    st.one_of(st.just(""), st.sampled_from(["alpha", "beta", "dev", "rc"]), st.from_regex(r"\A[a-z]+\Z")),
    st.one_of(st.just(0), part),
)
# Few values, so that equal and nearly equal numbers come up often.
close = st.builds(
    Number,
    st.integers(1, 2),
    st.integers(0, 2),
    st.integers(0, 2),
    st.sampled_from(["", "beta", "rc"]),
    st.integers(0, 1),
)
words = st.from_regex(r"\A[a-z0-9]+\Z")


@pytest.mark.parametrize(("text", "printed", "development"), TABLES["numbers"])
def test_a_number_is_read_and_printed(text: str, printed: str, development: bool) -> None:
    number = Number.parse(text)
    assert str(number) == printed
    assert number.is_development is development
    assert number.is_zero is (text == "0.0.0")


@pytest.mark.parametrize("text", TABLES["malformed_numbers"])
def test_a_malformed_number_is_refused_in_jujus_words(text: str) -> None:
    with pytest.raises(UsageError) as error:
        Number.parse(text)
    assert str(error.value) == f'invalid version "{text}"'


@pytest.mark.parametrize(("text", "number", "series", "arch"), TABLES["binaries"])
def test_a_binary_is_read_and_printed(text: str, number: str, series: str, arch: str) -> None:
    binary = Binary.parse(text)
    assert (str(binary.number), binary.series, binary.arch, str(binary)) == (number, series, arch, text)


@pytest.mark.parametrize("text", TABLES["malformed_binaries"])
def test_a_malformed_binary_is_refused_in_jujus_words(text: str) -> None:
    with pytest.raises(UsageError) as error:
        Binary.parse(text)
    assert str(error.value) == f'invalid binary version "{text}"'


@pytest.mark.parametrize(("left", "relation", "right"), TABLES["order"])
def test_the_order(left: str, relation: str, right: str) -> None:
    low, high = Number.parse(left), Number.parse(right)
    if relation == ">":
        low, high = high, low
    if relation == "=":
        assert low == high
        assert hash(low) == hash(high)
        assert not low < high
        assert not high < low
    else:
        assert low < high
        assert high > low
        assert low != high


@pytest.mark.parametrize(("text", "major", "minor"), TABLES["major_minor"])
def test_major_and_minor_are_read(text: str, major: int, minor: int) -> None:
    assert parse_major_minor(text) == (major, minor)


@pytest.mark.parametrize(("text", "message"), TABLES["malformed_major_minor"])
def test_malformed_major_and_minor_are_refused(text: str, message: str) -> None:
    with pytest.raises(UsageError) as error:
        parse_major_minor(text)
    assert str(error.value).startswith(message)


@given(numbers)
def test_printing_and_reading_are_inverse(number: Number) -> None:
    again = Number.parse(str(number))
    assert again == number
    assert str(again) == str(number)
    assert eval(repr(number), {"Number": Number}) == number


@given(numbers, words, words)
def test_printing_and_reading_a_binary_are_inverse(number: Number, series: str, arch: str) -> None:
    binary = Binary(number, series, arch)
    assert Binary.parse(str(binary)) == binary
    assert hash(Binary.parse(str(binary))) == hash(binary)
    assert eval(repr(binary), {"Binary": Binary}) == binary


@given(close, close, close)
def test_the_order_is_total(a: Number, b: Number, c: Number) -> None:
    assert (a < b) + (a == b) + (a > b) == 1
    assert (a <= b) == (not b < a)
    if a <= b and b <= c:
        assert a <= c
    if a == b:
        assert hash(a) == hash(b)
        assert str(a) == str(b)


@given(numbers)
def test_what_ignores_the_build(number: Number) -> None:
    assert number.without_build() <= number
    assert number.without_build().build == 0
    assert number.with_build(7).without_build() == number.without_build()


@given(close, close)
def test_a_tagged_version_is_below_every_untagged_one_of_its_minor(a: Number, b: Number) -> None:
    if a.tag and not b.tag and (a.major, a.minor) == (b.major, b.minor):
        assert a < b


@pytest.mark.parametrize("thing", [ZERO, Binary(ZERO, "bionic", "amd64")])
def test_versions_cannot_be_changed(thing: Number | Binary) -> None:
    with pytest.raises(AttributeError, match="cannot be changed"):
        thing.arch = "arm64"  # type: ignore[union-attr]
    assert thing != "2.6.0"


@pytest.mark.parametrize(
    ("version", "series", "name"),
    [
        ("2.8.13", "bionic", "bionic"),
        ("2.9-rc1", "bionic", "ubuntu"),
        ("2.9.0", "focal", "ubuntu"),
        ("3.1.0", "x", "ubuntu"),
    ],
)
def test_from_2_9_on_binaries_are_for_ubuntu(version: str, series: str, name: str) -> None:
    assert binary_series(Number.parse(version), series) == name
