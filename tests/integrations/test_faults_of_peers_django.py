"""What Django's own signed-cookie sessions get wrong, each as a test that it is right here."""

import base64
import pickle
import sys
from datetime import datetime
from typing import Any, ClassVar

import pytest
from django.contrib.sessions.backends.signed_cookies import SessionStore as SignedCookies
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpResponse, JsonResponse
from django.test import override_settings
from django.urls import path

from iron_session import CookieTooLargeError, NotSerializableError
from iron_session.integrations.django import SessionStore
from tests.contract.door import Answer, Visit
from tests.contract.wsgi_driver import request as send
from tests.helpers.clock import Clock
from tests.integrations.django_site import project
from tests.sessions.browser import (
    FOREIGN,
    OLD,
    PASSWORD,
    password_id_of,
    saved,
    seal_text,
)

COOKIE = "sessionid"
raised: list[BaseException | None] = []


def show(request: Any) -> HttpResponse:
    """Answer what is in the session."""
    return JsonResponse(dict(request.session))


def add(request: Any) -> HttpResponse:
    """Add to a list inside the session."""
    request.session.setdefault("visits", {"by": []})["by"].append(1)
    return HttpResponse()


def grow(request: Any) -> HttpResponse:
    """Write as much as the query says."""
    request.session["large"] = "x" * int(request.GET["size"])
    return HttpResponse()


def brief(request: Any) -> HttpResponse:
    """Give the session a minute."""
    request.session["user"] = 1
    request.session.set_expiry(60)
    return HttpResponse()


def end(request: Any) -> HttpResponse:
    """End the session."""
    request.session.flush()
    return HttpResponse()


def handler500(request: Any) -> HttpResponse:
    """Note what was raised."""
    raised.append(sys.exception())
    return HttpResponse(status=500)


urlpatterns = [
    path("", show),
    path("add", add),
    path("grow", grow),
    path("brief", brief),
    path("end", end),
]


def visit(target: str, *cookie_fields: str, **arguments: Any) -> Answer:
    """Send a request to a site with these options."""
    given = {"password": PASSWORD, **arguments}
    with override_settings(
        ROOT_URLCONF=__name__, MIDDLEWARE=[project.SESSION_MIDDLEWARE], IRON_SESSION=given
    ):
        return send(
            WSGIHandler(),
            Visit(target=target, headers=[("cookie", field) for field in cookie_fields]),
        )


def back(answer: Answer) -> str:
    """Give the Cookie header of a browser that got this answer."""
    return f"{COOKIE}={answer.cookies[COOKIE].value}"


def header(data: dict[str, Any], **changes: Any) -> str:
    """Give the Cookie header of a browser with a session."""
    return saved(data, cookie_name=COOKIE, **changes)


def test_a_change_inside_a_nested_value_is_not_lost() -> None:
    """Django saves what was assigned to a key, and no deeper."""
    answer = visit("/add")
    answer = visit("/add", back(answer))
    assert visit("/", back(answer)).json == {"visits": {"by": [1, 1]}}


@pytest.mark.parametrize("size", [3100, 8000, 40000])
def test_a_cookie_that_browsers_would_drop_is_not_sent(size: int) -> None:
    """Django sends it without a word; the visitor is logged out."""
    raised.clear()
    answer = visit(f"/grow?size={size}", header({"user": 1}))
    assert (answer.status, answer.cookies) == (500, {})
    assert [type(error) for error in raised] == [CookieTooLargeError]
    assert '["large"]' in str(raised[0])


def test_nobody_can_read_what_is_in_the_cookie() -> None:
    """Django's is signed only."""
    (value,) = (cookie.value for cookie in visit("/grow?size=20").cookies.values())
    decoded = [base64.urlsafe_b64decode(part + "==") for part in value.split("*")[4:5]]
    assert "large" not in value
    assert not any(b"large" in part or b"xxx" in part for part in decoded)


