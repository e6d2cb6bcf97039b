"""Session tokens for apps, where each change of a session makes another token."""

from typing import Any

from allauth.headless.tokens.strategies.sessions import SessionTokenStrategy

from iron_session.integrations.django import SessionStore


class SealedTokens(SessionTokenStrategy):
    """Seal what the session holds now, and mark it as changed: allauth may make a second answer.

    HEADLESS_TOKEN_STRATEGY = "….SealedTokens"
    """

    def create_session_token(self, request: Any) -> str:
        request.session.save()
        request.session.modified = True
        return request.session.session_key

    def lookup_session(self, session_token: str) -> Any:
        """Return the session that a token opens as, None where it does not open."""
        session = SessionStore(session_token)
        return None if session.is_empty() else session
