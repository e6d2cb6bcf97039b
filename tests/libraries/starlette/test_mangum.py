"""Mangum on AWS Lambda: every cookie of a session arrives and returns, by each kind of event."""

import asyncio
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from mangum import Mangum
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from iron_session.integrations.starlette import IronSessionMiddleware
from tests.sessions.browser import NAME, ReceivedCookie, make_options

Event = dict[str, Any]
CONTEXT: Any = None  # what Lambda knows of the call; Mangum only hands it on


def read(request: Request) -> JSONResponse:
    data = {key: len(value) for key, value in request.session.items()}
    answer = JSONResponse(data)
    answer.set_cookie("theme", "dark")
    return answer


def fill(request: Request) -> JSONResponse:
    request.session["text"] = "x" * request.path_params["size"]
    return read(request)


def log_out(request: Request) -> JSONResponse:
    request.session.clear()
    return read(request)


ROUTES = [Route("/read", read), Route("/fill/{size:int}", fill), Route("/log_out", log_out)]


def by_api_gateway_v1(path: str, cookies: list[str]) -> Event:
    lines = {"Host": ["example.com"], "Cookie": ["; ".join(cookies)]}
    return {
        "resource": "/{proxy+}",
        "path": path,
        "httpMethod": "GET",
        "headers": {name: values[-1] for name, values in lines.items()},
        "multiValueHeaders": lines,
        "queryStringParameters": None,
        "requestContext": {"identity": {"sourceIp": "127.0.0.1"}},
        "body": None,
        "isBase64Encoded": False,
    }


def by_api_gateway_v2(path: str, cookies: list[str]) -> Event:
    return {
        "version": "2.0",
        "rawPath": path,
        "rawQueryString": "",
        "cookies": cookies,
        "headers": {"host": "example.com"},
        "requestContext": {"http": {"method": "GET", "path": path, "sourceIp": "127.0.0.1"}},
        "isBase64Encoded": False,
    }


def by_load_balancer(path: str, cookies: list[str]) -> Event:
    return {
        "requestContext": {"elb": {"targetGroupArn": "arn"}},
        "httpMethod": "GET",
        "path": path,
        "queryStringParameters": {},
        "headers": {"host": "example.com", "cookie": "; ".join(cookies)},
        "body": "",
        "isBase64Encoded": False,
    }


def by_load_balancer_with_many_values(path: str, cookies: list[str]) -> Event:
    event = by_load_balancer(path, cookies)
    lines = {"host": ["example.com"], "cookie": cookies}  # a field of its own for each cookie
    del event["headers"]
    return {**event, "multiValueHeaders": lines, "multiValueQueryStringParameters": {}}


def set_cookies(answer: Event) -> list[str]:
    """Read what a gateway would send on, wherever this kind of event has it."""
    single = answer.get("headers", {})
    many = answer.get("multiValueHeaders", {})
    found = [value for name, value in single.items() if name.lower() == "set-cookie"]
    found += [each for name, values in many.items() if name == "set-cookie" for each in values]
    return found + answer.get("cookies", [])


@dataclass
class Browser:
    """Keeps the cookies that the function sets, and sends them with the next event."""

    function: Mangum
    make_event: Callable[[str, list[str]], Event]
    cookies: dict[str, str] = field(default_factory=dict)

    def get(self, path: str) -> Any:
        sent = [f"{name}={value}" for name, value in self.cookies.items()]
        answer = self.function(self.make_event(path, sent), CONTEXT)
        assert answer["statusCode"] == 200
        for cookie in map(ReceivedCookie.parse, set_cookies(answer)):
            if cookie.max_age == 0:
                self.cookies.pop(cookie.name, None)
            else:
                self.cookies[cookie.name] = cookie.value
        return json.loads(answer["body"])


@pytest.fixture(
    params=[
        by_api_gateway_v1,
        by_api_gateway_v2,
        by_load_balancer,
        by_load_balancer_with_many_values,
    ]
)
def browser(request: pytest.FixtureRequest) -> Iterator[Browser]:
    options = make_options(chunk=True)
    app = Starlette(routes=ROUTES, middleware=[Middleware(IronSessionMiddleware, options=options)])
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)  # Mangum runs in the thread's, as it finds it
    yield Browser(Mangum(app, lifespan="off"), request.param)
    asyncio.set_event_loop(None)
    loop.close()


def test_a_session_in_one_cookie_arrives_and_returns(browser: Browser) -> None:
    browser.get("/fill/10")
    assert set(browser.cookies) == {NAME, "theme"}
    assert browser.get("/read") == {"text": 10}
    assert browser.get("/log_out") == {}
    assert set(browser.cookies) == {"theme"}


def test_a_session_in_chunks_arrives_whole_and_shrinks(browser: Browser) -> None:
    browser.get("/fill/6000")
    assert set(browser.cookies) == {f"{NAME}.0", f"{NAME}.1", f"{NAME}.2", "theme"}
    assert browser.get("/read") == {"text": 6000}
    browser.get("/fill/10")
    assert set(browser.cookies) == {NAME, "theme"}
    assert browser.get("/read") == {"text": 10}
    browser.get("/fill/6000")
    browser.get("/log_out")
    assert set(browser.cookies) == {"theme"}
