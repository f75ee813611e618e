"""agent.conf: our small reader and writer agree with each other and with YAML."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from jujulab_core import agentconf
from jujulab_core.errors import JujulabError

KEYS = st.from_regex(r"[a-z][a-z-]{0,10}", fullmatch=True).filter(lambda key: key not in ("yes", "no", "on", "y", "n"))
TEXTS = st.one_of(
    # Beyond the basic plane YAML and JSON write characters differently; no configuration holds any.
    st.text(st.characters(max_codepoint=0xFFFF, exclude_categories=["Cs"]), max_size=20),
    st.sampled_from(
        [
            "",
            "1",
            "1.0",
            "1e3",
            "0x1f",
            "12:30",
            "2019-01-01",
            "yes",
            "y",
            "~",
            "null",
            "a: b",
            "# a",
            " a",
            "a\n",
            "a\n\nb\n",
        ]
    ),
)
CONFS = st.dictionaries(
    KEYS.filter(lambda key: key not in ("off", "true", "false", "null")),
    st.one_of(
        TEXTS,
        st.lists(TEXTS),
        st.dictionaries(KEYS.filter(lambda key: key not in ("off", "true", "false", "null")), TEXTS),
    ),
)


@settings(max_examples=60)
@given(CONFS)
def test_what_is_written_is_read(conf: dict[str, agentconf.Value]) -> None:
    assert agentconf.load(agentconf.dump(conf)) == conf


@settings(max_examples=60)
@given(CONFS)
def test_what_is_written_is_yaml(conf: dict[str, agentconf.Value]) -> None:
    assert (yaml.safe_load(agentconf.dump(conf)) or {}) == conf


def test_what_juju_writes_is_read() -> None:
    text = (
        "# format 2.0\ntag: machine-0\njobs:\n- JobHostUnits\napiaddresses:\n- 10.0.8.1:17070\n"
        "cacert: |\n  -----BEGIN CERTIFICATE-----\n  abc\n  -----END CERTIFICATE-----\n"
        "values:\n  CONTAINER_TYPE: ''\n  LXC: \"\"\nmongomemoryprofile: 'it''s'\n"
    )
    assert agentconf.load(text) == {
        "tag": "machine-0",
        "jobs": ["JobHostUnits"],
        "apiaddresses": ["10.0.8.1:17070"],
        "cacert": "-----BEGIN CERTIFICATE-----\nabc\n-----END CERTIFICATE-----\n",
        "values": {"CONTAINER_TYPE": "", "LXC": ""},
        "mongomemoryprofile": "it's",
    }


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "does not begin with"),
        ("tag: machine-0\n", "does not begin with"),
        ("# format 2.0\nnonsense\n", "line 2: expected 'key: value'"),
        ("# format 2.0\ntag: a\nvalues:\n  nonsense\n", "line 4: expected 'key: value'"),
        ('# format 2.0\ntag: "a\n', "cannot read"),
    ],
)
def test_damage_is_named(text: str, reason: str) -> None:
    with pytest.raises(JujulabError, match=reason):
        agentconf.load(text)
