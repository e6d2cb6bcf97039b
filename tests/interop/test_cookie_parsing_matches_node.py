"""Cookie headers are read here as the npm package cookie reads them."""

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from iron_session import HeaderJar
from tests.interop.node import Driver

HEADERS = [
    "",
    ";",
    "a",
    "a=1",
    "a=1; b=2",
    "a=1;b=2",
    "a=1,b=2",
    "a=1 ;  b =\t2\t; c= 3",
    "a=1; a=2; a=3",
    "a=; a=2",
    "a; a=2",
    "a=1; b; c=3",
    "b; c; a=1; d",
    ";;; a=1;;;",
    "a=1;",
    "a==1=",
    "a = = 1",
    "=1; a=2",
    "a=b=c; d",
    'a="quoted"; b="q;r"; c="',
    "a=\\; b=\\\\",
    "a=x y z",
    "a=\x00; b=\x7f; c=\x1f",
    "a=1\r\nb=2; c=3",
    "a=1\x0b; \x0cb=2",
    "\xa0a=1; b=\xa02\xa0; \u2028c\u2028=3\u2028",
    "a=%41; b=%C3%A9; c=%F0%9F%98%80",
    "a=%; b=%4; c=%zz; d=%4g; e=%%41",
    "a=%41%; b=%E9; c=%C3; d=%C3%; e=%C3é%A9",
    "a=%ED%A0%80; b=%C0%80; c=%F4%90%80%80; d=%FE; e=%80",
    "a=%c3%a9; b=%00; c=%3B%3D%20; d=%25%34%31",
    "a=%E2%80%A8; b=%EF%BB%BF; c=%EF%BF%BF",
    "a=%u0041; b=+; c=%2B; d=% 41; e=%+1; f=%-1; g=%0x; h=%1_",
    "a=%\uff141; b=%\u0664\u0661; c=é%41; d=%41é%C3%A9日",
    "%61=1; a=2",
    "é=1; 日本=2; 😀=3",
    "a=é; b=日本; c=😀",
    "a=\ud800; b=\udc00%41; \ud800=1",
    "a=%C3\ud800; b=\udc00%E9; c=%ED%A0%80\udfff; d=%C3%A9\ud800%41; e=\udc80%80; f=%41%\ud800",
    "__proto__=1; constructor=2; toString=3; hasOwnProperty=4; __proto__=5",
    "myapp=Fe26.2*1*0a*b-_*c*17*d*e~2; myapp.0=x; myapp.1=y",
    "$Version=1; a=1; $Path=/",
    "a=1; A=2",
    "a[]=1; a[b]=2; {}=3; \"q\"=4; 'q'=5; <a>=6",
    "a=" + "x" * 20000,
    "; ".join(f"a{number}={number}" for number in range(400)),
]

pieces = st.sampled_from(
    [
        *("a", "b", "=", ";", "; ", " ", "\t", '"', ",", "\\", "\n"),
        *("%", "%4", "%41", "%C3", "%A9", "é", "\ud800", "\udc00"),
    ]
)
headers = st.lists(pieces | st.characters(exclude_categories=()), max_size=30).map("".join)
# JavaScript joins a high surrogate and a low one that follows into one character.
headers = headers.map(
    lambda text: text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
)


def names_in(header: str) -> set[str]:
    """Give all that could be taken for a name, by any way of reading."""
    pairs = header.replace(",", ";").replace("\n", ";").split(";")
    return {name for pair in pairs for name in (pair.strip(" \t"), pair.split("=")[0].strip(" \t"))}


def first_values(header: str, names: set[str]) -> dict[str, str]:
    """Give the first value of each name as our jar reads it."""
    jar = HeaderJar(header)
    return {name: jar.read(name)[0] for name in names if jar.read(name)}


def assert_read_alike(driver: Driver, header: str) -> None:
    """Compare the first value of each name, but for the empty name, which no session can have."""
    theirs = driver.parse_cookie(header)
    names = names_in(header) | set(theirs) - {""}
    assert first_values(header, names - {""}) == {
        name: value for name, value in theirs.items() if name
    }


@pytest.mark.parametrize("header", HEADERS)
def test_the_first_value_of_each_name_is_the_one_that_node_reads(
    driver: Driver, header: str
) -> None:
    """Odd headers give the same cookies on both sides."""
    assert_read_alike(driver, header)


@settings(
    max_examples=1000,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(header=headers)
@example(header="=")
def test_any_header_is_read_as_node_reads_it(driver: Driver, header: str) -> None:
    """Text of any kind gives the same cookies on both sides."""
    assert_read_alike(driver, header)


def test_every_later_value_of_a_name_is_kept_in_order() -> None:
    """Unlike Node we keep duplicates, since the first may be one that an attacker planted."""
    jar = HeaderJar("a=1; b=x; a=2;a=%33; a")
    assert list(jar.read("a")) == ["1", "2", "3"]


def test_a_name_that_is_not_there_has_no_value() -> None:
    """An absent cookie is an empty sequence."""
    assert list(HeaderJar("a=1").read("b")) == []
