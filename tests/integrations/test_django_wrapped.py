"""A session for one view of Django: `with_iron_session`."""

import asyncio
import inspect
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from asgiref.sync import iscoroutinefunction
from django.apps import apps
from django.contrib import auth
from django.contrib.sessions.backends.signed_cookies import SessionStore as SignedCookies
from django.core.exceptions import BadRequest, PermissionDenied, SuspiciousOperation
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.db import connection
from django.http import FileResponse, Http404, HttpResponse, JsonResponse, StreamingHttpResponse
from django.template import engines
from django.template.response import TemplateResponse
from django.test import AsyncRequestFactory, RequestFactory, override_settings
from django.urls import path
from django.utils.decorators import method_decorator
from django.utils.functional import SimpleLazyObject
from django.views import View

from iron_session import (
    ConfigurationError,
    CookieTooLargeError,
    HeadersAlreadySentError,
    IronSessionError,
    Session,
    unseal_data,
)
from iron_session.integrations.django import get_session, with_iron_session
from tests.contract import asgi_driver, wsgi_driver
from tests.contract.common_app import FILE, CrashError, HandledError
from tests.contract.door import Answer, Visit
from tests.contract.logs import errors_in, lost_changes
from tests.helpers.frames import MARKER, leaks_of
from tests.helpers.frames import PASSWORD as SECRET
from tests.integrations.django_site import project
from tests.sessions.browser import FOREIGN, NAME, PASSWORD, make_options, saved

OPTIONS = make_options()
ADMIN = make_options(cookie_name="admin", password=FOREIGN)
DJANGOS = "sessionid"
"""The cookie of Django's own session."""

wrapped = with_iron_session(OPTIONS)
as_admin = with_iron_session(ADMIN, key="admin")

SESSIONS = "django.contrib.sessions.middleware.SessionMiddleware"
USERS = "django.contrib.auth.middleware.AuthenticationMiddleware"
OWN_ENGINE = {"SESSION_ENGINE": "django.contrib.sessions.backends.signed_cookies"}

VISITORS: dict[str, Callable[[Visit], Answer]] = {
    "wsgi": lambda visit: wsgi_driver.request(WSGIHandler(), visit),
    "asgi": lambda visit: asyncio.run(asgi_driver.request(ASGIHandler(), visit)),
}


@pytest.fixture(params=VISITORS)
def server(request: pytest.FixtureRequest) -> str:
    """Either server's interface."""
    return str(request.param)


def visit(
    view: Any,
    cookie: str | None = None,
    *,
    middleware: tuple[str, ...] = (),
    server: str = "wsgi",
    **settings: Any,
) -> Answer:
    """Visit a site of one view, with Django's own engine, and no middleware but these."""
    site: Any = ModuleType("site")
    site.urlpatterns = [path("view", view)]
    site.handler500 = answer_error
    settings = {"ROOT_URLCONF": site, "MIDDLEWARE": middleware, **OWN_ENGINE, **settings}
    headers = [] if cookie is None else [("Cookie", cookie)]
    with override_settings(**settings):
        return VISITORS[server](Visit(target="/view", headers=headers))


def answer_error(request: Any) -> HttpResponse:
    error = sys.exception()
    status = 413 if isinstance(error, IronSessionError) else 500
    return HttpResponse(type(error).__name__.encode(), status=status)


def write(request: Any) -> HttpResponse:
    """A view that changes the session."""
    request.session["a"] = 1
    return HttpResponse(b"written")


def raising(error: Exception) -> Any:
    """Give a view that changes the session and raises."""

    def view(request: Any) -> HttpResponse:
        write(request)
        raise error

    return view


def data_of(answer: Answer, name: str = NAME) -> Any:
    """Give what is in the session that an answer sets."""
    password = PASSWORD if name == NAME else FOREIGN
    return unseal_data(answer.cookies[name].value, password=password)


def djangos_data(answer: Answer) -> Any:
    """Give what is in Django's own session that an answer sets."""
    return SignedCookies(answer.cookies[DJANGOS].value).load()


