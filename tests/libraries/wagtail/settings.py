"""Wagtail, as its documentation sets it up, on sealed sessions."""

from tests.libraries._django.settings import *  # noqa: F403 - as Django's settings are
from tests.libraries._django.settings import DATABASES, INSTALLED_APPS

ROOT_URLCONF = "tests.libraries.wagtail.urls"
# Tables are made as the models are now: the history of each takes longer than all the tests.
DATABASES = {"default": {**DATABASES["default"], "TEST": {"MIGRATE": False}}}
INSTALLED_APPS = [
    "wagtail.users",
    "wagtail.images",
    "wagtail.documents",
    "wagtail.admin",
    "wagtail",
    "modelcluster",
    "taggit",
    *INSTALLED_APPS,
]
WAGTAIL_SITE_NAME = "Tests"
WAGTAILADMIN_BASE_URL = "http://testserver"
