"""A session in WSGI without a framework, served by waitress.

pip install iron-session waitress
export SESSION_PASSWORD="$(iron-session generate-password)"
waitress-serve --listen=127.0.0.1:8000 wsgi_app:app
"""

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from iron_session import Passwords, SessionOptions
from iron_session.integrations.wsgi import IronSessionMiddleware, get_session

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

# The cookie is Secure, which Safari refuses on plain http, even from localhost. To try this in
# Safari, add cookie_options={"secure": False}, and remove that before you deploy.
options = SessionOptions(password=Passwords.from_env("SESSION_PASSWORD"), cookie_name="myapp")


def application(environ: "WSGIEnvironment", start: "StartResponse") -> Iterable[bytes]:
    session = get_session(environ)  # environ["iron_session"]
    status, headers, answer = "303 See Other", [("Location", "/")], ""
    match environ["REQUEST_METHOD"], environ["PATH_INFO"]:
        case "GET", "/":
            stats = session.setdefault("stats", {"visits": 0})
            stats["visits"] += 1  # a change inside a nested value is noticed
            status, headers = "200 OK", [("Content-Type", "application/json")]
            answer = json.dumps({"visits": stats["visits"], "user": session.get("user")})
        case "POST", "/login":
            body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            session.clear()  # keep nothing of an earlier visitor
            session["user"] = parse_qs(body.decode(errors="replace")).get("name", [""])[0]
        case "POST", "/logout":
            session.destroy()
        case _:
            status, headers = "404 Not Found", []
    start(status, headers)
    return [answer.encode()]


app = IronSessionMiddleware(application, options)
