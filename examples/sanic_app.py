"""A session in Sanic, served by its own server.

pip install iron-session sanic
export SESSION_PASSWORD="$(iron-session generate-password)"
sanic sanic_app:app --host 127.0.0.1 --port 8000
"""

from sanic import HTTPResponse, Request, Sanic, json, redirect

from iron_session import Passwords, SessionOptions
from iron_session.integrations.sanic import setup

# The cookie is Secure, which Safari refuses on plain http, even from localhost. To try this in
# Safari, add cookie_options={"secure": "auto"}, and remove that before you deploy.
options = SessionOptions(password=Passwords.from_env("SESSION_PASSWORD"), cookie_name="myapp")

app = Sanic("example")
setup(app, options)


@app.get("/")
async def home(request: Request) -> HTTPResponse:
    session = request.ctx.session
    stats = session.setdefault("stats", {"visits": 0})
    stats["visits"] += 1  # a change inside a nested value is noticed
    return json({"visits": stats["visits"], "user": session.user_id})


# Not protected from forged requests yet: add setup_csrf, see docs/how-to/csrf.md.
@app.post("/login")
async def login(request: Request) -> HTTPResponse:
    name = str(request.form.get("name", "")) if request.form else ""
    if 0 < len(name) <= 100 and name.isprintable():
        request.ctx.session.login(name)  # begins anew; a real site checks a password first
    return redirect("/", status=303)


@app.post("/logout")
async def logout(request: Request) -> HTTPResponse:
    request.ctx.session.destroy()
    return redirect("/", status=303)
