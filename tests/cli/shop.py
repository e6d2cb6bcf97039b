"""The options of an application, for `--options`."""

from dataclasses import replace

from iron_session import SessionOptions
from tests.helpers.seals import PASSWORD

NAME = "myapp"
DAY = 24 * 3600

options = SessionOptions(password=PASSWORD, cookie_name=NAME, ttl=7 * DAY, max_lifetime=10 * DAY)
renewed = replace(options, renew_after=DAY)
