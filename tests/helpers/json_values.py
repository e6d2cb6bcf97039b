"""Any JSON value, for hypothesis."""

import re
from typing import Any

from hypothesis import strategies as st

# Two surrogates in this order are one character to every JSON reader.
_PAIR = re.compile("[\ud800-\udbff][\udc00-\udfff]")

texts = st.text() | st.text(st.characters(exclude_categories=())).filter(
    lambda text: not _PAIR.search(text)
)
# The one key that is refused.
keys = texts.filter(lambda text: text != "__proto__")
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts
)


def _containers(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(values, max_size=5) | st.dictionaries(keys, values, max_size=5)


values: st.SearchStrategy[Any] = st.recursive(scalars, _containers, max_leaves=15)
objects: st.SearchStrategy[dict[str, Any]] = st.dictionaries(keys, values, max_size=5)
