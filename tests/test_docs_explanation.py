"""The pages that explain, and the questions: their code is run, and what they say is so."""

import ast
import base64
import binascii
import dataclasses
import inspect
import json
import random
import re
import xml.etree.ElementTree as ET
import zlib
from collections.abc import Callable, Iterator, MutableMapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from django.contrib.sessions.middleware import SessionMiddleware as DjangoMiddleware
from django.http import HttpResponse
from django.test import RequestFactory, override_settings
from flask import Flask
from flask import session as flask_session
from joserfc import jwt
from joserfc.jwk import OctKey
from litestar import Litestar, Request, get
from litestar.middleware.session.client_side import CookieBackendConfig
from litestar.testing import TestClient as LitestarClient
from starlette.applications import Starlette
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import Request as StarletteRequest
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

import tests.integrations.django_site.project  # noqa: F401 - Django's settings
from iron_session import (
    CookieOptions,
    CookieTooLargeError,
    HeaderJar,
    Session,
    SessionOptions,
    UnsealError,
    get_iron_session,
    seal_data,
    unseal_data,
)
from iron_session.csrf import CsrfOptions
from iron_session.integrations.starlette import IronSessionMiddleware
from iron_session.revocation import MemoryStore, Revocations
from iron_session.seals import KeyOptions, SealOptions
from tests.helpers.pages import (
    ROOT,
    headings,
    links,
    one_line,
    read_page,
    run_page,
    sections,
    tables,
    without_code,
)
from tests.interop.handmade import HandmadeSeal
from tests.interop.node import run_script

WHY = read_page("docs/explanation/why.md")
SECURITY = read_page("docs/explanation/security.md")
SEALS = read_page("docs/explanation/seals.md")
JWT = read_page("docs/explanation/against-jwt.md")
FAQ = read_page("docs/faq.md")
POLICY = read_page("SECURITY.md")
PASSWORD = "the password of the explanations, 47 letters it"


def under(page: str, heading: str) -> str:
    """Return what is under a heading of any rank, up to the next one of that rank or above."""
    found = re.search(rf"^(#+) {re.escape(heading)}$(.*)", page, re.DOTALL | re.MULTILINE)
    assert found, heading
    return re.split(rf"^#{{1,{len(found[1])}}} ", found[2], maxsplit=1, flags=re.MULTILINE)[0]


def table_under(page: str, heading: str) -> list[list[str]]:
    """Return the rows of the first table under a heading, without their head."""
    return next(tables(under(page, heading)))[1:]


# --- why.md: the table of frameworks -----------------------------------------------------------

Act = Callable[[MutableMapping[str, Any]], object]
NOTE = "a note that nobody else may read"


@dataclasses.dataclass
class Answer:
    """What a response says: its cookies, and whether it varies on them."""

    cookies: list[str]
    vary: str


class Browser:
    """One visitor of an application that does to its session what it is told."""

    def __init__(self) -> None:
        self.act: Act = len

    def visit(self, act: Act) -> Answer:
        """Send a request whose handler does this to the session."""
        self.act = act
        return self.send()

    def send(self) -> Answer:
        raise NotImplementedError


class InStarlette(Browser):
    middleware: Any = SessionMiddleware
    settings: dict[str, Any] = {"secret_key": PASSWORD, "https_only": True}  # noqa: RUF012 - as a site writes it

    def __init__(self) -> None:
        super().__init__()

        async def home(request: StarletteRequest) -> PlainTextResponse:
            self.act(request.session)
            return PlainTextResponse()

        app = Starlette(routes=[Route("/", home)])
        app.add_middleware(self.middleware, **self.settings)
        self.client = TestClient(app, base_url="https://testserver")

    def send(self) -> Answer:
        response = self.client.get("/")
        return Answer(response.headers.get_list("set-cookie"), response.headers.get("vary", ""))


class WithOurs(InStarlette):
    middleware = IronSessionMiddleware
    settings = {  # noqa: RUF012 - as a site writes it
        "options": SessionOptions(password=PASSWORD, cookie_name="myapp"),
    }


