"""The exception tree.

::

    JujulabError                exit 1
    ├── UsageError              exit 2   the command line, or a file it names, is wrong
    ├── HostError               exit 6   this host cannot run a lab
    ├── ConnectionLost          exit 1   the controller does not answer, or stopped answering
    ├── DeadlineError           exit 5   a wait ended before what it waited for
    ├── RpcError                exit 1   the controller answered with an error
    └── VerificationError       exit 1   something downloaded is not what was promised
"""

from __future__ import annotations

from typing import Any


class JujulabError(Exception):
    """Something that a person is told in one sentence.

    Attributes:
        next_step: What to do about it, or None where nothing is to be done.
        exit_code: The exit code of a command that ends with this error.
    """

    exit_code = 1

    def __init__(self, message: str, *, next_step: str | None = None) -> None:
        super().__init__(message)
        self.next_step = next_step

    def told(self) -> str:
        """What a person reads on stderr: the error, and the line with the next step where there is one."""
        return f"ERROR {self}" + (f"\nNext: {self.next_step}" if self.next_step else "")


class UsageError(JujulabError, ValueError):
    """The command line, or a file that it names, is wrong; nothing was changed."""

    exit_code = 2


class HostError(JujulabError):
    """This host lacks something that a lab needs."""

    exit_code = 6


class ConnectionLost(JujulabError, ConnectionError):  # noqa: N818 - says what happened, as Juju does
    """The controller does not answer, or stopped answering."""


class DeadlineError(JujulabError, TimeoutError):
    """A wait ended before what it waited for; the message names both."""

    exit_code = 5


class VerificationError(JujulabError, ValueError):
    """Data from outside is not what its metadata promised; it was thrown away."""


class RpcError(JujulabError):
    """The controller answered a request with an error.

    Attributes:
        message: The text without the code.
        code: Juju's error code, such as ``upgrade in progress``, or an empty string.
        info: Juju's ``error-info`` map.
    """

    def __init__(self, message: str, code: str = "", info: dict[str, Any] | None = None) -> None:
        # Juju's own client prints coded errors as `message (code)`.
        super().__init__(f"{message} ({code})" if code else message)
        self.message = message
        self.code = code
        self.info = info or {}
