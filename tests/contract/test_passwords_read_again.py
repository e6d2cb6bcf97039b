"""Passwords that are read again while a site is open: every door follows, and none has a copy."""

import json

import pytest

from iron_session import ConfigurationError, Passwords
from tests.contract.visitor import Welcome
from tests.sessions.browser import NAME, OLD, PASSWORD, Failures, make_options, password_id_of


def test_a_site_that_is_open_follows_its_passwords(welcome: Welcome) -> None:
    failures = Failures()
    environ = {"KEY": OLD}
    passwords = Passwords.from_env("KEY", environ)
    visitor = welcome(make_options(password=passwords, on_unseal_error=failures))
    visitor.ask("update", {"a": 1})
    old = visitor.cookies[NAME]

    environ["KEY"] = json.dumps({"1": OLD, "2": PASSWORD})
    passwords.reload(seal_with=1)
    assert visitor.ask("read").cookies == {}
    passwords.reload(seal_with=2)
    assert visitor.session == {"a": 1}
    assert password_id_of(visitor.cookies[NAME]) == "2"
    assert failures == []

    environ["KEY"] = json.dumps({"2": PASSWORD})
    passwords.reload()
    assert visitor.session == {"a": 1}
    visitor.cookies[NAME] = old
    assert visitor.session == {}
    assert failures.reasons == ["unknown-password"]

    environ["KEY"] = "short"
    with pytest.raises(ConfigurationError):
        passwords.reload()
    visitor.ask("update", {"b": 1})
    assert visitor.session == {"b": 1}
