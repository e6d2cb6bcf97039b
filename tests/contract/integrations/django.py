"""The common app in Django, twice: behind its WSGI and behind its ASGI handler."""

import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from types import ModuleType
from typing import Any, NoReturn

from django.core.handlers.asgi import ASGIHandler, ASGIRequest
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import got_request_exception
from django.http import (
    FileResponse,
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseRedirect,
    JsonResponse,
    StreamingHttpResponse,
)
from django.test import override_settings
from django.urls import path
from django.utils.deprecation import MiddlewareMixin

from iron_session import IronSessionError, SessionOptions, SessionUnavailableError
from iron_session.integrations.django import (
    IronSessionMiddleware,
    get_iron_session,
    with_iron_session,
)
from tests.contract import asgi_driver, wsgi_driver
from tests.contract.common_app import (
    ANSWERED,
    FILE,
    HANDLED,
    OWN_HEADERS,
    SCOPE_KEYS,
    STREAM_START,
    TOO_LARGE,
    Call,
    CrashError,
    HandledError,
    SessionOf,
)
from tests.contract.door import Door
from tests.contract.server import serve_asgi, serve_wsgi
from tests.integrations.django_site import project


class SecondSession(IronSessionMiddleware):
    """The middleware of a second session; `make_app` gives it options."""

    key = SCOPE_KEYS[1]


class ExplicitOptions(MiddlewareMixin):  # type: ignore[misc]  # Django has no types
    """Passes the options of `make_explicit_app` to the view of the explicit form."""

    options: SessionOptions

    def __init__(self, get_response: Any) -> None:
        super().__init__(get_response)
        self._options = self.options

    def process_request(self, request: HttpRequest) -> None:
        request.META["tests.options"] = self._options


class WrappedViews(MiddlewareMixin):  # type: ignore[misc]  # Django has no types
    """Sends requests to views that are decorated; `make_wrapped_app` gives them."""

    views: ModuleType

    def __init__(self, get_response: Any) -> None:
        super().__init__(get_response)
        self._views = self.views

    def process_request(self, request: Any) -> None:
        request.urlconf = self._views


class AnswerHandled(MiddlewareMixin):  # type: ignore[misc]  # Django has no types
    """Answers the application's own exception, and that of a session that can't be told."""

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if isinstance(error, HandledError):
            return HttpResponse(b"handled", status=HANDLED)
        if isinstance(error, SessionUnavailableError) and SessionUnavailableError in ANSWERED:
            return HttpResponse(type(error).__name__.encode(), status=TOO_LARGE)
        return None


def make_app(handler: Callable[[], Any], options: Sequence[SessionOptions]) -> Any:
    """Build the app, with one middleware for each session."""
    middleware = [project.SESSION_MIDDLEWARE, f"{__name__}.AnswerHandled"]
    if len(options) > 1:
        SecondSession.options = options[1]
        middleware.append(f"{__name__}.SecondSession")
    with override_settings(MIDDLEWARE=middleware, IRON_SESSION=options[0]):
        return handler()


def make_wrapped_app(handler: Callable[[], Any], options: Sequence[SessionOptions]) -> Any:
    """Build the app without a middleware of ours, and decorate each view."""
    views: Any = ModuleType("views")
    views.handler500 = answer_error
    views.urlpatterns = [
        path(str(one.pattern), wrapped(one.callback, options)) for one in urlpatterns
    ]
    WrappedViews.views = views
    with override_settings(
        MIDDLEWARE=[f"{__name__}.WrappedViews"],
        SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies",
        IRON_SESSION=None,
    ):
        return handler()


def wrapped(view: Any, options: Sequence[SessionOptions]) -> Any:
    """Decorate a view, once for each session."""
    for key, one in zip(SCOPE_KEYS, options, strict=False):
        view = with_iron_session(one, key=key)(view)
    return view


def make_explicit_app(handler: Callable[[], Any], options: SessionOptions) -> Any:
    """Build the app of the explicit form, without the session's middleware."""
    ExplicitOptions.options = options
    with override_settings(MIDDLEWARE=[f"{__name__}.ExplicitOptions"]):
        return handler()


# --- views -------------------------------------------------------------------------------------


def call_of(request: HttpRequest) -> Call:
    """Read what the view is asked to do."""
    return Call.parse(request.META["QUERY_STRING"])


def sessions_of(request: HttpRequest) -> SessionOf:
    """Reach the sessions by their attributes of the request."""
    return lambda position: getattr(request, SCOPE_KEYS[position])


def perform(request: HttpRequest) -> Any:
    """Perform what the request asks for."""
    return call_of(request).perform(sessions_of(request))


def answer(request: HttpRequest) -> HttpResponse:
    return JsonResponse(perform(request), safe=False)


async def answer_async(request: HttpRequest) -> HttpResponse:
    result = await call_of(request).perform_async(sessions_of(request))
    return JsonResponse(result, safe=False)


