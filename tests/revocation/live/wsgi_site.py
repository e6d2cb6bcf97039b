"""A site in Flask: gunicorn tests.revocation.live.wsgi_site:app --workers 4 --threads 4."""

from typing import Any

from flask import Flask, request

from iron_session.integrations.flask import IronSessionInterface, get_session
from tests.revocation.live.site import answer, count, options, revocations

app = Flask(__name__)
app.session_interface = IronSessionInterface(options)


@app.get("/")
@app.get("/who")
def who() -> dict[str, Any]:
    return answer(get_session())


@app.get("/visit")
def visit() -> dict[str, Any]:
    count(get_session())
    return answer(get_session())


@app.get("/login")
def login() -> dict[str, Any]:
    session = get_session()
    session.login(request.args["user"])
    session.save()  # now, since only a saved session has an id
    return answer(session)


@app.get("/logout")
def logout() -> dict[str, Any]:
    get_session().destroy()
    return answer(get_session())


@app.get("/end_user")
def end_user() -> dict[str, Any]:
    revocations.end_user(request.args["user"])
    return answer(get_session())


@app.get("/end_session")
def end_session() -> dict[str, Any]:
    revocations.end_session(request.args["id"])
    return answer(get_session())
