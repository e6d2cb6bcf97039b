"""What the site consists of: Wagtail's admin and its pages, and two to see the session by."""

from django.urls import include, path
from wagtail import urls as wagtail_pages
from wagtail.admin import urls as wagtail_admin

from tests.libraries._django.browser import fill, who

urlpatterns = [
    path("admin/", include(wagtail_admin)),
    path("fill/", fill),
    path("who/", who),
    path("pages/", include(wagtail_pages)),
]
