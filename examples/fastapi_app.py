"""A session in FastAPI, served by uvicorn.

pip install iron-session fastapi python-multipart uvicorn
export SESSION_PASSWORD="$(iron-session generate-password)"
uvicorn fastapi_app:app --host 127.0.0.1 --port 8000
"""

from typing import Annotated, Any

from fastapi import Depends, FastAPI, Form
from fastapi.responses import RedirectResponse

from iron_session import Passwords, Session, SessionOptions
from iron_session.integrations.fastapi import IronSessionMiddleware, SessionDependency

# The cookie is Secure, which Safari refuses on plain http, even from localhost. To try this in
# Safari, add cookie_options={"secure": "auto"}, and remove that before you deploy.
options = SessionOptions(password=Passwords.from_env("SESSION_PASSWORD"), cookie_name="myapp")

app = FastAPI()
app.add_middleware(IronSessionMiddleware, options=options)
CurrentSession = Annotated[Session, Depends(SessionDependency(options))]


@app.get("/")
def home(session: CurrentSession) -> dict[str, Any]:
    stats = session.setdefault("stats", {"visits": 0})
    stats["visits"] += 1  # a change inside a nested value is noticed
    return {"visits": stats["visits"], "user": session.user_id}


# Not protected from forged requests yet: add CsrfMiddleware, see docs/how-to/csrf.md.
@app.post("/login")
def login(session: CurrentSession, name: Annotated[str, Form()]) -> RedirectResponse:
    if 0 < len(name) <= 100 and name.isprintable():
        session.login(name)  # begins anew; a real site checks a password first
    return RedirectResponse("/", status_code=303)


@app.post("/logout")
def logout(session: CurrentSession) -> RedirectResponse:
    session.destroy()
    return RedirectResponse("/", status_code=303)
