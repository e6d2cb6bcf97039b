"""What type checkers know of sessions. Never run: `make check` reads it, with mypy and pyright."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Annotated, Any, TypedDict, assert_type

import attrs
import msgspec
import pydantic
from fastapi import Depends, Request, Response

from iron_session import Flash, HeaderJar, Passwords, Session, SessionOptions, get_iron_session
from iron_session.integrations import fastapi

PASSWORD = Passwords.from_env("SESSION_PASSWORD")


@dataclass
class Visitor:
    name: str = ""
    seen: datetime | None = None
    cart: list[int] = field(default_factory=list)


class VisitorDict(TypedDict, total=False):
    name: str


class VisitorStruct(msgspec.Struct):
    name: str = ""


class VisitorModel(pydantic.BaseModel):
    name: str = ""


@attrs.define
class VisitorAttrs:
    name: str = ""


plain = SessionOptions(password=PASSWORD, cookie_name="plain")
typed = SessionOptions(password=PASSWORD, cookie_name="typed", schema=Visitor)
jar = HeaderJar(None)


def options_without_a_schema() -> None:
    session = get_iron_session(jar, plain)
    assert_type(session["name"], Any)
    assert_type(session.data, Any)


def each_kind_of_schema() -> None:
    assert_type(typed, SessionOptions[Visitor])
    assert_type(get_iron_session(jar, typed), Session[Visitor])
    assert_type(get_iron_session(jar, typed).data, Visitor)
    of_dict = SessionOptions(password=PASSWORD, cookie_name="d", schema=VisitorDict)
    assert_type(get_iron_session(jar, of_dict).data, VisitorDict)
    of_struct = SessionOptions(password=PASSWORD, cookie_name="s", schema=VisitorStruct)
    assert_type(get_iron_session(jar, of_struct).data.name, str)
    of_model = SessionOptions(password=PASSWORD, cookie_name="m", schema=VisitorModel)
    assert_type(get_iron_session(jar, of_model).data, VisitorModel)
    of_attrs = SessionOptions(password=PASSWORD, cookie_name="a", schema=VisitorAttrs)
    assert_type(get_iron_session(jar, of_attrs).data, VisitorAttrs)


def what_a_type_checker_refuses() -> None:
    session = get_iron_session(jar, typed)
    # Each of these is wrong on purpose; should a checker take one, it finds the comment unused.
    session.data.nmae = "typo"  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
    session.data.name = 5  # type: ignore[assignment]  # pyright: ignore[reportAttributeAccessIssue]
    session.data = VisitorModel()  # type: ignore[assignment]  # pyright: ignore[reportAttributeAccessIssue]
    session[5] = "a key"  # type: ignore[index]  # pyright: ignore[reportArgumentType]


def the_rest_of_a_session(session: Session[Visitor], bare: Session) -> None:
    assert_type(session.ttl, timedelta)
    session.ttl = 60
    session.ttl = timedelta(days=30)
    session.ttl = None
    assert_type(session.created_at, datetime | None)
    assert_type(session.expires_at, datetime | None)
    assert_type(session.pop_flashes(), list[Flash])
    assert_type(session.copy(), dict[str, Any])
    assert_type(session | {"a": 1}, dict[str, Any])
    assert_type(session.options, SessionOptions[Visitor])
    assert_type(bare.data, Any)
    session |= {"a": 1}
    assert_type(session, Session[Visitor])


CurrentSession = Annotated[Session[Visitor], Depends(fastapi.SessionDependency(typed))]


async def fastapi_route(request: Request, response: Response, session: CurrentSession) -> str:
    assert_type(session.data, Visitor)
    assert_type(fastapi.get_iron_session(request, response, typed), Session[Visitor])
    assert_type(await fastapi.SessionDependency(typed)(request), Session[Visitor])
    return session.data.name
