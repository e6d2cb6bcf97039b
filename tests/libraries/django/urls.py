"""What the site consists of: the libraries' own pages, and what a project adds to them."""

from debug_toolbar.toolbar import debug_toolbar_urls
from django.contrib.auth import views as auth
from django.http import HttpRequest, HttpResponse
from django.urls import include, path
from two_factor.urls import urlpatterns as two_factor_urls

from tests.libraries._django.browser import fill, who
from tests.libraries.django import ninja_api, rest_api, wizard


def page(request: HttpRequest) -> HttpResponse:
    """Answer with a page that tools add to."""
    return HttpResponse(f"<html><body>Hello {request.user.get_username()}</body></html>")


urlpatterns = [
    path("", include(two_factor_urls)),
    path("logout/", auth.LogoutView.as_view(next_page="/page/"), name="logout"),
    path("hijack/", include("hijack.urls")),
    path("rest/", include(rest_api.urlpatterns)),
    path("ninja/", ninja_api.api.urls),
    path("social/", include("social_django.urls", namespace="social")),
    path("wizard/", wizard.Order.as_view()),
    path("page/", page),
    path("fill/", fill),
    path("who/", who),
    *debug_toolbar_urls(),
]
