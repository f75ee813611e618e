"""``agent.conf``, Juju's format 2.0: a first line ``# format 2.0``, then block-style YAML.

The agent starts on every machine at every upgrade, and importing a YAML library would cost it a tenth of its
start-up budget; the file only ever holds the small part of YAML read and written here: top-level keys
with a scalar, a block scalar (``|``), a list of scalars, or a map of scalars.
"""

from __future__ import annotations

import json

from jujulab_core.errors import JujulabError

FIRST_LINE = "# format 2.0"

# Characters that a scalar without quotes may hold, words that YAML takes for something else than text, and
# what numbers may hold beside digits.
_PLAIN = "._/-+=@"
_WORDS = frozenset({"true", "false", "yes", "no", "on", "off", "y", "n", "null"})
_NUMBER_MARKS = dict.fromkeys(map(ord, "._+-eExXoOabcdfABCDF:"))

Value = str | list[str] | dict[str, str]


def dump(conf: dict[str, Value]) -> str:
    """Prints a configuration; :func:`load` is its inverse."""
    lines = [FIRST_LINE]
    for key, value in conf.items():
        if isinstance(value, list):
            lines.append(f"{key}:" if value else f"{key}: []")
            lines += [f"- {_scalar(item)}" for item in value]
        elif isinstance(value, dict):
            lines.append(f"{key}:" if value else f"{key}: {{}}")
            lines += [f"  {name}: {_scalar(item)}" for name, item in value.items()]
        elif _fits_a_block(value):
            lines.append(f"{key}: |")
            lines += [f"  {line}" if line else "" for line in value[:-1].split("\n")]
        else:
            lines.append(f"{key}: {_scalar(value)}")
    return "\n".join(lines) + "\n"


def load(text: str) -> dict[str, Value]:
    """Reads a configuration.

    Raises:
        JujulabError: The text is not an ``agent.conf``; the message names the line.
    """
    lines = text.splitlines()
    if not lines or lines[0].strip() != FIRST_LINE:
        raise JujulabError(f"agent.conf does not begin with {FIRST_LINE!r}")
    conf: dict[str, Value] = {}
    at = 1
    while at < len(lines):
        line = lines[at]
        at += 1
        if not line.strip() or line.startswith("#"):
            continue
        key, colon, rest = line.partition(":")
        if not colon or line[0] in " -":
            raise JujulabError(f"agent.conf line {at}: expected 'key: value', found {line!r}")
        end = at
        while end < len(lines) and (lines[end][:1] in (" ", "-") or not lines[end]):
            end += 1
        conf[key] = _value(rest.strip(), lines[at:end], at)
        at = end
    return conf


def _value(inline: str, block: list[str], line_number: int) -> Value:
    if inline == "|":
        return "\n".join(line[2:] for line in block).rstrip("\n") + "\n"
    if inline == "[]":
        return []
    if inline == "{}":
        return {}
    if inline:
        return _unquote(inline)
    block = [line for line in block if line]
    if all(line.lstrip().startswith("- ") for line in block):
        return [_unquote(line.lstrip()[2:].strip()) for line in block]
    pairs: dict[str, str] = {}
    for offset, line in enumerate(block):
        name, colon, rest = line.strip().partition(":")
        if not colon:
            where = f"agent.conf line {line_number + offset + 1}"
            raise JujulabError(f"{where}: expected 'key: value', found {line!r}")
        pairs[name] = _unquote(rest.strip())
    return pairs


def _fits_a_block(value: str) -> bool:
    lines = value[:-1].split("\n")
    return (
        value.endswith("\n")
        and not value.endswith("\n\n")
        and bool(lines[0].strip())
        and all(line.isprintable() and not line.startswith(" ") for line in lines)
    )


def _scalar(value: str) -> str:
    plain = value and value.isascii() and value[0].isalnum() and all(c.isalnum() or c in _PLAIN for c in value)
    # Words and numbers that YAML would read as something else than text are quoted.
    if plain and not _is_number(value) and value.lower() not in _WORDS:
        return value
    return json.dumps(value)


def _is_number(value: str) -> bool:
    return value[0].isdigit() and value.translate(_NUMBER_MARKS).isdigit()


def _unquote(text: str) -> str:
    if text.startswith('"'):
        try:
            return str(json.loads(text))
        except ValueError as error:
            raise JujulabError(f"agent.conf: cannot read {text!r}: {error}") from error
    if len(text) >= 2 and text[0] == text[-1] == "'":
        return text[1:-1].replace("''", "'")
    return text
