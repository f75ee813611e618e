"""Writes down what python-libjuju hears, out of its own debug log: an answer a line, in the file that FRAMES names."""

import ast
import json
import logging
import os
import re
from pathlib import Path

_FRAME = re.compile(r"connection (?:id ?: )?(\d+) (-+>|<-+) (.*)", re.DOTALL)


class _Frames(logging.Handler):
    def __init__(self, path):
        super().__init__(logging.DEBUG)
        self._path = Path(path)
        self._asked = {}

    def emit(self, record):
        found = _FRAME.fullmatch(record.getMessage())
        if not found:
            return
        connection, way, text = found.groups()
        if way.endswith(">"):
            asked = json.loads(text)
            self._asked[connection, asked["request-id"]] = asked
            return
        # What came is logged as Python shows it; None for a connection that ended.
        came = ast.literal_eval(text) or {}
        asked = self._asked.pop((connection, came.get("request-id")), None)
        if asked and "response" in came and "error" not in came:
            line = {"facade": asked["type"], "version": asked["version"], "method": asked["request"]}
            with self._path.open("a") as file:
                file.write(json.dumps({**line, "response": came["response"]}) + "\n")


def write_down():
    """Begins, where FRAMES is set."""
    path = os.environ.get("FRAMES")
    if path:
        log = logging.getLogger("juju.client.connection")
        log.setLevel(logging.DEBUG)
        log.propagate = False
        log.addHandler(_Frames(path))
