"""Pages that use what of Django's lies in the session."""

from typing import Any

from django.contrib import auth
from django.contrib import messages as flash
from django.http import HttpResponse, JsonResponse
from django.middleware.csrf import get_token

# `Any`, since no type of Django's knows `request.session` and `request.user`.


def form(request: Any) -> HttpResponse:
    """Give the token that a form would have; take a form that has it."""
    return JsonResponse({"method": request.method, "token": get_token(request)})


def messages(request: Any) -> HttpResponse:
    """Take a message for the next page, or show those that wait."""
    if request.method == "POST":
        flash.success(request, request.POST["text"], extra_tags="greeting")
        return HttpResponse()
    shown = [[one.level, one.message, one.tags] for one in flash.get_messages(request)]
    return JsonResponse(shown, safe=False)


def remember(request: Any) -> HttpResponse:
    """Put what a visitor does into the session, logged in or not."""
    request.session.setdefault("cart", []).append(request.GET["item"])
    return HttpResponse()


def who(request: Any) -> HttpResponse:
    """Tell who is logged in, and what is in the cart."""
    return JsonResponse([request.user.get_username(), request.session.get("cart")], safe=False)


async def who_async(request: Any) -> HttpResponse:
    """Tell the same in a coroutine."""
    user = await request.auser()
    return JsonResponse([user.get_username(), await request.session.aget("cart")], safe=False)


async def login_async(request: Any) -> HttpResponse:
    """Log in by the name and password in the query."""
    user = await auth.aauthenticate(request, **request.GET.dict())
    await auth.alogin(request, user)
    return HttpResponse()


async def logout_async(request: Any) -> HttpResponse:
    """Log out."""
    await auth.alogout(request)
    return HttpResponse()
