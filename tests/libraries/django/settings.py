"""Several of Django's libraries, as their documentation sets them up, on sealed sessions."""

from tests.libraries._django.settings import *  # noqa: F403 - as Django's settings are
from tests.libraries._django.settings import INSTALLED_APPS, MIDDLEWARE

ROOT_URLCONF = "tests.libraries.django.urls"
INSTALLED_APPS = [
    *INSTALLED_APPS,
    "debug_toolbar",
    "django_otp",
    "django_otp.plugins.otp_static",
    "django_otp.plugins.otp_totp",
    "formtools",
    "hijack",
    "rest_framework",
    "social_django",
    "two_factor",
]
MIDDLEWARE = [
    "debug_toolbar.middleware.DebugToolbarMiddleware",  # shows itself where DEBUG is on
    *MIDDLEWARE,
    "django_otp.middleware.OTPMiddleware",
    "hijack.middleware.HijackUserMiddleware",
    "social_django.middleware.SocialAuthExceptionMiddleware",
]
AUTHENTICATION_BACKENDS = [
    "tests.libraries.django.local_oauth.LocalOAuth2",
    "django.contrib.auth.backends.ModelBackend",
]
INTERNAL_IPS = ["127.0.0.1"]
DEBUG_TOOLBAR_CONFIG = {"IS_RUNNING_TESTS": False}
LOGIN_URL = "two_factor:login"
LOGIN_ERROR_URL = "/failed/"
SOCIAL_AUTH_LOCAL_KEY = "site"
SOCIAL_AUTH_LOCAL_SECRET = "nothing that is a secret"
