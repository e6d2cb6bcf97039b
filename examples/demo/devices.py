"""Names a browser as its owner would: what the page of devices shows."""

BROWSERS = {"Edg/": "Edge", "Firefox/": "Firefox", "Chrome/": "Chrome", "Safari/": "Safari"}
SYSTEMS = {
    "iPhone": "an iPhone",
    "iPad": "an iPad",
    "Android": "Android",
    "Mac OS": "a Mac",
    "Windows": "Windows",
    "Linux": "Linux",
}


def name_device(user_agent: str) -> str:
    """Return as "Firefox on Linux"; the header is the visitor's own, so it is only a hint."""
    browser = _first(BROWSERS, user_agent) or "A browser"
    system = _first(SYSTEMS, user_agent) or "some system"
    return f"{browser} on {system}"


def _first(names: dict[str, str], user_agent: str) -> str | None:
    """Return the first name whose mark is in the header: Chrome calls itself Safari too."""
    return next((name for mark, name in names.items() if mark in user_agent), None)
