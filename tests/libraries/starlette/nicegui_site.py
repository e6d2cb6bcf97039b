"""A page of NiceGUI whose visitors are told apart by our session; the port is the argument."""

import sys

from nicegui import app, ui
from nicegui.storage import RequestTrackingMiddleware

from iron_session.integrations.starlette import IronSessionMiddleware
from tests.libraries.starlette.serving import plain_options

# Without a storage_secret, NiceGUI brings neither; it looks for Starlette's session only.
app.add_middleware(RequestTrackingMiddleware)
app.add_middleware(IronSessionMiddleware, options=plain_options())


@ui.page("/")
def home() -> None:
    user = app.storage.user
    user["visits"] = user.get("visits", 0) + 1
    label = ui.label(f"{user['visits']} visits, {user.get('likes', 0)} likes")

    def like() -> None:
        app.storage.user["likes"] = app.storage.user.get("likes", 0) + 1
        label.text = f"{app.storage.user['likes']} likes"

    ui.button("like", on_click=like)


ui.run(host="127.0.0.1", port=int(sys.argv[1]), reload=False, show=False)
