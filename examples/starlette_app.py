"""A session in Starlette, served by uvicorn.

pip install iron-session starlette python-multipart uvicorn
export SESSION_PASSWORD="$(iron-session generate-password)"
uvicorn starlette_app:app --host 127.0.0.1 --port 8000
"""

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from iron_session import Passwords, SessionOptions
from iron_session.integrations.starlette import IronSessionMiddleware, get_session

# The cookie is Secure, which Safari refuses on plain http, even from localhost. To try this in
# Safari, add cookie_options={"secure": "auto"}, and remove that before you deploy.
options = SessionOptions(password=Passwords.from_env("SESSION_PASSWORD"), cookie_name="myapp")


async def home(request: Request) -> Response:
    stats = request.session.setdefault("stats", {"visits": 0})
    stats["visits"] += 1  # a change inside a nested value is noticed
    return JSONResponse({"visits": stats["visits"], "user": get_session(request).user_id})


# Not protected from forged requests yet: add CsrfMiddleware, see docs/how-to/csrf.md.
async def login(request: Request) -> Response:
    async with request.form() as form:
        name = str(form.get("name", ""))
    if 0 < len(name) <= 100 and name.isprintable():
        get_session(request).login(name)  # begins anew; a real site checks a password first
    return RedirectResponse("/", status_code=303)


async def logout(request: Request) -> Response:
    get_session(request).destroy()
    return RedirectResponse("/", status_code=303)


app = Starlette(
    routes=[
        Route("/", home),
        Route("/login", login, methods=["POST"]),
        Route("/logout", logout, methods=["POST"]),
    ],
    middleware=[Middleware(IronSessionMiddleware, options=options)],
)
