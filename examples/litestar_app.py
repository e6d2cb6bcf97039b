"""A session in Litestar, served by granian.

pip install iron-session litestar granian
export SESSION_PASSWORD="$(iron-session generate-password)"
granian litestar_app:app --interface asgi --host 127.0.0.1 --port 8000
"""

from typing import Annotated, Any

from litestar import Litestar, Request, get, post
from litestar.enums import RequestEncodingType
from litestar.params import Body
from litestar.response import Redirect

from iron_session import Passwords, SessionOptions
from iron_session.integrations.litestar import IronSessionConfig, get_session

# The cookie is Secure, which Safari refuses on plain http, even from localhost. To try this in
# Safari, add cookie_options={"secure": "auto"}, and remove that before you deploy.
options = SessionOptions(password=Passwords.from_env("SESSION_PASSWORD"), cookie_name="myapp")

Form = Annotated[dict[str, str], Body(media_type=RequestEncodingType.URL_ENCODED)]


@get("/")
async def home(request: Request[Any, Any, Any]) -> dict[str, Any]:
    stats = request.session.setdefault("stats", {"visits": 0})
    stats["visits"] += 1  # a change inside a nested value is noticed
    return {"visits": stats["visits"], "user": get_session(request).user_id}


# Not protected from forged requests yet: add CsrfMiddleware, see docs/how-to/csrf.md.
@post("/login")
async def login(request: Request[Any, Any, Any], data: Form) -> Redirect:
    name = data.get("name", "")
    if 0 < len(name) <= 100 and name.isprintable():
        get_session(request).login(name)  # begins anew; a real site checks a password first
    return Redirect("/", status_code=303)


@post("/logout")
async def logout(request: Request[Any, Any, Any]) -> Redirect:
    get_session(request).destroy()
    return Redirect("/", status_code=303)


app = Litestar([home, login, logout], middleware=[IronSessionConfig(options).middleware])