# --- the decorator -----------------------------------------------------------------------------


@pytest.mark.parametrize("options", [None, "secret", {"cookie_name": NAME}])
def test_what_is_no_options_is_refused_at_once(options: Any) -> None:
    with pytest.raises(ConfigurationError, match="SessionOptions"):
        with_iron_session(options)


def test_a_view_stays_what_it_is() -> None:
    def page(request: Any, number: int = 0) -> HttpResponse:
        """Show a page."""
        return HttpResponse()

    async def page_async(request: Any) -> HttpResponse:
        return HttpResponse()

    page.csrf_exempt = True  # type: ignore[attr-defined]  # Django marks views so
    one: Any = wrapped(page)
    assert (one.__name__, one.__doc__, one.csrf_exempt) == ("page", "Show a page.", True)
    assert inspect.signature(one) == inspect.signature(page)
    assert not iscoroutinefunction(one)
    assert iscoroutinefunction(wrapped(page_async))


def test_a_view_needs_neither_a_middleware_nor_an_engine(server: str) -> None:
    for engine in ("django.contrib.sessions.backends.db", "no.such.engine"):
        answer = visit(wrapped(write), server=server, SESSION_ENGINE=engine, IRON_SESSION=None)
        assert (answer.body, data_of(answer)) == (b"written", {"a": 1})


def test_get_session_returns_the_session_itself() -> None:
    @wrapped
    def view(request: Any) -> HttpResponse:
        assert isinstance(get_session(request), Session)
        get_session(request)["a"] = 1
        return HttpResponse()

    assert data_of(visit(view)) == {"a": 1}


class Page(View):  # type: ignore[misc]  # Django has no types
    def get(self, request: Any) -> HttpResponse:
        return write(request)


class AsyncPage(View):  # type: ignore[misc]  # Django has no types
    async def get(self, request: Any) -> HttpResponse:
        await asyncio.sleep(0)
        return write(request)


class FailingPage(View):  # type: ignore[misc]  # Django has no types
    async def get(self, request: Any) -> HttpResponse:
        write(request)
        raise Http404


@pytest.mark.parametrize("method", ["dispatch", "get"])
@pytest.mark.parametrize("page", [Page, AsyncPage, FailingPage])
def test_methods_are_decorated_by_method_decorator(server: str, page: Any, method: str) -> None:
    class Decorated(page):  # type: ignore[misc]  # Django has no types
        pass

    method_decorator(wrapped, name=method)(Decorated)
    answer = visit(Decorated.as_view(), server=server)
    assert (answer.status, data_of(answer)) == (404 if page is FailingPage else 200, {"a": 1})


@pytest.mark.parametrize("page", [Page, AsyncPage])
def test_what_as_view_returns_is_decorated(server: str, page: Any) -> None:
    assert data_of(visit(wrapped(page.as_view()), server=server)) == {"a": 1}


def test_a_method_that_is_decorated_without_method_decorator_is_refused() -> None:
    class Decorated(View):  # type: ignore[misc]  # Django has no types
        @wrapped
        def get(self, request: Any) -> HttpResponse:
            return write(request)

    with pytest.raises(ConfigurationError, match="@method_decorator"):
        Decorated.as_view()(RequestFactory().get("/"))


def test_the_request_of_django_rest_framework_is_seen_through() -> None:
    """It hands on what is asked of it, but not what is set on it."""

    class Request:
        _request = RequestFactory().get("/")

        def __getattr__(self, name: str) -> Any:
            return getattr(self._request, name)

    request: Any = Request()
    assert NAME in wrapped(write)(request).cookies


# --- beside other sessions ---------------------------------------------------------------------


def around(view: Any) -> Any:
    """Give a view that uses Django's own session around one that is decorated."""

    def call(request: Any) -> HttpResponse:
        assert isinstance(request.session, SignedCookies)
        request.session["before"] = 1
        response: HttpResponse = view(request)
        assert isinstance(request.session, SignedCookies)
        request.session["after"] = 1
        return response

    return call


