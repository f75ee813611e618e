"""Asks a machine from outside, for the user's ``http`` and ``tcp`` checks."""

from __future__ import annotations

import http.client
import socket
import threading
from urllib.parse import urlsplit

from jujulab.rollout import checks
from jujulab.rollout.checks import GOOD, Opinion, Verdict
from jujulab_core.rollout import Check


def ask(check: Check, address: str) -> Opinion:
    """Makes an ``http`` or ``tcp`` check on the machine at this address; takes no longer than the check allows."""
    try:
        return _get(check, address) if check.kind == "http" else _connect(check, address)
    except TimeoutError:
        return Opinion(Verdict.CANNOT_TELL, f"no answer within {check.timeout:g} s")
    except ConnectionRefusedError:
        return Opinion(Verdict.BAD, "the connection was refused")
    except (ConnectionError, http.client.HTTPException) as error:
        return Opinion(Verdict.BAD, f"no proper answer: {error or type(error).__name__}")
    except OSError as error:
        # No way to the machine says nothing about what runs there.
        return Opinion(Verdict.CANNOT_TELL, str(error))


def _connect(check: Check, address: str) -> Opinion:
    socket.create_connection((address, int(check.target)), check.timeout).close()
    return GOOD


def _get(check: Check, address: str) -> Opinion:
    url = urlsplit(check.url(address))
    connection = http.client.HTTPConnection(url.hostname or address, url.port or 80, timeout=check.timeout)
    expired = threading.Event()

    def expire() -> None:
        expired.set()
        if connection.sock is not None:
            connection.sock.shutdown(socket.SHUT_RDWR)

    # The socket's own timeout starts anew with each byte; a server that drips would never end.
    timer = threading.Timer(check.timeout, expire)
    timer.start()
    try:
        connection.request("GET", f"{url.path or '/'}{f'?{url.query}' if url.query else ''}")
        return checks.of_status(check, connection.getresponse().status)
    except (OSError, http.client.HTTPException):
        if expired.is_set():
            raise TimeoutError from None
        raise
    finally:
        timer.cancel()
        connection.close()
