"""Quart-Babel: lazy texts are flashed in coroutines, and shown in the visitor's language."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from quart import Quart, flash, redirect, render_template_string, request, session
from quart.testing import QuartClient
from quart_babel import Babel, lazy_gettext, lazy_ngettext
from werkzeug.wrappers import Response

from iron_session.integrations.quart import IronSessionInterface
from tests.libraries.flask.site import OPTIONS, is_expired
from tests.libraries.flask.translations import write_german

GERMAN = {"Accept-Language": "de"}
MESSAGES = """{% for category, message in get_flashed_messages(with_categories=true) -%}
{{ category }}: {{ message }}
{% endfor %}"""


@pytest.fixture
def client(tmp_path: Path) -> QuartClient:
    """Open a site in a browser that has German beside English."""
    app = Quart(__name__)
    app.config["BABEL_TRANSLATION_DIRECTORIES"] = write_german(tmp_path / "translations")
    app.session_interface = IronSessionInterface(OPTIONS)
    Babel(app, locale_selector=lambda: request.accept_languages.best_match(["de", "en"]))

    @app.post("/save")
    async def save() -> Response:
        await flash(lazy_gettext("Saved"), "success")
        await flash(lazy_ngettext("%(num)d row", "%(num)d rows", num=2), lazy_gettext("Saved"))
        return redirect("/", 303)

    @app.post("/cartoon")
    async def cartoon() -> Response:
        await flash(lazy_gettext("Tom & Jerry"))
        return redirect("/", 303)

    @app.post("/keep")
    async def keep() -> str:
        session["labels"] = {"title": lazy_gettext("Saved"), "list": [lazy_gettext("Saved")]}
        return "kept"

    @app.get("/kept")
    async def kept() -> dict[str, Any]:
        return dict(session["labels"])

    @app.get("/")
    async def home() -> str:
        return await render_template_string(MESSAGES)

    return app.test_client()


def test_lazy_messages_survive_a_redirect_and_are_shown_once(client: QuartClient) -> None:
    async def visit() -> None:
        await client.post("/save", headers=GERMAN)
        page = await client.get("/")
        assert (await page.get_data(as_text=True)).splitlines() == [
            "success: Gespeichert",
            "Gespeichert: 2 Zeilen",
        ]
        assert is_expired(page)
        assert await (await client.get("/")).get_data(as_text=True) == ""

    asyncio.run(visit())


def test_a_lazy_text_is_escaped_once_when_it_is_shown(client: QuartClient) -> None:
    async def visit() -> None:
        page = await client.post("/cartoon", headers=GERMAN, follow_redirects=True)
        text = await page.get_data(as_text=True)
        assert text.strip() == "message: Tom &amp; Jerry &amp; Spike"

    asyncio.run(visit())


def test_lazy_texts_are_kept_as_texts_wherever_they_stand(client: QuartClient) -> None:
    async def visit() -> None:
        await client.post("/keep", headers=GERMAN)
        kept = await (await client.get("/kept")).get_json()
        assert kept == {"title": "Gespeichert", "list": ["Gespeichert"]}

    asyncio.run(visit())
