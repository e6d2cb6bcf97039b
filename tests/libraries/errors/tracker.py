"""An error tracker that keeps what it would have sent, and looks for what is secret in it."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import sentry_sdk
from sentry_sdk.envelope import Envelope
from sentry_sdk.transport import Transport

from tests.helpers.frames import PACKAGE, SECRETS, leaks_of, opens


class Tracker(Transport):
    """Keeps Sentry's events, and the errors that they are of."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[dict[str, Any]] = []
        self.errors: list[BaseException] = []

    def capture_envelope(self, envelope: Envelope) -> None:
        event = envelope.get_event()
        if event is not None:
            # As it goes out: every object is text by now.
            self.events.append(json.loads(json.dumps(event)))

    def see(self, event: Any, hint: Mapping[str, Any]) -> Any:
        """Note the error that an event is made of."""
        if "exc_info" in hint:
            self.errors.append(hint["exc_info"][1])
        return event

    def forget(self) -> None:
        self.events.clear()
        self.errors.clear()

    def leaks(self) -> list[str]:
        """Name each place where a secret stands, in what is sent and in what it was made of."""
        found = [leak for event in self.events for leak in leaks_in(event)]
        return found + [leak for error in self.errors for leak in leaks_of(error)]

    def kinds(self) -> list[str]:
        """Name the classes of the errors that were sent, the outermost of each event."""
        sent = [event["exception"]["values"] for event in self.events if "exception" in event]
        return [values[-1]["type"] for values in sent]


def start(**settings: Any) -> Tracker:
    """Start Sentry with its default settings and integrations."""
    tracker = Tracker()
    sentry_sdk.init(
        dsn="http://key@127.0.0.1:9/1", transport=tracker, before_send=tracker.see, **settings
    )
    return tracker


def leaks_in(event: dict[str, Any]) -> Iterator[str]:
    """Name each place of an event where a secret stands.

    What a visitor keeps in a session and the passwords must not stand anywhere. A seal that opens
    must not stand in our frames, nor outside of the frames; that servers and frameworks have the
    request's headers among their own variables is theirs.
    """
    for frame in frames_in(event):
        place = f"{frame.get('module')}.{frame.get('function')}"
        for name, value in (frame.pop("vars", None) or {}).items():
            text = json.dumps(value, ensure_ascii=False)
            ours = str(frame.get("module")).partition(".")[0] == PACKAGE
            if any(secret in text for secret in SECRETS) or (ours and opens(text)):
                yield f"{place}: {name}"
    for name, value in event.items():
        text = json.dumps(value, ensure_ascii=False)
        if any(secret in text for secret in SECRETS) or opens(text):
            yield f"event: {name}"


def frames_in(event: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for key in ("exception", "threads"):
        for value in event.get(key, {}).get("values", ()):
            yield from (value.get("stacktrace") or {}).get("frames", ())
