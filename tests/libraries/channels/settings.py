"""Django's settings of the site that these tests visit."""

import os

from tests.libraries.channels.names import COOKIE, PASSWORD

SECRET_KEY = "nothing of a session is signed or sealed by this"
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "tests.libraries.channels.pages"
USE_TZ = True
INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes"]
MIDDLEWARE = [
    "iron_session.integrations.django.IronSessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
]
SESSION_ENGINE = "iron_session.integrations.django"
# Not by SESSION_COOKIE_NAME, which is all that Channels' own stack would look at.
IRON_SESSION = {"password": PASSWORD, "cookie_name": COOKIE, "chunk": True}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DATABASES = {
    "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": os.environ["SITE_DATABASE"]}
}
MIGRATION_MODULES = dict.fromkeys(["auth", "contenttypes"])
CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
LOGGING = {  # to where a test of a server reads it
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"told": {"format": "%(name)s: %(message)s"}},
    "handlers": {"printed": {"class": "logging.StreamHandler", "formatter": "told"}},
    "loggers": {"iron_session": {"handlers": ["printed"]}},
}