def answer_with_own_headers(request: HttpRequest) -> HttpResponse:
    response = answer(request)
    for name, value in OWN_HEADERS:
        if name == "set-cookie":
            key, _, text = value.partition(";")[0].partition("=")
            response.set_cookie(key, text)
        else:
            response.headers[name] = value
    return response


def stream(request: HttpRequest) -> StreamingHttpResponse:
    perform(request)
    return StreamingHttpResponse(fitting(request, parts(request)))


def parts(request: HttpRequest) -> Iterator[str]:
    yield STREAM_START
    yield call_of(request).perform_late(sessions_of(request))


def send_file(request: HttpRequest) -> FileResponse:
    perform(request)
    response = FileResponse(FILE.open("rb"))
    response.streaming_content = fitting(request, response.streaming_content)
    return response


def fitting(request: HttpRequest, content: Any) -> Any:
    """Make a body asynchronous where Django, behind ASGI, would warn that it is not."""

    async def asynchronous() -> AsyncIterator[Any]:
        for part in content:
            yield part

    return asynchronous() if isinstance(request, ASGIRequest) else content


def redirect(request: HttpRequest) -> HttpResponse:
    perform(request)
    return HttpResponseRedirect("/", status=303)


def not_found(request: HttpRequest) -> NoReturn:
    perform(request)
    raise Http404


def crash(request: HttpRequest) -> NoReturn:
    perform(request)
    raise CrashError


def fail(request: HttpRequest) -> NoReturn:
    perform(request)
    raise HandledError


def explicit(request: HttpRequest) -> HttpResponse:
    response = HttpResponse(content_type="application/json")
    session = get_iron_session(request, response, request.META["tests.options"])
    response.content = JsonResponse(call_of(request).perform(lambda _: session), safe=False).content
    return response


urlpatterns = [
    path("", answer),
    path("async", answer_async),
    path("sync", answer),
    path("own", answer_with_own_headers),
    path("stream", stream),
    path("file", send_file),
    path("redirect", redirect),
    path("error", not_found),
    path("crash", crash),
    path("handled", fail),
    path("explicit", explicit),
]


def answer_error(request: HttpRequest) -> HttpResponse:
    """Answer what the session raises, and everything else by a 500: the site's `handler500`."""
    error = sys.exception()
    if isinstance(error, IronSessionError):
        return HttpResponse(type(error).__name__.encode(), status=TOO_LARGE)
    return HttpResponse(b"Internal Server Error", status=500)


# --- what failed -------------------------------------------------------------------------------

TOLD: ContextVar[list[BaseException]] = ContextVar("what Django has told of one request")


def hear(**_: object) -> None:
    """Keep what Django has caught, which no server sees."""
    error = sys.exception()
    if error is not None:
        TOLD.get([]).append(error)


got_request_exception.connect(hear)


def listen() -> list[BaseException]:
    """Begin a request, and return a list for what will be reported of it."""
    told: list[BaseException] = []
    TOLD.set(told)
    return told


@contextmanager
def open_wsgi(app: Any) -> Iterator[wsgi_driver.RunningApp]:
    """Run the app in process; what was answered by a 500 is raised after that."""

    def telling(environ: Any, start: Any) -> Any:
        statuses: list[str] = []

        def listening(status: str, headers: Any) -> Any:
            statuses.append(status)
            return start(status, headers)

        told = listen()
        body = app(environ, listening)
        if told and statuses[0] >= "500":
            body.close()
            raise told[-1]
        return body

    with wsgi_driver.run_in_process(telling) as running:
        yield running


@contextmanager
def open_asgi(app: Any) -> Iterator[asgi_driver.RunningApp]:
    """Run the app in process; what was answered by a 500 is raised after that."""

    async def telling(scope: Any, receive: Any, send: Any) -> None:
        statuses: list[int] = []

        async def listening(message: Any) -> None:
            statuses.append(message.get("status", 0))
            await send(message)

        told = listen()
        await app(scope, receive, listening)
        if told and statuses[0] >= 500:
            raise told[-1]

    with asgi_driver.run_in_process(telling) as running:
        yield running


DOORS = [
    Door(
        "django wsgi",
        partial(make_app, WSGIHandler),
        open_wsgi,
        partial(make_explicit_app, WSGIHandler),
        serve_wsgi,
    ),
    Door(
        "django asgi",
        partial(make_app, ASGIHandler),
        open_asgi,
        partial(make_explicit_app, ASGIHandler),
        serve_asgi,
    ),
    Door(
        "django wsgi wrapped",
        partial(make_wrapped_app, WSGIHandler),
        open_wsgi,
        partial(make_explicit_app, WSGIHandler),
        serve_wsgi,
    ),
    Door(
        "django asgi wrapped",
        partial(make_wrapped_app, ASGIHandler),
        open_asgi,
        partial(make_explicit_app, ASGIHandler),
        serve_asgi,
    ),
]
