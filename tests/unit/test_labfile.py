"""Lab files: what a good one means, and what is said of a bad one."""

from __future__ import annotations

import json
import re
from dataclasses import fields
from pathlib import Path

import pytest
import yaml

from jujulab.lab import labfile
from jujulab.rollout.acts import Limits
from jujulab_core import rollout
from jujulab_core.errors import UsageError
from jujulab_core.version import Number

REPO = Path(__file__).parents[2]


def test_the_demo_file_says_what_it_says() -> None:
    spec = labfile.read(REPO / "docs/examples/demo.yaml")
    assert (spec.name, spec.controller, str(spec.agent_version)) == ("demo", "aws", "2.6.4")
    (model,) = spec.models
    assert (model.name, model.machines, model.series) == ("default", 5, "bionic")
    assert [(a.name, a.units, a.subordinates) for a in model.applications] == [
        ("ubuntu", 3, ()),
        ("haproxy", 2, ("nrpe",)),
    ]


def test_what_something_starts_on_is_published_as_well() -> None:
    spec = labfile.parse("lab: x\ncontroller: {agent-version: 2.7.0}\nmodels: {a: {agent-version: 2.6.5}}", "f")
    assert spec.published() == {"released": (Number.parse("2.6.5"), Number.parse("2.7.0"))}


def test_a_version_of_another_stream_is_not_published_again() -> None:
    spec = labfile.parse("lab: x\ncontroller: {agent-version: 2.7-rc1}\nstreams: {proposed: [2.7-rc1]}", "f")
    assert spec.published() == {"proposed": (Number.parse("2.7-rc1"),)}


