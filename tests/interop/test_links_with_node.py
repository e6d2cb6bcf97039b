"""A link made here opens in Node, and one that Node made opens here."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from iron_session import UnsealError
from iron_session.links import Links
from tests.interop.conftest import SITES
from tests.interop.node import Driver

PASSWORD = "the_password_of_these_tests_protects_nothing"
OTHER = "another_password_of_at_least_32_characters"
URL = "https://example.com/login?next=%2Fhome#top"
DATA: dict[str, Any] = {"email": "zoë@example.com", "roles": ["日本", None, 1.5, {"😀": True}]}

pytestmark = pytest.mark.parametrize("package", SITES)


def links(password: Any = PASSWORD, purpose: str = "login") -> Links:
    return Links(password=password, purpose=purpose)


def token_of(link: str) -> str:
    (token,) = parse_qs(urlsplit(link).query)["token"]
    return token


def as_browsers_write(driver: Driver, token: str) -> str:
    """Give the URL that JavaScript makes with `url.searchParams.set("token", token)`."""
    url: str = driver.call("setSearchParam", url=URL, name="token", value=token)
    return url


def test_node_opens_a_link_of_ours_and_sees_its_purpose(driver: Driver, package: str) -> None:
    link = links().make(URL, DATA)
    opened = driver.unseal_data(package, token_of(link), PASSWORD)
    assert opened.data == {**DATA, "$iron": {"for": "login"}}
    assert opened.reason is None


def test_node_finds_the_token_in_the_query_as_we_wrote_it(driver: Driver, package: str) -> None:
    link = links().make(URL, DATA)
    found = driver.call("getSearchParam", url=link, name="token")
    assert found == token_of(link)
    assert driver.call("getSearchParam", url=link, name="next") == "/home"
    assert driver.unseal_data(package, found, PASSWORD).data["email"] == DATA["email"]


def test_a_link_of_node_opens_here_and_has_no_purpose_left_in_it(
    driver: Driver, package: str
) -> None:
    token = driver.seal_data(package, {"$iron": {"for": "login"}, **DATA}, PASSWORD, ttl=900)
    assert links().read_token(token) == DATA
    url = as_browsers_write(driver, token)
    assert "*" in url
    assert links().read(url) == DATA


def test_a_link_of_node_without_a_purpose_or_for_another_is_refused(
    driver: Driver, package: str
) -> None:
    marks: list[dict[str, Any]] = [
        {},
        {"$iron": {"for": "e-mail"}},
        {"$iron": {}},
        {"for": "login"},
    ]
    for mark in marks:
        token = driver.seal_data(package, {**DATA, **mark}, PASSWORD, ttl=900)
        with pytest.raises(UnsealError) as caught:
            links().read(as_browsers_write(driver, token))
        assert caught.value.reason == "purpose"


def test_both_rotate_their_passwords_alike(driver: Driver, package: str) -> None:
    both = {1: PASSWORD, 2: OTHER}
    token = token_of(links(both).make(URL, DATA))
    assert driver.unseal_data(package, token, {2: OTHER}).data["email"] == DATA["email"]
    made = driver.seal_data(package, {**DATA, "$iron": {"for": "login"}}, PASSWORD, ttl=900)
    assert links(both).read_token(made) == DATA
    with pytest.raises(UnsealError) as caught:
        links({2: OTHER}).read_token(made)
    assert caught.value.reason == "unknown-password"
