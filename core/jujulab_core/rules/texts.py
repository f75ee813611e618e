"""What Juju says around an upgrade, where the words need no facts.

Source: the Juju upgrade specification, sections D.2 (notes), D.3 and D.5.
"""

from __future__ import annotations

from jujulab_core.rules.facts import BLOCKED, IN_PROGRESS

_IN_PROGRESS_HINT = (
    "",
    "Please wait for the upgrade to complete or if there was a problem with",
    "the last upgrade that has been resolved, consider running the",
    "upgrade-model command with the --reset-previous-upgrade option.",
)

# By the API's name of the block in force.
_BLOCKED_HINTS = {
    "BlockChange": (
        "All operations that change model have been disabled for the current model.",
        "To enable changes, run",
        "",
        "    juju enable-command all",
        "",
    ),
    "BlockRemove": (
        "All operations that remove machines, applications, units or",
        "relations have been disabled for the current model.",
        "To enable removal, run",
        "",
        "    juju enable-command remove-object",
        "",
    ),
    "BlockDestroy": (
        "destroy-model operation has been disabled for the current model.",
        "To enable the command run",
        "",
        "    juju enable-command destroy-model",
        "",
    ),
}
# Where a controller that is not ours leaves the block unsaid: the one that stops every command.
_ANY_BLOCK = "BlockChange"

# Printed on stdout, with no newline at its end.
RESET_PROMPT = """
WARNING! using --reset-previous-upgrade when an upgrade is in progress
will cause the upgrade to fail. Only use this option to clear an
incomplete upgrade where the root cause has been resolved.

Continue [y/N]? """

RESET_DECLINED = "previous upgrade not reset and no new upgrade triggered"

# `model-config agent-version=X` and friends: the client's own refusal, then the server's. The doubled quote is
# Juju's.
SET_BY_HAND_CLIENT = '"agent-version"" must be set via "upgrade-model"'
SET_BY_HAND_SERVER = "agent-version cannot be changed"
RESET_BY_HAND = '"agent-version" cannot be reset'
SET_DEFAULT = "agent-version cannot have a default value"


def hint_for(code: str, block: str = "") -> tuple[str, ...]:
    """The lines that a command prints on stderr after an error with this code; none for most.

    Args:
        code: The error's code.
        block: The API's name of the block in force, if the controller said it.
    """
    if code == BLOCKED:
        return _BLOCKED_HINTS.get(block, _BLOCKED_HINTS[_ANY_BLOCK])
    return _IN_PROGRESS_HINT if code == IN_PROGRESS else ()


def reset_confirmed(answer: str) -> bool:
    """Whether an answer to `RESET_PROMPT` means yes; the end of input is an empty answer."""
    return answer.strip().lower() in ("y", "yes")
