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
from iron_session.integrations.asgi_csrf import CsrfMiddleware
from iron_session.integrations.fastapi import IronSessionMiddleware
from iron_session.links import Links

# Where links lead. Never take it from a request: its Host header is the visitor's own text.
SITE = "http://127.0.0.1:8000"
ADDRESS = re.compile(r"[!-?A-~]{1,64}@[!-?A-~]{1,189}")
HELP = {
    "expired": "This link has expired: ask for a new one.",
    "purpose": "This link is for something else: ask for one to log in.",
    "unknown-password": "This link is from before a change of ours: ask for a new one.",
    "invalid": "This link is not whole: copy all of it from the mail, or ask for a new one.",
}

# The cookie is Secure. On plain http, Safari takes none such, not even from localhost: to try this
# there add cookie_options={"secure": False}, and leave that out of what you deploy.
options = SessionOptions(password=Passwords.from_env("SESSION_PASSWORD"), cookie_name="myapp")
# A link of yours may open once only, and only where it was asked for: see docs/magic-links.md.
login_links = Links(password=options.passwords, purpose="login", ttl=900)

app = FastAPI()
app.add_middleware(CsrfMiddleware)  # or a page elsewhere could log visitors in as somebody else
app.add_middleware(IronSessionMiddleware, options=options)


def page(content: str, status: int = 200) -> Response:
    headers = {"Cache-Control": "no-store", "Referrer-Policy": "same-origin"}
    return HTMLResponse(f'<!doctype html>{content} <a href="/">Home</a>', status, headers)


@app.get("/")
def home(request: Request) -> Response:
    if user := request.session.get("user"):
        return page(f"Hello, {escape(user)}!")
    return page('<form action="/ask" method="post"><input name="email"><button>Ask</button></form>')


@app.post("/ask")
def ask(email: Annotated[str, Form()]) -> Response:
    if not ADDRESS.fullmatch(email):
        return page("That is not an address.", 400)
    # There is no mail server here: the link is printed, and yours sends it to the address.
    print(login_links.make(f"{SITE}/login", {"email": email}), flush=True)
    return page("A link is on its way.")  # said of every address, with or without an account


@app.api_route("/login", methods=["GET", "POST"])
def login(request: Request) -> Response:
    try:
        data = login_links.read(request.query_params)
    except UnsealError as error:
        return page(HELP[error.reason], 400)
    if request.method == "GET":  # scanners of mail follow links too, but press no buttons
        return page('<form method="post"><button>Log in</button></form>')
    request.session.clear()  # nothing stays of whoever was here before
    request.session["user"] = data["email"]
    return RedirectResponse("/", status_code=303)
