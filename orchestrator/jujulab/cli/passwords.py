"""Asking a person for a password: unseen on a terminal, one line of stdin elsewhere; never in an argument."""

from __future__ import annotations

import sys

import click

from jujulab_core.errors import JujulabError


def ask(prompt: str) -> str:
    """One password.

    Raises:
        JujulabError: Nothing was given.
    """
    if sys.stdin.isatty():
        password: str = click.prompt(
            prompt, hide_input=True, prompt_suffix=": ", default="", show_default=False, err=True
        )
    else:
        password = sys.stdin.readline().rstrip("\r\n")
    if not password:
        raise JujulabError("you must enter a password")
    return password


def ask_new(prompt: str, again: str) -> str:
    """A new password, which a person at a terminal gives twice.

    Raises:
        JujulabError: Nothing was given, or the two differ.
    """
    password = ask(prompt)
    if sys.stdin.isatty() and ask(again) != password:
        raise JujulabError("passwords do not match")
    return password
