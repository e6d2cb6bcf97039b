"""Strawberry: queries, mutations and subscriptions read and write our session by their context."""

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
import strawberry
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Route, WebSocketRoute
from strawberry.asgi import GraphQL
from websockets.sync.client import connect

from iron_session.integrations.starlette import IronSessionMiddleware
from tests.helpers.waiting import WAIT
from tests.libraries.starlette.serving import plain_options, serve
from tests.sessions.browser import NAME, session_of

PROTOCOL = "graphql-transport-ws"


@strawberry.type
class Query:
    """What is asked."""

    @strawberry.field
    def me(self, info: strawberry.Info) -> str | None:
        return info.context["request"].session.get("user")


@strawberry.type
class Mutation:
    """What is changed."""

    @strawberry.mutation
    def log_in(self, info: strawberry.Info, user: str) -> str:
        info.context["request"].session["user"] = user
        return user

    @strawberry.mutation
    async def log_out(self, info: strawberry.Info) -> bool:
        info.context["request"].session.clear()
        return True


@strawberry.type
class Subscription:
    """What is listened to."""

    @strawberry.subscription
    async def greetings(self, info: strawberry.Info) -> AsyncIterator[str]:
        user = info.context["request"].session.get("user")
        for word in ("good morning", "good night"):
            yield f"{word}, {user}"


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    graphql = GraphQL(strawberry.Schema(Query, Mutation, Subscription))
    app = Starlette(
        routes=[Route("/graphql", graphql), WebSocketRoute("/graphql", graphql)],
        middleware=[Middleware(IronSessionMiddleware, options=plain_options())],
    )
    with serve(app) as address:
        yield address


@pytest.fixture
def client(address: str) -> Iterator[httpx.Client]:
    with httpx.Client(timeout=WAIT, base_url=address) as client:
        yield client


def ask(client: httpx.Client, text: str) -> dict[str, Any]:
    answer = client.post("/graphql", json={"query": text}).json()
    assert "errors" not in answer
    return answer["data"]


def test_mutations_log_in_and_out(client: httpx.Client) -> None:
    assert ask(client, "{ me }") == {"me": None}
    assert list(client.cookies) == []
    ask(client, 'mutation { logIn(user: "ann") }')
    assert dict(session_of(f"{NAME}={client.cookies[NAME]}")) == {"user": "ann"}
    assert ask(client, "{ me }") == {"me": "ann"}
    ask(client, "mutation { logOut }")
    assert list(client.cookies) == []


def test_a_subscription_reads_the_session(client: httpx.Client, address: str) -> None:
    ask(client, 'mutation { logIn(user: "ann") }')
    cookie = {"Cookie": f"{NAME}={client.cookies[NAME]}"}
    url = address.replace("http", "ws") + "/graphql"
    with connect(url, subprotocols=[PROTOCOL], additional_headers=cookie) as websocket:
        websocket.send(json.dumps({"type": "connection_init"}))
        assert json.loads(websocket.recv())["type"] == "connection_ack"
        start = {"type": "subscribe", "id": "1", "payload": {"query": "subscription { greetings }"}}
        websocket.send(json.dumps(start))
        answers = [json.loads(websocket.recv()) for _ in range(3)]
    told = [answer["payload"]["data"]["greetings"] for answer in answers[:2]]
    assert told == ["good morning, ann", "good night, ann"]
    assert answers[2]["type"] == "complete"