def test_django_s_own_session_is_around_the_view_and_is_saved_without_ours(server: str) -> None:
    answer = visit(around(wrapped(write)), middleware=(SESSIONS,), server=server)
    assert data_of(answer) == {"a": 1}
    assert djangos_data(answer) == {"before": 1, "after": 1}
    assert answer.vary == "Cookie"


def test_where_only_ours_is_used_django_s_own_writes_nothing(server: str) -> None:
    answer = visit(wrapped(write), middleware=(SESSIONS,), server=server)
    assert list(answer.cookies) == [NAME]
    answer = visit(wrapped(lambda request: HttpResponse()), middleware=(SESSIONS,), server=server)
    assert (answer.cookies, answer.vary) == ({}, None)


@pytest.mark.parametrize("error", [Http404(), CrashError()])
def test_where_the_view_raises_django_s_own_is_saved_without_ours(
    server: str, error: Exception
) -> None:
    answer = visit(around_raising(error), middleware=(SESSIONS, ANSWERS), server=server)
    assert djangos_data(answer) == {"before": 1}
    assert (NAME in answer.cookies) is isinstance(error, Http404)


def around_raising(error: Exception) -> Any:
    def view(request: Any) -> HttpResponse:
        request.session["before"] = 1
        answer: HttpResponse = wrapped(raising(error))(request)
        return answer

    return view


class AnswersExceptions:
    """A middleware that answers what views raise."""

    def __init__(self, get_response: Any) -> None:
        self._get_response = get_response

    def __call__(self, request: Any) -> Any:
        return self._get_response(request)

    def process_exception(self, request: Any, error: Exception) -> HttpResponse | None:
        return HttpResponse(b"answered") if isinstance(error, (CrashError, HandledError)) else None


ANSWERS = f"{__name__}.AnswersExceptions"


@pytest.mark.parametrize(("options", "key"), [(OPTIONS, "second"), (ADMIN, "session")])
def test_the_middleware_for_the_same_cookie_or_key_is_refused(options: Any, key: str) -> None:
    answer = visit(
        with_iron_session(options, key=key)(write),
        middleware=(project.SESSION_MIDDLEWARE,),
        SESSION_ENGINE=project.ENGINE,
        IRON_SESSION=OPTIONS,
    )
    assert (answer.status, answer.body) == (413, b"ConfigurationError")


def test_the_middleware_for_another_cookie_stands_beside_it(server: str) -> None:
    @as_admin
    def view(request: Any) -> HttpResponse:
        request.admin["b"] = 1
        return write(request)

    answer = visit(
        view,
        middleware=(project.SESSION_MIDDLEWARE,),
        server=server,
        SESSION_ENGINE=project.ENGINE,
        IRON_SESSION=OPTIONS,
    )
    assert (data_of(answer), data_of(answer, "admin")) == ({"a": 1}, {"b": 1})


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_views_that_call_each_other_share_the_session(mode: str) -> None:
    @wrapped
    def outer(request: Any) -> HttpResponse:
        write(request)
        return wrapped(count)(request)

    @wrapped
    async def outer_async(request: Any) -> HttpResponse:
        write(request)
        return await wrapped(count_async)(request)

    view = outer if mode == "sync" else outer_async
    answer = visit(view, server="wsgi" if mode == "sync" else "asgi")
    assert data_of(answer) == {"a": 1, "count": 1}


def count(request: Any) -> HttpResponse:
    request.session["count"] = request.session.get("count", 0) + 1
    return HttpResponse()


async def count_async(request: Any) -> HttpResponse:
    return count(request)


@pytest.mark.parametrize("first", [write, lambda request: HttpResponse()])
def test_a_view_that_is_called_after_another_has_answered_is_refused(first: Any) -> None:
    """The cookie that the first has read may be out of date by then."""

    def view(request: Any) -> HttpResponse:
        wrapped(first)(request)
        return wrapped(write)(request)

    assert visit(view).body == b"ConfigurationError"


# --- users -------------------------------------------------------------------------------------


