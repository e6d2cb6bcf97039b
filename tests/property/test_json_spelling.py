"""What is said to have one spelling is written so again, byte for byte."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from iron_session import _json

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda children: (
        st.lists(children)
        | st.dictionaries(st.text().filter(lambda key: key != "__proto__"), children)
    ),
    max_leaves=20,
)


@given(values, st.booleans(), st.sampled_from([(",", ":"), (", ", ": ")]))
def test_text_of_one_spelling_comes_back_as_it_was(
    value: Any, ascii_only: bool, separators: tuple[str, str]
) -> None:
    """Whoever has written it, in whatever style."""
    text = json.dumps(value, ensure_ascii=ascii_only, separators=separators)
    raw = text.encode("utf-8", "surrogatepass")
    if not _json.may_be_spelled_differently(raw):
        assert _json.encode(_json.decode(raw), "data") == raw
