"""Tells what came of each call, an object a line; the scripts of Python clients import it."""

import json
import sys
import traceback
from contextlib import contextmanager


class Told:
    """What a call gave, for whoever makes it to fill in."""

    def __init__(self):
        self.result = "ok"
        self.facts = None


def tell(call, result="ok", facts=None):
    """Tells of a call that gave what it should."""
    _write({"call": call, "result": result, "facts": facts})


@contextmanager
def calling(call):
    """Tells of the call that the block makes; whatever it raises is the call's failure, and the script goes on."""
    told = Told()
    try:
        yield told
    except Exception as error:
        traceback.print_exc()
        _write({"call": call, "error": f"{type(error).__name__}: {error}"})
    else:
        _write({"call": call, "result": told.result, "facts": told.facts})


async def expect(awaitable, kind, words):
    """Awaits what must be refused with an error of exactly this type and these words; returns how it was."""
    caught = None
    try:
        await awaitable
    except Exception as error:
        caught = error
    assert caught is not None, f"not refused; expected {kind.__name__}: {words}"
    assert type(caught) is kind, f"{type(caught).__name__} instead of {kind.__name__}: {caught}"
    assert words in str(caught), f"{caught!s} does not say {words}"
    code = getattr(caught, "error_code", None)
    return f"{kind.__name__}: {caught}" + (f" ({code})" if code else "")


def _write(told):
    sys.stdout.flush()
    sys.stdout.write("\n" + json.dumps(told) + "\n")
    sys.stdout.flush()
