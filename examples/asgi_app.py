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
# Safari, add cookie_options={"secure": False}, and remove that before you deploy.
options = SessionOptions(password=Passwords.from_env("SESSION_PASSWORD"), cookie_name="myapp")


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] != "http":
        return
    session = scope["session"]
    status, header, answer = 303, (b"location", b"/"), b""
    match scope["method"], scope["path"]:
        case "GET", "/":
            stats = session.setdefault("stats", {"visits": 0})
            stats["visits"] += 1  # a change inside a nested value is noticed
            status, header = 200, (b"content-type", b"application/json")
            answer = json.dumps({"visits": stats["visits"], "user": session.get("user")}).encode()
        case "POST", "/login":
            form = parse_qs((await read_body(receive)).decode(errors="replace"))
            session.clear()  # keep nothing of an earlier visitor
            session["user"] = form.get("name", [""])[0]
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
