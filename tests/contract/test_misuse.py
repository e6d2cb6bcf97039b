"""What a programmer does wrong with a session: the error, or the log, says how to do it."""

import logging

import pytest

from tests.contract.all_doors import doors_with
from tests.contract.common_app import MISUSES
from tests.contract.visitor import Visitor

MENDS = {
    "as a dict": ["dict(session)", "dict(request.session)"],
    "by an attribute": ["session['user']"],
    "with await": ["without await"],
}


@pytest.mark.parametrize("how", MENDS)
@doors_with("explained misuse")
def test_the_error_of_a_mistake_names_the_mend(
    visitor: Visitor, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    MISUSES.clear()
    visitor.ask("misuse", how, manner="crash")
    (error,) = MISUSES
    logged = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    texts = [str(error), *getattr(error, "__notes__", []), *logged]
    assert sum(any(mend in text for mend in MENDS[how]) for text in texts) == 1, texts
