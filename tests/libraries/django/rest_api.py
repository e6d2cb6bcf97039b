"""Django REST framework, with the session as what authenticates."""

from django.urls import path
from rest_framework.authentication import SessionAuthentication
from rest_framework.decorators import api_view, authentication_classes, permission_classes
from rest_framework.permissions import IsAuthenticated
from rest_framework.response import Response


@api_view(["GET", "POST"])
@authentication_classes([SessionAuthentication])
@permission_classes([IsAuthenticated])
def notes(request):
    """Keep notes in the session, and return them."""
    if request.method == "POST":
        request.session.setdefault("notes", []).append(request.data["note"])
    return Response({"user": request.user.username, "notes": request.session.get("notes", [])})


urlpatterns = [path("notes/", notes)]
