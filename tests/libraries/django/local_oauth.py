"""A backend of social-auth for the provider on this machine."""

from typing import Any

from django.conf import settings
from social_core.backends.oauth import BaseOAuth2PKCE


class LocalOAuth2(BaseOAuth2PKCE):
    """OAuth 2 with PKCE; the address of the provider is the setting LOCAL_PROVIDER."""

    name = "local"
    ID_KEY = "sub"
    ACCESS_TOKEN_METHOD = "POST"

    def authorization_url(self) -> str:
        return f"{settings.LOCAL_PROVIDER}/authorize"

    def access_token_url(self) -> str:
        return f"{settings.LOCAL_PROVIDER}/token"

    def user_data(self, access_token: str, *args: Any, **kwargs: Any) -> Any:
        headers = {"Authorization": f"Bearer {access_token}"}
        return self.get_json(f"{settings.LOCAL_PROVIDER}/userinfo", headers=headers)

    def get_user_details(self, response: Any) -> dict[str, Any]:
        return {"username": response["preferred_username"], "email": response["email"]}