@pytest.fixture
def ada(tmp_path: Path) -> Iterator[str]:
    """Have a database, and give the cookie of a user's session of Django's."""
    with project.new_database(tmp_path), override_settings(**OWN_ENGINE):
        request: Any = RequestFactory().get("/")
        request.session = SignedCookies()
        auth.login(request, auth.get_user_model().objects.get())
        request.session.save()
        yield f"{DJANGOS}={request.session.session_key}"


def test_the_user_is_that_of_django_s_session(ada: str, server: str) -> None:
    def view(request: Any) -> HttpResponse:
        name = request.user.get_username()
        assert type(request.user._wrapped) is auth.get_user_model()
        assert isinstance(get_session(request), Session)
        return JsonResponse([name, dict(request.session)], safe=False)

    answer = visit(wrapped(view), ada, middleware=(SESSIONS, USERS), server=server)
    assert answer.json == [project.NAME, {}]


def test_the_user_is_that_of_django_s_session_in_a_coroutine_too(ada: str) -> None:
    async def view(request: Any) -> HttpResponse:
        name = (await request.auser()).get_username()
        assert isinstance(get_session(request), Session)
        return JsonResponse([name, dict(request.session)], safe=False)

    answer = visit(wrapped(view), ada, middleware=(SESSIONS, USERS), server="asgi")
    assert answer.json == [project.NAME, {}]


def test_a_user_of_another_kind_stays_what_it_is() -> None:
    request: Any = RequestFactory().get("/")
    request.session, request.user = SignedCookies(), "somebody"
    wrapped(write)(request)
    assert request.user == "somebody"


def test_a_user_who_was_looked_up_before_stays() -> None:
    request: Any = RequestFactory().get("/")
    request.session = SignedCookies()
    request.user = SimpleLazyObject(lambda: SimpleNamespace(name=type(request.session).__name__))
    assert request.user.name == "SessionStore"
    request.session = SignedCookies()

    @wrapped
    def view(request: Any) -> HttpResponse:
        return HttpResponse(request.user.name.encode())

    assert view(request).content == b"SessionStore"


# --- templates ---------------------------------------------------------------------------------


def template(request: Any) -> TemplateResponse:
    """A view whose template looks at the session."""
    text = "{{ request.session.a }}{% for one in request.session.items %}{% endfor %}"
    return TemplateResponse(request, engines["django"].from_string(text))


@pytest.mark.parametrize("middleware", [(), (SESSIONS,)])
def test_a_template_is_rendered_with_the_view_s_session(
    server: str, middleware: tuple[str, ...]
) -> None:
    @wrapped
    def view(request: Any) -> TemplateResponse:
        write(request)
        return template(request)

    answer = visit(view, middleware=middleware, server=server)
    assert (answer.body, data_of(answer)) == (b"1", {"a": 1})
    assert list(answer.cookies) == [NAME]


@pytest.mark.parametrize("is_async", [False, True])
def test_a_look_that_only_the_template_takes_varies_the_response(is_async: bool) -> None:
    async def view_async(request: Any) -> TemplateResponse:
        return template(request)

    view = view_async if is_async else template
    answer = visit(wrapped(view), saved({"a": 7}), server="asgi" if is_async else "wsgi")
    assert (answer.body, answer.vary) == (b"7", "Cookie")


def test_two_sessions_wait_for_one_template() -> None:
    @as_admin
    @wrapped
    def view(request: Any) -> TemplateResponse:
        request.admin["b"] = 1
        write(request)
        response = template(request)
        response.add_post_render_callback(lambda _: request.session.update({"later": 1}))
        return response

    answer = visit(view, middleware=(SESSIONS,))
    assert data_of(answer) == {"a": 1, "later": 1}
    assert data_of(answer, "admin") == {"b": 1}


