"""Load Django with these settings before the tests are imported."""

from tests.libraries._django.fixtures import (  # noqa: F401 - so they are fixtures here
    _clean,
    _database,
    _quiet,
    browser,
    set_up,
)

set_up("tests.libraries.wagtail.settings")
