"""Whatever typed data holds, what a cookie brings back is equal to it."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import cache
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, reject
from hypothesis import strategies as st

from iron_session import CookieTooLargeError, HeaderJar, SessionOptions, get_iron_session
from tests.helpers import json_values
from tests.sessions.browser import make_options
from tests.sessions.schemas.kinds import BERLIN, KINDS, Colour, Fields, Item, get, put

moments = st.datetimes(
    datetime(1000, 1, 2),
    datetime(9999, 12, 30),
    timezones=st.timezones() | st.just(UTC) | st.just(BERLIN),
)
items = st.builds(Item, st.integers(), st.none() | moments)
texts = st.text()
keys = texts.filter(lambda text: text != "__proto__")


def has_whole_keys(value: Any) -> bool:
    """Tell whether all keys at any depth are text that UTF-8 can hold."""
    if isinstance(value, dict):
        whole = all(key.encode(errors="ignore").decode() == key for key in value)
        return whole and all(map(has_whole_keys, value.values()))
    return all(map(has_whole_keys, value)) if isinstance(value, list) else True


ANY: dict[str, tuple[Any, st.SearchStrategy[Any]]] = {
    "number": (int, st.integers()),
    "real": (float, st.floats(allow_nan=False, allow_infinity=False) | st.integers(0, 2**53)),
    "flag": (bool, st.booleans()),
    "text": (str, json_values.texts),
    "moment": (datetime, moments),
    "day": (date, st.dates(date(1000, 1, 1))),
    "hour": (time, st.times()),
    "span": (timedelta, st.timedeltas(timedelta(-9999), timedelta(9999))),
    "id": (UUID, st.uuids()),
    "price": (Decimal, st.decimals(allow_nan=False, allow_infinity=False)),
    "colour": (Colour, st.sampled_from(Colour)),
    "bytes": (bytes, texts.map(str.encode)),
    "list": (list[float | None], st.lists(st.none() | st.just(1.5))),
    "tuple": (tuple[int, str], st.tuples(st.integers(), texts)),
    "set": (set[int], st.sets(st.integers())),
    "mixed": (frozenset[int | str | None], st.frozensets(st.integers() | texts | st.none())),
    "times": (set[datetime], st.sets(moments.map(lambda one: one.astimezone(UTC)))),
    "by_number": (dict[int, str], st.dictionaries(st.integers(), texts)),
    "by_text": (dict[str, list[Item]], st.dictionaries(keys, st.lists(items, max_size=2))),
    "item": (Item | None, st.none() | items),
    # pydantic refuses half an emoji as a key, with an error.
    "any": (Any, json_values.values.filter(has_whole_keys)),
}


strategies = {name: one for name, (_, one) in ANY.items()}
instances = st.fixed_dictionaries({"changed": st.just(True)}, optional=strategies)


@cache
def any_options(kind: str) -> SessionOptions:
    fields: Fields = {name: (type_ | None, None) for name, (type_, _) in ANY.items()}
    fields["changed"] = (bool, False)
    return make_options(schema=KINDS[kind]("Visitor", fields), chunk=True, ttl=0)


def in_utc(value: Any) -> Any:
    """Bring moments to one zone, where Python compares all of them by what they are."""
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    if isinstance(value, Item):
        return Item(value.id, in_utc(value.at))
    if isinstance(value, list):
        return [in_utc(one) for one in value]
    if isinstance(value, dict):
        return {key: in_utc(one) for key, one in value.items()}
    return value


@pytest.mark.parametrize("kind", KINDS)
@given(values=instances)
def test_whatever_is_put_in_comes_back_equal(kind: str, values: dict[str, Any]) -> None:
    options = any_options(kind)
    first = get_iron_session(HeaderJar(), options)
    for name, value in values.items():
        put(first.data, name, value)
    try:
        first.save()
    except CookieTooLargeError:
        reject()
    second = get_iron_session(HeaderJar(f"myapp={first.seal}"), options)
    assert second == first
    assert not second.modified
    for name, value in values.items():
        found = get(second.data, name)
        assert in_utc(found) == in_utc(value)
        json.dumps(second[name])
