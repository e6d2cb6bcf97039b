"""django-allauth, as its documentation sets it up, on sealed sessions."""

from tests.libraries._django.settings import *  # noqa: F403 - as Django's settings are
from tests.libraries._django.settings import INSTALLED_APPS, MIDDLEWARE

ROOT_URLCONF = "tests.libraries.allauth.urls"
INSTALLED_APPS = [
    *INSTALLED_APPS,
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.headless",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.dummy",
    "allauth.socialaccount.providers.openid_connect",
]
MIDDLEWARE = [*MIDDLEWARE, "allauth.account.middleware.AccountMiddleware"]
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]

ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_LOGIN_BY_CODE_ENABLED = True
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_PASSWORD_RESET_BY_CODE_ENABLED = True
MFA_TOTP_TOLERANCE = 1  # a code is good for half a minute more, so that no test ends too late
