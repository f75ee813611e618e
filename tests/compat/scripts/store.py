"""The client store that JUJU_DATA names."""

import os
from pathlib import Path

import yaml


def controller_entry(name):
    """What the store says of a controller."""
    return _read("controllers.yaml")["controllers"][name]


def account(name):
    """Who we are there: user and password."""
    return _read("accounts.yaml")["controllers"][name]


def _read(file):
    return yaml.safe_load((Path(os.environ["JUJU_DATA"]) / file).read_text())
