"""django-ninja, with the session as what authenticates."""

from ninja import NinjaAPI, Schema
from ninja.security import django_auth

api = NinjaAPI(auth=django_auth)


class Note(Schema):
    """What is noted."""

    text: str


@api.get("/notes")
def read(request):
    """Return the notes of whoever is logged in."""
    return {"user": request.auth.username, "notes": request.session.get("notes", [])}


@api.post("/notes")
def write(request, note: Note):
    """Keep a note in the session."""
    request.session.setdefault("notes", []).append(note.text)
    return {"notes": request.session["notes"]}