class InChunks(WithOurs):
    settings = {  # noqa: RUF012 - as a site writes it
        "options": SessionOptions(password=PASSWORD, cookie_name="myapp", chunk=True),
    }


class InFlask(Browser):
    def __init__(self) -> None:
        super().__init__()
        app = Flask(__name__)
        app.secret_key = PASSWORD

        @app.get("/")
        def home() -> str:
            self.act(flask_session)
            return ""

        self.client = app.test_client()

    def send(self) -> Answer:
        response = self.client.get("/")
        return Answer(response.headers.getlist("Set-Cookie"), response.headers.get("Vary", ""))


class InDjango(Browser):
    def __init__(self) -> None:
        super().__init__()
        self.requests = RequestFactory()

        def home(request: Any) -> HttpResponse:
            self.act(request.session)
            return HttpResponse()

        with override_settings(SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies"):
            self.app = DjangoMiddleware(home)

    def send(self) -> Answer:
        response: Any = self.app(self.requests.get("/"))
        for name, morsel in response.cookies.items():
            self.requests.cookies[name] = morsel.value
        cookies = [morsel.OutputString() for morsel in response.cookies.values()]
        return Answer(cookies, response.headers.get("Vary", ""))


class InLitestar(Browser):
    def __init__(self) -> None:
        super().__init__()

        @get("/")
        async def home(request: Request[Any, Any, Any]) -> None:
            self.act(request.session)

        config = CookieBackendConfig(secret=b"0123456789abcdef", secure=True)
        app = Litestar([home], middleware=[config.middleware], logging_config=None)
        self.client = LitestarClient(app, base_url="https://testserver.local")

    def send(self) -> Answer:
        response = self.client.get("/")
        return Answer(response.headers.get_list("set-cookie"), response.headers.get("vary", ""))


COLUMNS: list[type[Browser]] = [WithOurs, InStarlette, InFlask, InDjango, InLitestar]


def decoded(part: str) -> bytes:
    """Return what a part of a cookie is in base64; nothing, if it is none."""
    text = part.rstrip("=").replace("+", "-").replace("/", "_")
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error:
        return b""


def inflated(data: bytes) -> bytes:
    """Return what the data is, decompressed; nothing, if it is not compressed."""
    try:
        return zlib.decompress(data)
    except zlib.error:
        return b""


def is_encrypted(browser: Browser) -> bool:
    """Return whether no part of the cookie has the note in it, decoded and decompressed."""
    (cookie,) = browser.visit(lambda session: session.update({"note": NOTE})).cookies
    value = cookie.partition(";")[0].partition("=")[2]
    parts = [decoded(part) for part in re.findall(r"[\w=+/-]+", value)]
    return not any(NOTE.encode() in data for data in [*parts, *map(inflated, parts)])


def saves_nested_changes(browser: Browser) -> bool:
    seen: list[Any] = []
    browser.visit(lambda session: session.update({"cart": {"items": []}}))
    browser.visit(lambda session: session["cart"]["items"].append("tea"))
    browser.visit(lambda session: seen.append(session["cart"]["items"]))
    return seen == [["tea"]]


def writes_changes_only(browser: Browser) -> bool:
    browser.visit(lambda session: session.update({"visits": 1}))
    return browser.visit(lambda session: session["visits"]).cookies == []


def grow(browser: Browser) -> Answer:
    """Write more than one cookie can hold, of what can't be compressed."""
    noise = base64.b64encode(random.Random(1).randbytes(6000)).decode()  # noqa: S311 - no secret
    return browser.visit(lambda session: session.update({"noise": noise}))


def refuses_what_is_too_big(browser: Browser) -> bool:
    try:
        grow(browser)
    except CookieTooLargeError:
        return True
    return False


def splits(browser: Browser) -> bool:
    """Return whether it does; ours with the option that the table calls optional."""
    able = InChunks() if isinstance(browser, WithOurs) else browser
    return len(grow(able).cookies) > 1


def varies(browser: Browser) -> bool:
    browser.visit(lambda session: session.update({"visits": 1}))
    return "cookie" in browser.visit(lambda session: session["visits"]).vary.lower()


MEASURED: dict[str, Callable[[Any], bool]] = {
    "encrypted: whoever has the cookie can't read it": is_encrypted,
    "a change inside a nested value is saved": saves_nested_changes,
    "written only when it changed": writes_changes_only,
    "a session that is too big is an error": refuses_what_is_too_big,
    "splits a session over several cookies": splits,
    "sets `Vary: Cookie`": varies,
}


@pytest.mark.filterwarnings("ignore:The 'session' cookie is too large")
@pytest.mark.parametrize("row", MEASURED)
@pytest.mark.parametrize("column", COLUMNS)
def test_the_table_of_frameworks_says_what_they_do(row: str, column: type[Browser]) -> None:
    """Each framework's own session, in an application of it."""
    table = table_under(WHY, "Beside the sessions that frameworks bring")
    (cells,) = [each[1:] for each in table if each[0].strip("`") == row.strip("`")]
    said = cells[COLUMNS.index(column)]
    assert MEASURED[row](column()) is said.startswith("✓"), said


def test_flask_warns_of_a_session_that_is_too_big_and_the_others_are_silent() -> None:
    with pytest.warns(UserWarning, match="cookie is too large"):
        assert len(grow(InFlask()).cookies[0]) > 4096
    for silent in (InStarlette, InDjango):
        assert len(grow(silent()).cookies[0]) > 4096


def test_the_versions_of_the_table_are_those_of_the_tests() -> None:
    pins = read_page("constraints.txt")
    for name, version in re.findall(r"(Starlette|Flask|Django|Litestar) (\d+\.\d+)", WHY):
        assert re.search(rf"^{name}=={version}\.", pins, re.MULTILINE | re.IGNORECASE), name


# --- sizes -------------------------------------------------------------------------------------


@pytest.mark.parametrize("chunk", [False, True])
def test_a_session_holds_as_much_as_the_pages_say(chunk: bool) -> None:
    """In thousands of bytes of JSON, `{"a":"…"}`."""
    options = SessionOptions(password=PASSWORD, cookie_name="myapp", chunk=chunk)

    def fits(size: int) -> bool:
        session = get_iron_session(HeaderJar(), options)
        session["a"] = "x" * (size - len('{"a":""}'))
        try:
            session.save()
        except CookieTooLargeError:
            return False
        return True

    said = 11.9 if chunk else 2.8
    assert f"{said} kB" in one_line(FAQ)
    assert f"{said} kB" in one_line(WHY)
    assert fits(int(said * 1000))
    assert not fits(int((said + 0.1) * 1000))


# --- security.md -------------------------------------------------------------------------------

OWNERS: dict[str, tuple[type[Any], ...]] = {
    "What each switch costs": (SessionOptions, CookieOptions),
    "Of `Revocations`:": (Revocations,),
    "Of `CsrfOptions`:": (CsrfOptions,),
    "Of `SealOptions` and `KeyOptions`": (SealOptions, KeyOptions),
}


def switches() -> Iterator[tuple[str, str, tuple[type[Any], ...]]]:
    """Yield each setting of the tables, its default there, and whose it is."""
    found = list(tables(under(SECURITY, "What each switch costs")))
    for owners, rows in zip(OWNERS.values(), found, strict=True):
        for setting, default, _ in rows[1:]:
            if default != "–":  # the cookie's name is required, and has none
                yield setting, default, owners


@pytest.mark.parametrize(("setting", "default", "owners"), [*switches()])
def test_each_switch_exists_and_has_the_default_of_the_table(
    setting: str, default: str, owners: tuple[type[Any], ...]
) -> None:
    names = re.findall(r"[a-z_]{3,}", setting)
    parameters: dict[str, Any] = {}
    for owner in owners:
        parameters |= inspect.signature(owner.__init__).parameters
    named = [name for name in names if name in parameters]
    assert named, setting
    found = parameters[named[0]].default
    if isinstance(found, timedelta) or default == "14 days":
        assert SessionOptions(password=PASSWORD, cookie_name="a").ttl_ms == 14 * 24 * 3600 * 1000
    else:
        assert found == ast.literal_eval(default)


def test_every_switch_that_iron_session_check_finds_is_in_the_table() -> None:
    """Those about cookies and lifetimes that are less safe than the default."""
    text = under(SECURITY, "What each switch costs")
    for setting in ("http_only=False", "secure=False", 'secure="auto"', 'same_site="none"'):
        assert f"`{setting}`" in text
    for setting in ("same_site=None", "ttl=0", 'when_stale="accept"', "end_on_destroy=False"):
        assert f"`{setting}`" in text


CHAPTERS = {
    "V7 Session management": "7.1.1 7.1.2 7.1.3 7.2.1 7.2.2 7.2.3 7.2.4 7.3.1 7.3.2 7.4.1 7.4.2 "
    "7.4.3 7.4.4 7.4.5 7.5.1 7.5.2 7.5.3 7.6.1 7.6.2",
    "V3.3 Cookie setup": "3.3.1 3.3.2 3.3.3 3.3.4 3.3.5",
    "V9 Self-contained tokens": "9.1.1 9.1.2 9.1.3 9.2.1 9.2.2 9.2.3 9.2.4",
}


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_each_requirement_of_a_chapter_has_its_line(chapter: str) -> None:
    named = [row[0] for row in table_under(SECURITY, chapter)]
    assert re.findall(r"\d\.\d\.\d", " ".join(named)) == CHAPTERS[chapter].split()


def test_the_methods_that_the_requirements_name_exist() -> None:
    text = SECURITY.partition("## OWASP ASVS")[2]
    called = set(re.findall(r"`(\w+)\(", text)) | {"sessions_of", "end_user", "end_all"}
    assert {"login", "clear", "destroy", "end_session"} <= called
    for name in called:
        assert hasattr(Session, name) or hasattr(Revocations, name), name
    attributes = re.findall(r"`session\.(\w+)`", text)
    assert len(attributes) > 3
    assert all(hasattr(Session, name) for name in attributes)


@pytest.fixture
def ending() -> Iterator[tuple[SessionOptions[Any], Revocations]]:
    revocations = Revocations(MemoryStore(), namespace="explanation")
    yield (
        SessionOptions(
            password=PASSWORD,
            cookie_name="myapp",
            max_lifetime=timedelta(days=30),
            revocations=revocations,
        ),
        revocations,
    )
    revocations.close()


def open_with(options: SessionOptions[Any], cookie: str = "") -> tuple[Session, HeaderJar]:
    jar = HeaderJar(cookie)
    return get_iron_session(jar, options), jar


def committed(session: Session, jar: HeaderJar) -> str:
    """Send the response, and return the browser's cookie."""
    session.commit()
    return jar.set_cookie_headers[0].partition(";")[0]


def test_a_login_leaves_copies_alone_and_clear_or_end_session_ends_them(
    ending: tuple[SessionOptions[Any], Revocations],
) -> None:
    """As 7.2.4 says."""
    options, revocations = ending

    def user_of(cookie: str) -> str | None:
        return open_with(options, cookie)[0].user_id

    session, jar = open_with(options)
    session.login("1")
    first = committed(session, jar)

    session, jar = open_with(options, first)
    old_id = session.id
    session.login("1")
    second = committed(session, jar)
    assert (user_of(first), user_of(second)) == ("1", "1")
    assert old_id is not None
    revocations.end_session(old_id)
    assert (user_of(first), user_of(second)) == (None, "1")

    session, jar = open_with(options, second)
    session.clear()
    session.login("1")
    third = committed(session, jar)
    assert (user_of(second), user_of(third)) == (None, "1")


def test_the_policy_and_the_model_say_nothing_twice() -> None:
    """The policy says how to report a problem, and leads to the model."""
    assert "docs/explanation/security.md" in links(POLICY)
    lines = {line for line in POLICY.splitlines() if len(line) > 40}
    assert not lines & set(SECURITY.splitlines())
    assert set(headings(POLICY)).isdisjoint(headings(SECURITY))


# --- seals.md ----------------------------------------------------------------------------------


@pytest.fixture
def by_hand() -> dict[str, Any]:
    return run_page(SEALS, "seals")


@pytest.mark.parametrize("page", [SEALS, JWT], ids=["seals", "against-jwt"])
def test_the_pages_print_what_they_say(page: str, capsys: pytest.CaptureFixture[str]) -> None:
    run_page(page, "explanation")
    printed = capsys.readouterr().out.splitlines()
    said = re.findall(r"^print\(.*\)  # (.*)$", page, re.MULTILINE)
    assert len(said) == len(printed) == 2
    for line, comment in zip(printed, said, strict=True):
        assert comment in (line, "without the password")


def test_a_seal_by_hand_opens_in_javascript(by_hand: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "open.mjs").write_text(
        "import { unsealData } from 'iron-session';\n"
        "const { SEAL, PASSWORD } = process.env;\n"
        "console.log(JSON.stringify(await unsealData(SEAL, { password: PASSWORD })));\n"
    )
    seal = by_hand["seal_by_hand"]({"user": 2}, 900)
    printed = run_script(tmp_path, "open.mjs", SEAL=seal, PASSWORD=by_hand["password"])
    assert json.loads(printed) == {"user": 2}


@pytest.mark.parametrize("data", [{}, {"a": "é" * 40}, [1, 2], {"n": 2**53 - 1, "t": True}])
def test_what_is_sealed_opens_by_hand_and_the_reverse(by_hand: dict[str, Any], data: Any) -> None:
    password = by_hand["password"]
    seal = seal_data(data, password=password, ttl=60)
    assert by_hand["open_by_hand"](seal) == data == unseal_data(seal, password=password)
    assert unseal_data(by_hand["seal_by_hand"](data, 60), password=password) == data


def test_opening_by_hand_refuses_a_changed_seal(by_hand: dict[str, Any]) -> None:
    parts = by_hand["seal"].split("*")
    parts[1] = "2"
    with pytest.raises(ValueError, match="changed"):
        by_hand["open_by_hand"]("*".join(parts))


def test_each_seal_of_the_same_data_is_another(by_hand: dict[str, Any]) -> None:
    one, other = (seal_data({}, password=by_hand["password"]).split("*") for _ in range(2))
    assert [a == b for a, b in zip(one, other, strict=True)][2:5] == [False] * 3


def test_a_flipped_bit_of_the_iv_flips_one_of_the_first_block(by_hand: dict[str, Any]) -> None:
    """Which the mac prevents: the page's own decryption, without its mac, shows it."""
    _, _, salt, iv, ciphertext, *_ = by_hand["seal"].split("*")
    flipped = bytearray(by_hand["decode"](iv))
    flipped[0] ^= 1
    cipher = Cipher(algorithms.AES256(by_hand["derive"](salt)), modes.CBC(bytes(flipped)))
    first = cipher.decryptor().update(by_hand["decode"](ciphertext))[:16]
    assert first == b'z"user":{"id":1}'[:16]  # `{` with its last bit flipped


# --- the drawing -------------------------------------------------------------------------------

SVG = ROOT / "docs" / "explanation" / "seal.svg"
DRAWN = ET.parse(SVG).getroot()  # noqa: S314 - it is ours
NAMESPACE = "{http://www.w3.org/2000/svg}"
TEXTS = ["".join(each.itertext()) for each in DRAWN.iter(f"{NAMESPACE}text")]


def test_the_drawing_has_a_title_and_a_description_and_loads_nothing() -> None:
    assert DRAWN.get("role") == "img"
    named = (DRAWN.get("aria-labelledby") or "").split()
    assert [DRAWN.find(f"{NAMESPACE}{name}").get("id") for name in named] == named  # type: ignore[union-attr]  # it is there
    text = SVG.read_text(encoding="utf-8")
    assert "prefers-color-scheme: dark" in text
    assert re.findall(r"https?://[^\"]+", text) == ["http://www.w3.org/2000/svg"]
    assert "href" not in text


def test_the_drawing_shows_the_parts_in_their_order() -> None:
    seal = seal_data({}, password=PASSWORD)
    start = TEXTS.index("Fe26.2")
    shown = TEXTS[start : start + 16]
    assert len(seal.split("*")) == len(shown[::2]) == 8
    assert shown[1::2] == [
        "the format",
        "id of the password",
        "encryption salt",
        "iv",
        "ciphertext",
        "expiration",
        "mac salt",
        "mac",
    ]


def drawn_checks() -> list[tuple[str, str]]:
    """Return the checks at opening, and the reason that each gives."""
    found = [
        (text, TEXTS[place + 1]) for place, text in enumerate(TEXTS) if re.match(r"\d\. ", text)
    ]
    assert [text[0] for text, _ in found] == list("1234567")
    return found


@pytest.mark.parametrize("failing", range(7))
def test_the_first_check_that_fails_gives_the_reason_in_the_drawing(failing: int) -> None:
    """Each seal fails the checks from one on: those after it have no say."""
    later = list(range(failing, 7))
    seal = HandmadeSeal(
        PASSWORD,
        plaintext=b"{" if 5 in later else b'{"a":1}',
        id="9" if 2 in later else "1",
        expiration="1000" if 1 in later else "",
        prefix="Fe26.1" if 0 in later else "Fe26.2",
    )
    text = seal.with_mac("A" * 43) if 3 in later else seal.text
    if failing == 4:
        text = cut_the_ciphertext(seal)
    with pytest.raises(UnsealError) as caught:
        unseal_data(text, password={1: PASSWORD}, purpose="login")
    assert caught.value.reason == drawn_checks()[failing][1]


def cut_the_ciphertext(seal: HandmadeSeal) -> str:
    """Return a seal whose mac is right, over a ciphertext that is no whole block."""

    class Cut(HandmadeSeal):
        @property
        def _ciphertext(self) -> bytes:
            return b"no block"

    return Cut(seal.password, id=seal.id).text


# --- against-jwt.md ----------------------------------------------------------------------------


def test_the_token_by_hand_is_a_jwt() -> None:
    page = run_page(JWT, "against_jwt")
    decoded = jwt.decode(page["token"], OctKey.import_key(page["password"]), algorithms=["HS256"])
    assert decoded.claims == page["claims"]


def test_the_sizes_of_both_are_those_on_the_page() -> None:
    page = run_page(JWT, "against_jwt")
    said = re.search(r"about (\d+) characters \| about (\d+) characters", JWT)
    assert said
    claims = {"user": {"id": 1}}
    token = jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(page["password"]))
    seal = seal_data(claims, password=page["password"])
    assert len(seal) == pytest.approx(int(said[1]), abs=10)
    assert len(token) == pytest.approx(int(said[2]), abs=15)


