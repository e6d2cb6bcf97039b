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
# Safari, add cookie_options={"secure": "auto"}, and remove that before you deploy.
options = SessionOptions(password=Passwords.from_env("SESSION_PASSWORD"), cookie_name="myapp")


def application(environ: "WSGIEnvironment", start: "StartResponse") -> Iterable[bytes]:
    session = get_session(environ)  # environ["iron_session"]
    status, headers, answer = "303 See Other", [("Location", "/")], ""
    # Not protected from forged requests yet: add a token to each form, see docs/how-to/csrf.md.
    match environ["REQUEST_METHOD"], environ["PATH_INFO"]:
        case "GET", "/":
            stats = session.setdefault("stats", {"visits": 0})
            stats["visits"] += 1  # a change inside a nested value is noticed
            status, headers = "200 OK", [("Content-Type", "application/json")]
            answer = json.dumps({"visits": stats["visits"], "user": session.user_id})
        case "POST", "/login":
            body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            name = parse_qs(body.decode(errors="replace")).get("name", [""])[0]
            if 0 < len(name) <= 100 and name.isprintable():
                session.login(name)  # begins anew; a real site checks a password first
        case "POST", "/logout":
            session.destroy()
        case _:
            status, headers = "404 Not Found", []
    start(status, headers)
    return [answer.encode()]


app = IronSessionMiddleware(application, options)
