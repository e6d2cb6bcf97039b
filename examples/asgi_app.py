"""A session in ASGI without a framework, served by hypercorn.

pip install iron-session hypercorn
export SESSION_PASSWORD="$(iron-session generate-password)"
hypercorn asgi_app:app --bind 127.0.0.1:8000
"""

import json
from urllib.parse import parse_qs

from iron_session import Passwords, SessionOptions
from iron_session.integrations.asgi import IronSessionMiddleware, Receive, Scope, Send

# The cookie is Secure, which Safari refuses on plain http, even from localhost. To try this in
# Safari, add cookie_options={"secure": "auto"}, and remove that before you deploy.
options = SessionOptions(password=Passwords.from_env("SESSION_PASSWORD"), cookie_name="myapp")


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] != "http":
        return
    session = scope["session"]
    status, header, answer = 303, (b"location", b"/"), b""
    # Not protected from forged requests yet: add CsrfMiddleware, see docs/how-to/csrf.md.
    match scope["method"], scope["path"]:
        case "GET", "/":
            stats = session.setdefault("stats", {"visits": 0})
            stats["visits"] += 1  # a change inside a nested value is noticed
            status, header = 200, (b"content-type", b"application/json")
            answer = json.dumps({"visits": stats["visits"], "user": session.user_id}).encode()
        case "POST", "/login":
            form = parse_qs((await read_body(receive)).decode(errors="replace"))
            name = form.get("name", [""])[0]
            if 0 < len(name) <= 100 and name.isprintable():
                session.login(name)  # begins anew; a real site checks a password first
        case "POST", "/logout":
            session.destroy()
        case _:
            status, header = 404, (b"content-type", b"text/plain")
    await send({"type": "http.response.start", "status": status, "headers": [header]})
    await send({"type": "http.response.body", "body": answer})


async def read_body(receive: Receive) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    return body


app = IronSessionMiddleware(application, options)