def test_a_session_by_an_old_password_is_written_again_by_the_newest() -> None:
    """In Django it stays as it is until it changes, so SECRET_KEY_FALLBACKS can't be emptied."""
    answer = visit("/", header({"a": 1}, password=OLD), password={1: OLD, 2: PASSWORD})
    assert password_id_of(answer.cookies[COOKIE].value) == "2"
    assert visit("/", back(answer), password={2: PASSWORD}).json == {"a": 1}


@pytest.mark.parametrize("target", ["/add", "/end"])
def test_a_cookie_can_be_partitioned(target: str) -> None:
    """CHIPS, for which Django has no setting; and it is deleted with the same attributes."""
    options = {"same_site": "none", "partitioned": True}
    cookies = header({"a": 1}, cookie_options=options)
    attributes = visit(target, cookies, cookie_options=options).cookies[COOKIE].attributes
    assert {"Partitioned", "Secure"} <= attributes.keys()
    assert attributes["SameSite"] == "None"


@pytest.mark.parametrize("name", ["__Host-id", "__Secure-id", "id"])
def test_a_cookie_is_deleted_with_the_attributes_that_it_was_set_with(name: str) -> None:
    """Django leaves Secure out where the name has no prefix."""
    cookie = visit("/end", saved({"a": 1}, cookie_name=name), cookie_name=name).cookies[name]
    assert (cookie.value, cookie.max_age) == ("", 0)
    assert {"Secure", "HttpOnly", "Path"} <= cookie.attributes.keys()


def test_a_life_of_its_own_is_enforced_by_the_server(clock: Clock) -> None:
    """Django's seals have one age for all, whatever `set_expiry` says: ticket 19201."""
    kept = back(visit("/brief"))
    clock.advance(119)
    assert visit("/", kept).json["user"] == 1
    clock.advance(2)
    assert visit("/", kept).json == {}


@pytest.mark.parametrize("tossed", ["x", seal_text('{"a":2}', password=FOREIGN), ""])
@pytest.mark.parametrize("first", [True, False])
def test_a_cookie_tossed_in_by_a_sibling_does_not_shadow_the_real_one(
    tossed: str, first: bool
) -> None:
    """Django takes the last of a name, and logs the visitor out."""
    pairs = [f"{COOKIE}={tossed}", header({"a": 1})]
    assert visit("/", "; ".join(pairs if first else pairs[::-1])).json == {"a": 1}


def test_what_json_can_t_carry_is_refused_where_it_is_assigned() -> None:
    """Django fails once the view is done, and names no key."""
    with pytest.raises(NotSerializableError, match=r'session\["cart"\]\[0\]\["when"\]'):
        SessionStore()["cart"] = [{"when": datetime(2024, 2, 29)}]


def test_a_response_that_sets_the_cookie_is_not_kept_by_a_cache() -> None:
    """Django says only that it varies."""
    answer = visit("/add")
    assert (answer.vary, answer.cache_control) == ("Cookie", "no-store")


class Pickling:
    """A serializer that runs programs, as Django's own once did; it notes its use."""

    used: ClassVar[list[str]] = []

    def dumps(self, data: object) -> bytes:
        self.used.append("dumps")
        return pickle.dumps(data)

    def loads(self, data: bytes) -> Any:
        self.used.append("loads")
        return pickle.loads(data)  # noqa: S301 - that is the fault


def test_nothing_is_written_by_pickle_whatever_the_settings_say() -> None:
    """A serializer that runs programs was Django's default once, and can still be set."""
    Pickling.used.clear()
    with override_settings(SESSION_SERIALIZER=f"{__name__}.{Pickling.__name__}"):
        store = SessionStore()
        store["a"] = 1
        store.save()
        assert dict(SessionStore(store.session_key)) == {"a": 1}
        assert SessionStore().decode(store.encode({"b": 2})) == {"b": 2}
        own = SignedCookies()
        assert own.decode(own.encode({"b": 2})) == {"b": 2}
    assert Pickling.used == ["dumps", "loads"]  # by Django's own alone