# --- faq.md ------------------------------------------------------------------------------------

QUESTIONS = {
    title: text.strip()
    for title, text in zip(
        *[iter(re.split(r"^## (.*)$", FAQ, flags=re.MULTILINE)[1:])] * 2, strict=True
    )
}


@pytest.mark.parametrize("question", QUESTIONS)
def test_an_answer_has_two_to_five_sentences_and_a_link(question: str) -> None:
    assert question.endswith("?")
    answer = one_line(QUESTIONS[question])
    sentences = re.findall(r"[.?](?= [A-Z`\[]|$)", re.sub(r"\]\([^)]*\)", "]", answer))
    assert 2 <= len(sentences) <= 5, answer
    assert links(answer)


def test_the_questions_of_javascripts_iron_session_come_first() -> None:
    assert list(QUESTIONS)[:4] == [
        "Why cookies for sessions?",
        "How do I invalidate a session?",
        "Can I use something other than cookies?",
        "How is it different from JWT?",
    ]
    assert len(QUESTIONS) >= 14


def test_no_method_of_a_session_is_a_coroutine() -> None:
    """As the answer on async says; of what asks a store, each has an asynchronous form."""
    methods = inspect.getmembers(Session, inspect.isfunction)
    assert "save" in dict(methods)
    assert [name for name, method in methods if inspect.iscoroutinefunction(method)] == []
    for name in ("end_user", "end_session", "end_all", "sessions_of"):
        assert inspect.iscoroutinefunction(getattr(Revocations, f"a{name}"))


def test_all_python_of_these_pages_is_run() -> None:
    """None is on the others."""
    for page in (WHY, SECURITY, FAQ, POLICY):
        assert "```python" not in page
        assert sections(page) == {}
    assert "```" not in without_code(SEALS + JWT)
