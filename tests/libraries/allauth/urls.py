"""What the site consists of: the libraries' own pages, and two to see the session by."""

from django.urls import include, path

from tests.libraries._django.browser import fill, who

urlpatterns = [
    path("accounts/", include("allauth.urls")),
    path("_allauth/", include("allauth.headless.urls")),
    path("fill/", fill),
    path("who/", who),
]
