"""Magic links in FastAPI, served by uvicorn.

pip install iron-session fastapi python-multipart uvicorn
export SESSION_PASSWORD="$(iron-session generate-password)"
uvicorn magic_link_app:app --host 127.0.0.1 --port 8000
"""

import re
from html import escape
from typing import Annotated

from fastapi import FastAPI, Form, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from iron_session import Passwords, SessionOptions, UnsealError
from iron_session.integrations.asgi.csrf import CsrfMiddleware
from iron_session.integrations.fastapi import IronSessionMiddleware, get_session
from iron_session.links import Links

# Where links lead. Never take it from a request: a visitor can write any Host header.
SITE = "http://127.0.0.1:8000"
ADDRESS = re.compile(r"[!-?A-~]{1,64}@[!-?A-~]{1,189}")
HELP = {
    "expired": "This link has expired: ask for a new one.",
    "purpose": "This link is for something else: ask for one to log in.",
    "unknown-password": "This link is no longer valid: ask for a new one.",
    "invalid": "This link is incomplete: copy all of it from the mail, or ask for a new one.",
}

# The cookie is Secure, which Safari refuses on plain http, even from localhost. To try this in
# Safari, add cookie_options={"secure": "auto"}, and remove that before you deploy.
options = SessionOptions(password=Passwords.from_env("SESSION_PASSWORD"), cookie_name="myapp")
# To make a link work only once, and only in the browser that asked: see docs/how-to/magic-links.md.
login_links = Links(password=options.passwords, purpose="login", ttl=900)

app = FastAPI()
app.add_middleware(CsrfMiddleware)  # else another site could log visitors in as somebody else
app.add_middleware(IronSessionMiddleware, options=options)


def page(content: str, status: int = 200) -> Response:
    headers = {"Cache-Control": "no-store", "Referrer-Policy": "same-origin"}
    return HTMLResponse(f'<!doctype html>{content} <a href="/">Home</a>', status, headers)


@app.get("/")
def home(request: Request) -> Response:
    if user := get_session(request).user_id:
        return page(f"Hello, {escape(user)}!")
    return page('<form action="/ask" method="post"><input name="email"><button>Ask</button></form>')


@app.post("/ask")
def ask(email: Annotated[str, Form()]) -> Response:
    if not ADDRESS.fullmatch(email):
        return page("That is not an address.", 400)
    # There is no mail server here, so the link is printed; your site mails it to the address.
    print(login_links.make(f"{SITE}/login", {"email": email}), flush=True)
    return page("A link is on its way.")  # the same for every address, with or without an account


@app.api_route("/login", methods=["GET", "POST"])
def login(request: Request) -> Response:
    try:
        data = login_links.read(request.query_params)
    except UnsealError as error:
        return page(HELP[error.reason], 400)
    if request.method == "GET":  # mail scanners follow links too, but press no buttons
        return page('<form method="post"><button>Log in</button></form>')
    get_session(request).login(data["email"])  # keeps nothing of an earlier visitor
    return RedirectResponse("/", status_code=303)
