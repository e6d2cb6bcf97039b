"""Any JSON value comes back equal."""

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iron_session import NotSerializableError, _json, seal_data, unseal_data
from iron_session.seals import KeyOptions, SealOptions, Secret, seal, unseal
from tests.helpers import json_values
from tests.helpers.seals import OTHER, PASSWORD

values = json_values.values.filter(lambda value: not has_reserved_name(value))
purposes = st.none() | st.text(min_size=1, max_size=10)
algorithms = st.sampled_from(["aes-256-cbc", "aes-128-ctr"])
ids = st.from_regex(r"[A-Za-z0-9_]{0,8}", fullmatch=True)


def has_reserved_name(value: object) -> bool:
    return isinstance(value, dict) and "$iron" in value


def same(back: object, value: object) -> bool:
    """Tell 1 from True and 1.0, 0.0 from -0.0, and one order of keys from another."""
    return repr(back) == repr(value)


@given(values, st.integers(0, 10**6))
def test_any_value_comes_back_from_seal_data(value: Any, ttl: int) -> None:
    text = seal_data(value, password={1: PASSWORD, 2: OTHER}, ttl=ttl)
    assert same(unseal_data(text, password={2: OTHER}), value)


@given(json_values.objects.filter(lambda value: "$iron" not in value), purposes)
def test_any_object_comes_back_for_its_purpose(value: dict[str, Any], purpose: str | None) -> None:
    before = repr(value)
    text = seal_data(value, password=PASSWORD, purpose=purpose)
    assert same(unseal_data(text, password=PASSWORD, purpose=purpose), value)
    assert repr(value) == before


@given(json_values.values, algorithms, ids, st.integers(1, 80), st.integers(1, 3))
def test_any_value_comes_back_from_seal(
    value: Any, algorithm: Any, id_: str, salt_bytes: int, iterations: int
) -> None:
    options = SealOptions(
        encryption=KeyOptions(algorithm=algorithm, salt_bits=8 * salt_bytes, iterations=iterations),
        integrity=KeyOptions(algorithm="sha256", salt_bits=8 * (81 - salt_bytes)),
        ttl=60,
    )
    text = seal(value, Secret(id_, encryption=PASSWORD, integrity=OTHER), options)
    opener = Secret("other", encryption=PASSWORD, integrity=OTHER)
    assert same(unseal(text, opener, options), value)
    assert same(unseal(text, {id_ or "default": opener}, options), value)


@given(json_values.values, st.binary(min_size=16, max_size=16), st.binary(min_size=32))
def test_any_value_comes_back_by_keys_in_bytes(value: Any, key: bytes, mac_key: bytes) -> None:
    options = SealOptions(encryption=KeyOptions(algorithm="aes-128-ctr"))
    secret = Secret("1", encryption=key, integrity=mac_key)
    assert same(unseal(seal(value, secret, options), secret, options), value)


@given(json_values.values)
def test_any_value_is_written_as_any_other_reader_reads_it(value: Any) -> None:
    raw = _json.encode(value, "data")
    assert same(json.loads(raw.decode()), value)
    assert json.loads(json.dumps(value)) == json.loads(raw)


not_json = (
    st.binary()
    | st.sets(st.integers())
    | st.datetimes()
    | st.decimals()
    | st.complex_numbers()
    | st.just(float("nan"))
    | st.just(float("inf"))
    | st.dictionaries(st.integers() | st.none(), st.just(1), min_size=1)
)
steps = st.lists(st.integers(0, 3) | json_values.keys, max_size=6)


def shown_key(key: str) -> str:
    """Write a key as JSON does, but for a lone surrogate, which no terminal prints."""
    written = json.dumps(key[:40] + "…" * (len(key) > 40), ensure_ascii=False)
    return "[" + re.sub("[\ud800-\udfff]", lambda one: f"\\u{ord(one[0]):04x}", written) + "]"


@given(not_json, steps)
def test_what_json_lacks_is_named_by_its_path(wrong: Any, path: list[int | str]) -> None:
    """Wherever it stands: the path leads from the data to it."""
    value, shown = wrong, "data"
    for step in reversed(path):
        value = [0] * step + [value] if isinstance(step, int) else {"before": 0, step: value}
    for step in path:
        shown += f"[{step}]" if isinstance(step, int) else shown_key(step)
    with pytest.raises(NotSerializableError) as caught:
        seal(value, PASSWORD)
    assert caught.value.path == shown
