"""What the tables cannot type: a model without agent-version, texts, and what holds for every choice."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jujulab_core.rules import texts
from jujulab_core.rules.clientside import after_search, before_search
from jujulab_core.rules.eras import Era, Rules
from jujulab_core.rules.flags import Flags
from jujulab_core.rules.selection import Found, Request, Search, newest_step
from jujulab_core.version import Number


def request(*, hosted: bool = False, build_agent: bool = False, era: Era = Era.V2_6) -> Request:
    client = Number(2, 6, 10)
    return Request(Rules.of_era(era, client), client, None, not hosted, Flags(build_agent=build_agent))


@pytest.mark.parametrize("era", list(Era))
def test_a_model_without_agent_version(era: Era) -> None:
    step = before_search(request(era=era))
    assert not isinstance(step, Search)
    assert (step.stderr(), step.exit_code) == (("ERROR incomplete model configuration",), 1)


def test_build_agent_on_a_hosted_model_comes_before_that() -> None:
    step = before_search(request(hosted=True, build_agent=True))
    assert not isinstance(step, Search)
    assert step.stderr() == ("ERROR --build-agent can only be used with the controller model",)


def test_the_models_stream_is_searched_unless_a_flag_names_another() -> None:
    client, agent = Number(2, 6, 10), Number(2, 6, 3)
    rules = Rules.of_era(Era.V2_6, client)
    step = before_search(Request(rules, client, agent, True, model_stream="proposed"))
    assert step == Search(agent, 2, "proposed", None, compatibility=False)
    step = before_search(Request(rules, client, agent, True, Flags(agent_stream="devel"), model_stream="proposed"))
    assert step == Search(agent, 2, "devel", None, compatibility=False)


@pytest.mark.parametrize(
    ("answer", "yes"),
    [("y", True), ("Y\n", True), ("yes", True), ("YES\n", True), ("n", False), ("", False), ("yep", False)],
)
def test_only_yes_is_yes(answer: str, yes: bool) -> None:
    assert texts.reset_confirmed(answer) is yes


def test_setting_the_version_by_hand_is_refused_in_jujus_words() -> None:
    assert texts.SET_BY_HAND_CLIENT == '"agent-version"" must be set via "upgrade-model"'
    assert texts.SET_BY_HAND_SERVER == "agent-version cannot be changed"
    assert texts.RESET_BY_HAND == '"agent-version" cannot be reset'
    assert texts.SET_DEFAULT == "agent-version cannot have a default value"


versions = st.builds(
    Number,
    st.integers(2, 3),
    st.integers(4, 7),
    st.integers(0, 3),
    st.sampled_from(["", "", "rc"]),
    st.sampled_from([0, 0, 1]),
)


@given(versions, st.lists(versions, max_size=8))
def test_without_a_version_asked_for_nothing_goes_down_nor_up_more_than_one_minor(
    agent: Number, available: list[Number]
) -> None:
    newest = newest_step(agent, available)
    if newest is None:
        assert not any(v >= agent and (v.major, v.minor) == (agent.major, agent.minor) for v in available)
        return
    assert newest[0] in available
    assert newest[0] >= agent
    assert (newest[0].major, newest[0].minor) in ((agent.major, agent.minor), (agent.major, agent.minor + 1))


@given(
    st.sampled_from([Era.V2_6, Era.V2_7, Era.V2_8, Era.V2_9]),
    versions,
    versions,
    st.lists(versions, max_size=8),
    st.booleans(),
    st.one_of(st.none(), versions),
    st.booleans(),
)
def test_a_client_asks_the_server_only_for_an_upgrade(
    era: Era,
    client: Number,
    agent: Number,
    available: list[Number],
    controller_model: bool,
    target: Number | None,
    dry_run: bool,
) -> None:
    flags = Flags(agent_version=target, dry_run=dry_run)
    asked = Request(Rules.of_era(era, client), client, agent, controller_model, flags)
    step = before_search(asked)
    if isinstance(step, Search):
        step = after_search(asked, step, Found(available, "" if available else "no agent binaries available"))
    if step.exit_code is not None:
        assert step.exit_code in (0, 1)
        assert step.stderr()
        assert (step.exit_code == 1) == any(line.startswith("ERROR ") for line in step.error)
        return
    assert step.chosen is not None
    if step.uploads is None:
        assert step.chosen.without_build() >= agent.without_build()
    else:
        # Of a binary of the client's own only major and minor are looked at (section C.1, step 13).
        assert (step.chosen.major, step.chosen.minor) >= (agent.major, agent.minor)
    assert step.chosen != agent
    assert not dry_run
    assert step.uploads in (None, step.chosen)
    if step.uploads is None:
        assert step.chosen in available
    else:
        assert controller_model
        assert step.chosen not in available
