"""Other trackers: Elastic APM, Honeybadger, Raygun; and Rollbar, which looks into mappings."""

import json
import sys
from collections.abc import Callable
from typing import Any

import pytest
import rollbar
from elasticapm import Client
from honeybadger.config import Configuration
from honeybadger.payload import create_payload
from raygun4py import raygunmsgs

from iron_session import HeaderJar, get_iron_session
from tests.helpers.frames import MARKER, is_secret
from tests.libraries.errors.actions import ACTIONS, HEADERS, OPTIONS


def as_text(payload: Any) -> str:
    return json.dumps(payload, default=lambda thing: getattr(thing, "__dict__", str(thing)))


class ElasticClient(Client):  # type: ignore[misc]  # it has no types
    """Keeps what it would send."""

    def __init__(self) -> None:
        self.kept: list[Any] = []
        super().__init__(
            {"SERVICE_NAME": "site", "CENTRAL_CONFIG": False, "METRICS_INTERVAL": "0s"}
        )

    def queue(self, kind: str, data: Any, flush: bool = False) -> None:
        self.kept.append(data)


def by_elastic() -> str:
    client = ElasticClient()
    client.capture_exception()
    client.close()
    return as_text(client.kept)


def by_honeybadger() -> str:
    config = Configuration(api_key="key", report_local_variables=True)
    return as_text(create_payload(sys.exc_info()[1], config=config))


def by_raygun() -> str:
    options = {
        "transmitLocalVariables": True,
        "transmitGlobalVariables": False,
        "ignored_exceptions": [],
        "enforce_payload_size_limit": False,
        "log_payload_size_limit_breaches": False,
    }
    return as_text(raygunmsgs.RaygunErrorMessage(*sys.exc_info(), options))


def report(name: str, send: Callable[[], Any]) -> Any:
    """Have a session's failure reported where it is caught."""
    session = get_iron_session(HeaderJar(HEADERS["Cookie"]), OPTIONS)
    try:
        ACTIONS[name][1](session)
        session.commit()
    except Exception:
        return send()
    pytest.fail("nothing was raised")


@pytest.mark.parametrize("name", ACTIONS)
@pytest.mark.parametrize("send", [by_elastic, by_honeybadger, by_raygun])
def test_a_tracker_sends_nothing_secret(send: Callable[[], str], name: str) -> None:
    sent = report(name, send)
    assert ACTIONS[name][0] in sent
    assert not is_secret(sent)


# --- Rollbar -------------------------------------------------------------------------------------


@pytest.fixture
def rolled(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Keep what Rollbar would send."""
    sent: list[Any] = []
    monkeypatch.setattr(rollbar, "send_payload", lambda payload, token: sent.append(payload))
    monkeypatch.setattr(rollbar, "_initialized", False)
    return sent


@pytest.mark.parametrize("name", ACTIONS)
def test_rollbar_without_variables_sends_nothing_secret(name: str, rolled: list[Any]) -> None:
    """As the page on watching has it."""
    rollbar.init("0" * 32, handler="blocking", locals={"enabled": False})
    report(name, rollbar.report_exc_info)
    assert ACTIONS[name][0] in as_text(rolled)
    assert not is_secret(as_text(rolled))


def test_rollbar_sends_what_is_in_a_session_otherwise(rolled: list[Any]) -> None:
    rollbar.init("0" * 32, handler="blocking", locals={"enabled": True})
    report("save-too-much", rollbar.report_exc_info)
    assert MARKER in as_text(rolled)
