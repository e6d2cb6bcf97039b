"""What tests of several integrations share."""

import pytest

from tests.helpers.flask_and_quart import BOTH, Framework


@pytest.fixture(params=BOTH)
def it(request: pytest.FixtureRequest) -> Framework:
    """Each of the two."""
    return BOTH[request.param]
