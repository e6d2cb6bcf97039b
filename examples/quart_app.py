"""A session in Quart, served by hypercorn.

pip install iron-session quart hypercorn
export SESSION_PASSWORD="$(iron-session generate-password)"
hypercorn quart_app:app --bind 127.0.0.1:8000
"""

from typing import Any

from quart import Quart, redirect, request, session
from werkzeug import Response

from iron_session import Passwords, SessionOptions
from iron_session.integrations.quart import IronSessionInterface, get_session

# The cookie is Secure, which Safari refuses on plain http, even from localhost. To try this in
# Safari, add cookie_options={"secure": "auto"}, and remove that before you deploy.
options = SessionOptions(password=Passwords.from_env("SESSION_PASSWORD"), cookie_name="myapp")

app = Quart(__name__)
app.session_interface = IronSessionInterface(options)


@app.get("/")
async def home() -> dict[str, Any]:
    stats = session.setdefault("stats", {"visits": 0})
    stats["visits"] += 1  # a change inside a nested value is noticed
    return {"visits": stats["visits"], "user": get_session().user_id}


# Not protected from forged requests yet: add CsrfMiddleware, see docs/how-to/csrf.md.
@app.post("/login")
async def login() -> Response:
    name = (await request.form).get("name", "")
    if 0 < len(name) <= 100 and name.isprintable():
        get_session().login(name)  # begins anew; a real site checks a password first
    return redirect("/", 303)


@app.post("/logout")
async def logout() -> Response:
    get_session().destroy()
    return redirect("/", 303)
