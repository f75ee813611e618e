"""Every answer that comes over the tests' own connections, as it was on the wire."""

from __future__ import annotations

import json
import threading
from typing import Any, NamedTuple

import pytest

from jujulab_core.rpc.channel import Channel


class Answer(NamedTuple):
    """What a method answered, without error."""

    facade: str
    version: int
    method: str
    response: dict[str, Any]


class Answers(list[Answer]):
    """Listens on every connection that is made while the fixture that made it lasts."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__()
        self._asked: dict[tuple[int, int], dict[str, Any]] = {}
        self._lock = threading.Lock()
        send, receive = Channel.send, Channel.receive

        def sent(channel: Channel, text: str) -> None:
            frame = json.loads(text)
            with self._lock:
                self._asked[id(channel), frame["request-id"]] = frame
            send(channel, text)

        def received(channel: Channel) -> str | None:
            text = receive(channel)
            if text is not None:
                self._answered(id(channel), json.loads(text))
            return text

        monkeypatch.setattr(Channel, "send", sent)
        monkeypatch.setattr(Channel, "receive", received)

    def _answered(self, channel: int, frame: dict[str, Any]) -> None:
        with self._lock:
            asked = self._asked.pop((channel, frame.get("request-id", 0)), None)
            if asked is not None and "error" not in frame:
                self.append(Answer(asked["type"], asked["version"], asked["request"], frame["response"]))