def test_a_check_says_by_on_where_it_is_made() -> None:
    """To YAML 1.1 the word is a boolean."""
    spec = labfile.parse("lab: x\nrollout: {checks: [{tcp: 22, on: [web]}], no-rollback: true}", "f")
    assert json.loads(spec.rollout["checks"]) == [{"tcp": 22, "on": ["web"]}]
    assert spec.rollout["no-rollback"] == "true"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "f is empty: a lab file needs at least 'lab: NAME'"),
        ("- a", "f, line 1: must be a map of keys and values"),
        ("controller: {}", "f, line 1: lab is missing: it names the lab"),
        ("lab: A_b", 'f, line 1: lab "A_b" is not a valid lab name'),
        ("lab: [x]", "f, line 1: lab must be a single value"),
        ("lab: x\nfoo: 1", "f, line 2: foo is not known here; known are controller, deadlines, lab"),
        ("lab: x\n  y: 1", "f, line 2: mapping values are not allowed here"),
        ("lab: x\nlab: y", "f, line 2: lab is there twice"),
        ("lab: x\ncontroller: {agent-version: 2.6}", 'f, line 2: controller.agent-version invalid version "2.6"'),
        ("lab: x\ndeadlines: {stage: 0}", "f, line 2: deadlines.stage is 0; allowed is 1 to 86400"),
        ("lab: x\ndeadlines: {lunch: 1}", "f, line 2: deadlines.lunch is not known here; known are ask, look"),
        (
            "lab: x\ncontroller: {machines: 2}",
            "f, line 2: controller.machines is 2: number of controllers must be odd and non-negative",
        ),
        ("lab: x\ncontroller: {machines: 9}", "f, line 2: controller.machines is 9; allowed is 1 to 7"),
        ("lab: x\ncontroller: {api-port: 99999}", "f, line 2: controller.api-port is 99999; allowed is 0 to 65535"),
        ("lab: x\ncontroller: {config: [a]}", "f, line 2: controller.config must be a map of keys and values"),
        (
            "lab: x\ncontroller: {config: {allow-older-metadata: maybe}}",
            "f, line 2: controller.config.allow-older-metadata cannot be set: allow-older-metadata: expected bool, got "
            'string("maybe")',
        ),
        (
            "lab: x\ncontroller: {config: {agent-metadata-key: x}}",
            "f, line 2: controller.config.agent-metadata-key cannot be set: ",
        ),
        (
            "lab: x\ncontroller:\n  config:\n    agent-version: 2.6.4",
            "f, line 4: controller.config.agent-version cannot be set: agent-version is not set by configuration",
        ),
        ("lab: x\nstreams: {nightly: []}", "f, line 2: streams.nightly is not known here"),
        ("lab: x\nstreams: {released: 2.6.4}", "f, line 2: streams.released must be a list"),
        ("lab: x\nstreams:\n  released:\n  - 2.6.4\n  - x", 'f, line 5: streams.released[1] invalid version "x"'),
        (
            "lab: x\nrollout: {batch: lots}",
            'f, line 2: rollout.batch is "lots": give a number of machines or a percentage such as 25%',
        ),
        ("lab: x\nrollout: {batch: 0}", 'f, line 2: rollout.batch is "0": give at least one machine'),
        (
            "lab: x\nrollout: {canary: -1}",
            'f, line 2: rollout.canary is "-1": give a whole number from 0 to 1000',
        ),
        (
            "lab: x\nrollout: {health-time: soon}",
            'f, line 2: rollout.health-time is "soon": give a whole number from 0 to 86400',
        ),
        ("lab: x\nrollout: {no-rollback: 1}", 'f, line 2: rollout.no-rollback is "1": give true or false'),
        ("lab: x\nrollout: {checks: 7}", "f, line 2: rollout.checks is not a list of checks"),
        (
            "lab: x\nrollout:\n  checks:\n  - {name: web, tcp: http}",
            'f, line 4: rollout.checks: check "web": tcp is "http": give a port',
        ),
        (
            "lab: x\nrollout:\n  checks:\n  - tcp: 80\n  - tcp: 80",
            'f, line 4: rollout.checks: two checks are called "tcp 80"',
        ),
        ("lab: x\nrollout: {speed: 1}", "f, line 2: rollout.speed is not known here"),
        ("lab: x\nmodels: {controller: {}}", "f, line 2: models.controller cannot be described"),
        ("lab: x\nmodels: {A: {}}", "f, line 2: models.A is not a valid model name"),
        ("lab: x\nmodels: {a: {machines: many}}", "f, line 2: models.a.machines must be a whole number"),
        ("lab: x\nmodels: {a: {machines: {count: -1}}}", "f, line 2: models.a.machines.count must be a whole number"),
        (
            "lab: x\nmodels:\n  a:\n    agent-version: 9.9.9",
            "models.a.agent-version is 9.9.9, above the controller's 2.6.4",
        ),
        (
            "lab: x\nmodels: {a: {applications: {u: {units: 1}}}}",
            "models.a.machines is 0, but there are units to place",
        ),
        (
            "lab: x\nmodels: {a: {machines: 1, applications: {9: {}}}}",
            "models.a.applications.9 is not a valid application",
        ),
    ],
)
def test_what_is_wrong_is_named_with_its_line_and_key(text: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        labfile.parse(text, "f")
    assert message in str(caught.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot read the lab file .*: No such file"):
        labfile.read(tmp_path / "x.yaml")


def test_flags_alone_describe_a_lab() -> None:
    spec = labfile.from_flags("x", "", "2.6.4", 3, 0)
    assert (spec.controller, spec.machine_count, spec.models[0].applications) == ("x", 3, ())
    assert labfile.from_flags("x", "c", "2.6.4", 2, 4).models[0].applications[0].units == 4
    with pytest.raises(UsageError, match="not a valid controller name"):
        labfile.from_flags("x", "C D", "2.6.4", 3, 0)


def test_a_configuration_is_the_controllers_or_its_models() -> None:
    spec = labfile.parse("lab: x\ncontroller: {config: {allow-older-metadata: true, http-proxy: http://p}}", "f")
    assert spec.controller_settings == {"allow-older-metadata": "true"}
    assert spec.model_settings == {"http-proxy": "http://p"}


def test_what_bootstrap_makes() -> None:
    spec = labfile.for_bootstrap("x", "c", Number.parse("2.7-rc1"), {"agent-stream": "proposed"})
    assert [(model.name, model.machines) for model in spec.models] == [("default", 0)]
    assert spec.published() == {"proposed": (Number.parse("2.7-rc1"),)}
    with pytest.raises(UsageError, match="expected bool"):
        labfile.for_bootstrap("x", "c", Number.parse("2.6.4"), {"allow-unsigned-metadata": "2"})


def test_users_and_what_they_may() -> None:
    text = "lab: x\nmodels: {a: {}}\nusers: {bob: {models: {a: admin}}, eve: {controller: superuser}, tom: {}}"
    users = [(user.name, user.controller, dict(user.models)) for user in labfile.parse(text, "f").users]
    assert users == [("bob", "login", {"a": "admin"}), ("eve", "superuser", {}), ("tom", "login", {})]


@pytest.mark.parametrize(
    ("users", "message"),
    [
        ("{a_b: {}}", "f, line 3: users.a_b is not a valid user name"),
        ("{admin: {}}", "f, line 3: users.admin cannot be described: the user 'admin' is always there"),
        ("{bob: {models: {b: read}}}", "f, line 3: users.bob.models.b is not a model of this lab"),
        ("{bob: {models: {a: all}}}", 'f, line 3: users.bob.models.a is "all"; it is one of read, write, admin'),
        ("{bob: {controller: admin}}", 'f, line 3: users.bob.controller is "admin"; it is one of login, superuser'),
        ("{bob: {password: x}}", "f, line 3: users.bob.password is not known here; known are controller, models"),
    ],
)
def test_users_that_cannot_be(users: str, message: str) -> None:
    with pytest.raises(UsageError) as wrong:
        labfile.parse(f"lab: x\nmodels: {{a: {{}}}}\nusers: {users}", "f")
    assert str(wrong.value) == message


@pytest.mark.parametrize(("version", "series"), [("2.6.4", "bionic"), ("2.9.32", "focal"), ("3.6.9", "jammy")])
def test_machines_are_of_a_release_that_their_controller_can_be_upgraded_with(version: str, series: str) -> None:
    spec = labfile.parse(
        f"lab: x\ncontroller: {{agent-version: {version}}}\nmodels: {{default: {{machines: 1}}}}\n", "x"
    )
    assert [model.series for model in spec.models] == [series]


def shown() -> list[tuple[str, str]]:
    """Every lab file that the documentation shows, with the place where it does."""
    pages = [REPO / "README.md", *sorted((REPO / "docs").rglob("*.md"))]
    blocks = [(page.name, text) for page in pages for text in re.findall(r"```yaml\n(.*?)```", page.read_text(), re.S)]
    return [(name, text) for name, text in blocks if text.startswith("lab:")]


@pytest.mark.parametrize(("page", "text"), shown())
def test_lab_files_in_the_documentation_are_read_as_they_stand(page: str, text: str) -> None:
    assert labfile.parse(text, page).name


def test_the_reference_has_every_key_and_its_default() -> None:
    assert len(shown()) >= 4
    reference = (REPO / "docs/reference/lab-file.md").read_text()
    (text,) = (text for page, text in shown() if page == "lab-file.md")
    assert set(yaml.safe_load(text)["rollout"]) == set(rollout.DEFAULTS)
    for limit in fields(Limits):
        assert f"| `{limit.name.replace('_', '-')}` | {limit.default:g} |" in reference
