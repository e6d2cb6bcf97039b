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
# Safari, add cookie_options={"secure": False}, and remove that before you deploy.
options = SessionOptions(password=Passwords.from_env("SESSION_PASSWORD"), cookie_name="myapp")

app = FastAPI()
app.add_middleware(IronSessionMiddleware, options=options)
CurrentSession = Annotated[Session, Depends(SessionDependency(options))]


@app.get("/")
def home(session: CurrentSession) -> dict[str, Any]:
    stats = session.setdefault("stats", {"visits": 0})
    stats["visits"] += 1  # a change inside a nested value is noticed
    return {"visits": stats["visits"], "user": session.get("user")}


@app.post("/login")
def login(session: CurrentSession, name: Annotated[str, Form()]) -> RedirectResponse:
    session.clear()  # keep nothing of an earlier visitor
    session["user"] = name
    return RedirectResponse("/", status_code=303)


@app.post("/logout")
def logout(session: CurrentSession) -> RedirectResponse:
    session.destroy()
    return RedirectResponse("/", status_code=303)
