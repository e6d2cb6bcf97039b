"""A session in aiohttp, served by its own server.

pip install iron-session aiohttp
export SESSION_PASSWORD="$(iron-session generate-password)"
PORT=8000 python aiohttp_app.py
"""

import os

from aiohttp import web

from iron_session import Passwords, SessionOptions
from iron_session.integrations.aiohttp import get_session, setup

# The cookie is Secure, which Safari refuses on plain http, even from localhost. To try this in
# Safari, add cookie_options={"secure": "auto"}, and remove that before you deploy.
options = SessionOptions(password=Passwords.from_env("SESSION_PASSWORD"), cookie_name="myapp")

routes = web.RouteTableDef()


@routes.get("/")
async def home(request: web.Request) -> web.Response:
    session = get_session(request)
    stats = session.setdefault("stats", {"visits": 0})
    stats["visits"] += 1  # a change inside a nested value is noticed
    return web.json_response({"visits": stats["visits"], "user": session.user_id})


# Not protected from forged requests yet: add csrf_middleware, see docs/how-to/csrf.md.
@routes.post("/login")
async def login(request: web.Request) -> web.Response:
    name = str((await request.post()).get("name", ""))
    if 0 < len(name) <= 100 and name.isprintable():
        get_session(request).login(name)  # begins anew; a real site checks a password first
    raise web.HTTPSeeOther("/")


@routes.post("/logout")
async def logout(request: web.Request) -> web.Response:
    get_session(request).destroy()
    raise web.HTTPSeeOther("/")


app = web.Application()
app.add_routes(routes)
setup(app, options)

if __name__ == "__main__":
    web.run_app(app, host="127.0.0.1", port=int(os.environ.get("PORT", "8000")))