def test_a_template_that_fails_leaves_django_s_own_session_to_django(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def view(request: Any) -> TemplateResponse:
        request.session["before"] = 1
        return wrapped(failing)(request, error=CrashError())

    answer = visit(view, middleware=(SESSIONS, ANSWERS))
    assert answer.body == b"answered"
    assert djangos_data(answer) == {"before": 1}
    assert list(answer.cookies) == [DJANGOS]
    assert len(lost_changes(caplog)) == 1


class Crashing:
    def __init__(self, error: Exception) -> None:
        self._error = error

    def __iter__(self) -> Iterator[Any]:
        raise self._error


def failing(request: Any, error: Exception) -> TemplateResponse:
    """A view that changes the session, and whose template raises."""
    write(request)
    text = "{% for one in crash %}{% endfor %}"
    return TemplateResponse(
        request, engines["django"].from_string(text), {"crash": Crashing(error)}
    )


def test_an_http_error_of_a_template_carries_the_session() -> None:
    answer = visit(wrapped(lambda request: failing(request, Http404())), middleware=(SESSIONS,))
    assert (answer.status, data_of(answer)) == (404, {"a": 1})


class TakesAnotherTemplate:
    """A middleware that has another template rendered than the view's."""

    def __init__(self, get_response: Any) -> None:
        self._get_response = get_response

    def __call__(self, request: Any) -> Any:
        return self._get_response(request)

    def process_template_response(self, request: Any, response: Any) -> TemplateResponse:
        return TemplateResponse(request, engines["django"].from_string("another"))


@pytest.mark.parametrize("is_written", [False, True])
def test_a_template_that_a_middleware_drops_is_logged_as_lost(
    is_written: bool, caplog: pytest.LogCaptureFixture
) -> None:
    @wrapped
    def view(request: Any) -> TemplateResponse:
        if is_written:
            write(request)
        return template(request)

    answer = visit(view, middleware=(f"{__name__}.TakesAnotherTemplate",))
    assert (answer.body, answer.cookies) == (b"another", {})
    assert len(lost_changes(caplog)) == is_written


# --- streams and files -------------------------------------------------------------------------


class Peeks:
    """A middleware that takes the first part of a stream, and writes into Django's session."""

    def __init__(self, get_response: Any) -> None:
        self._get_response = get_response

    def __call__(self, request: Any) -> Any:
        response = self._get_response(request)
        parts = response.streaming_content
        response.streaming_content = [next(parts), *parts]
        request.session["own"] = 1
        return response


def test_a_streamed_body_has_the_view_s_session_whoever_reads_it() -> None:
    def parts(request: Any) -> Iterator[str]:
        yield str(request.session["a"])
        yield "!"

    @wrapped
    def view(request: Any) -> StreamingHttpResponse:
        write(request)
        return StreamingHttpResponse(parts(request))

    assert visit(view, middleware=(SESSIONS,)).body == b"1!"
    answer = visit(view, middleware=(SESSIONS, f"{__name__}.Peeks"))
    assert (answer.body, data_of(answer), djangos_data(answer)) == (b"1!", {"a": 1}, {"own": 1})


def test_a_streamed_body_of_a_coroutine_has_the_view_s_session(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def parts(request: Any) -> AsyncIterator[str]:
        yield str(request.session["a"])
        request.session["late"] = 1
        yield "!"

    @wrapped
    async def view(request: Any) -> StreamingHttpResponse:
        write(request)
        return StreamingHttpResponse(parts(request))

    answer = visit(view, middleware=(SESSIONS,), server="asgi")
    assert (answer.body, data_of(answer)) == (b"1!", {"a": 1})
    assert len(lost_changes(caplog)) == 1


def test_a_file_is_left_to_the_server() -> None:
    files: list[Any] = []

    @wrapped
    def view(request: Any) -> FileResponse:
        write(request)
        files.append(FileResponse(FILE.open("rb")))
        return files[0]

    answer = visit(view, middleware=(SESSIONS,))
    assert (answer.body, data_of(answer)) == (FILE.read_bytes(), {"a": 1})
    assert files[0].file_to_stream is not None


# --- what the view raises ----------------------------------------------------------------------

HTTP_ERRORS = {
    Http404: 404,
    PermissionDenied: 403,
    BadRequest: 400,
    SuspiciousOperation: 400,
}


@pytest.mark.parametrize("kind", HTTP_ERRORS)
@pytest.mark.parametrize("is_async", [False, True])
def test_an_http_error_carries_the_session(kind: Any, is_async: bool) -> None:
    async def view_async(request: Any) -> HttpResponse:
        return raising(kind())(request)

    view = view_async if is_async else raising(kind())
    answer = visit(wrapped(view), server="asgi" if is_async else "wsgi")
    assert (answer.status, data_of(answer)) == (HTTP_ERRORS[kind], {"a": 1})


@pytest.mark.parametrize("is_async", [False, True])
def test_an_http_error_whose_page_fails_is_an_accident(
    is_async: bool, caplog: pytest.LogCaptureFixture
) -> None:
    async def view_async(request: Any) -> HttpResponse:
        return raising(Http404())(request)

    def page(request: Any, exception: Exception) -> HttpResponse:
        raise CrashError

    view = wrapped(view_async if is_async else raising(Http404()))
    request = (AsyncRequestFactory if is_async else RequestFactory)().get("/")
    site: Any = ModuleType("site")
    site.urlpatterns, site.handler404 = [], page
    with (
        override_settings(ROOT_URLCONF=site, DEBUG_PROPAGATE_EXCEPTIONS=True),
        pytest.raises(CrashError),
    ):
        asyncio.run(view(request)) if is_async else view(request)
    request.close()
    assert len(lost_changes(caplog)) == 1


def test_a_transaction_of_the_request_s_is_rolled_back_at_an_http_error(tmp_path: Path) -> None:
    @wrapped
    def view(request: Any) -> HttpResponse:
        groups().objects.create(name=request.session.get("name", "first"))
        if "name" in request.session:
            raise Http404
        request.session["name"] = "second"
        return HttpResponse()

    with project.new_database(tmp_path), atomic_requests():
        first = visit(view)
        second = visit(view, f"{NAME}={first.cookies[NAME].value}")
        assert (first.status, second.status) == (200, 404)
        assert [group.name for group in groups().objects.all()] == ["first"]


def groups() -> Any:
    """Give a model of Django's, to write something into the database."""
    return apps.get_model("auth", "Group")


@contextmanager
def atomic_requests() -> Iterator[None]:
    connection.settings_dict["ATOMIC_REQUESTS"] = True
    try:
        yield
    finally:
        connection.settings_dict["ATOMIC_REQUESTS"] = False


def test_a_database_without_such_transactions_is_left_alone(tmp_path: Path) -> None:
    def view(request: Any) -> HttpResponse:
        groups().objects.create(name="kept")
        raise Http404

    with project.new_database(tmp_path):
        assert visit(wrapped(view)).status == 404
        assert groups().objects.count() == 1


@pytest.mark.parametrize("is_async", [False, True])
def test_an_exception_that_a_middleware_answers_is_logged_as_lost(
    is_async: bool, server: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def view_async(request: Any) -> HttpResponse:
        return raising(HandledError())(request)

    view = wrapped(view_async if is_async else raising(HandledError()))
    answer = visit(view, middleware=(ANSWERS,), server=server)
    assert (answer.body, answer.cookies) == (b"answered", {})
    (message,) = lost_changes(caplog)
    assert "the view raised" in message


@pytest.mark.parametrize("look", [False, True])
def test_an_exception_without_a_change_is_not_logged(
    look: bool, caplog: pytest.LogCaptureFixture
) -> None:
    requests: list[Any] = []

    @wrapped
    def view(request: Any) -> HttpResponse:
        requests.append(request)
        if look:
            dict(request.session)
        raise HandledError

    visit(view, saved({"a": 1}), middleware=(ANSWERS,))
    assert errors_in(caplog) == []
    with pytest.raises(HeadersAlreadySentError):
        requests[0].session.save()


def test_an_exception_that_nobody_handles_is_an_accident(
    server: str, caplog: pytest.LogCaptureFixture
) -> None:
    answer = visit(wrapped(raising(CrashError())), server=server)
    assert (answer.status, answer.body, answer.cookies) == (500, b"CrashError", {})
    assert lost_changes(caplog) == []


def test_a_visitor_who_goes_leaves_nothing_behind(caplog: pytest.LogCaptureFixture) -> None:
    request: Any = AsyncRequestFactory().get("/")

    @wrapped
    async def view(request: Any) -> HttpResponse:
        write(request)
        await asyncio.sleep(60)
        return HttpResponse()

    async def go() -> None:
        task = asyncio.create_task(view(request))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(go())
    assert lost_changes(caplog) == []
    request.session["late"] = 1
    assert len(lost_changes(caplog)) == 1


# --- what the view returns ---------------------------------------------------------------------


def test_a_view_that_returns_no_response_gets_django_s_own_error(
    server: str, caplog: pytest.LogCaptureFixture
) -> None:
    def view(request: Any) -> None:
        write(request)

    answer = visit(wrapped(view), server=server)
    assert (answer.status, answer.body, answer.cookies) == (500, b"ValueError", {})
    assert lost_changes(caplog) == []


def test_a_plain_dict_may_take_the_session_s_place() -> None:
    @wrapped
    def view(request: Any) -> HttpResponse:
        request.session = {"user": 1}
        return HttpResponse()

    assert data_of(visit(view)) == {"user": 1}
    assert data_of(visit(view, middleware=(SESSIONS,))) == {"user": 1}


@pytest.mark.parametrize("value", [1, object()])
def test_a_plain_dict_that_is_lost_with_an_exception_is_logged(
    value: object, caplog: pytest.LogCaptureFixture
) -> None:
    @wrapped
    def view(request: Any) -> HttpResponse:
        request.session = {"user": value}
        raise HandledError

    assert visit(view, middleware=(ANSWERS,)).body == b"answered"
    assert len(lost_changes(caplog)) == isinstance(value, int)  # the other is refused anywhere


@pytest.mark.parametrize("is_async", [False, True])
def test_a_session_that_is_too_large_is_the_error_page_s_to_answer(is_async: bool) -> None:
    def view(request: Any) -> HttpResponse:
        request.session["large"] = "x" * 8000
        return HttpResponse()

    async def view_async(request: Any) -> HttpResponse:
        return view(request)

    answer = visit(wrapped(view_async if is_async else view), server="asgi" if is_async else "wsgi")
    assert (answer.status, answer.body) == (413, b"CookieTooLargeError")
    assert (answer.cookies, answer.vary) == ({}, "Cookie")


@pytest.mark.parametrize("is_async", [False, True])
def test_where_that_page_fails_too_django_s_own_session_is_put_back(is_async: bool) -> None:
    def view(request: Any) -> HttpResponse:
        request.session["large"] = "x" * 8000
        return HttpResponse()

    async def view_async(request: Any) -> HttpResponse:
        return view(request)

    request: Any = (AsyncRequestFactory if is_async else RequestFactory)().get("/")
    request.session = djangos = SignedCookies()
    call: Any = wrapped(view_async if is_async else view)
    with override_settings(DEBUG_PROPAGATE_EXCEPTIONS=True), pytest.raises(CookieTooLargeError):
        asyncio.run(call(request)) if is_async else call(request)
    assert request.session is djangos


@pytest.mark.parametrize("is_async", [False, True])
def test_no_frame_shows_a_secret(is_async: bool) -> None:
    def view(request: Any) -> HttpResponse:
        raise CrashError(request.session["secret"] == MARKER)

    async def view_async(request: Any) -> HttpResponse:
        return view(request)

    decorated: Any = view_async if is_async else view
    call = with_iron_session(make_options(password=SECRET))(decorated)
    header = saved({"secret": MARKER}, password=SECRET)
    factory: Any = AsyncRequestFactory if is_async else RequestFactory
    request = factory().get("/", headers={"cookie": header})
    with pytest.raises(CrashError) as raised:
        asyncio.run(call(request)) if is_async else call(request)
    assert raised.value.args == (True,)
    assert leaks_of(raised.value) == []
