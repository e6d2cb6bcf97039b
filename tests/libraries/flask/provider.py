"""A small OAuth provider over real HTTP: whoever asks is Jane, and so is every key."""

import base64
import hashlib
import re
from urllib.parse import unquote, urlencode

from flask import Flask, Response, redirect, request
from werkzeug.wrappers import Response as AnyResponse

CLIENT_ID = "the-site"
CLIENT_SECRET = "the-site-s-secret"
USER = {"login": "jane"}


def make_provider() -> Flask:
    """Make a provider of OAuth 2, with PKCE and tokens to refresh, and of OAuth 1 beside it.

    A token for the scope "brief" has expired when it is given.
    """
    app = Flask(__name__)
    grants: dict[str, dict[str, str]] = {}
    tokens: set[str] = set()
    callbacks: list[str] = []

    def grant_token(scope: str) -> dict[str, object]:
        token = f"token-{len(tokens)}"
        tokens.add(token)
        life = -60 if scope == "brief" else 3600
        return {
            "access_token": token,
            "token_type": "Bearer",
            "expires_in": life,
            "refresh_token": f"refresh-{token}",
        }

    @app.get("/authorize")
    def authorize() -> AnyResponse:
        query = dict(request.args)
        assert (query["client_id"], query["code_challenge_method"]) == (CLIENT_ID, "S256")
        code = f"code-{len(grants)}"
        grants[code] = query
        answer = urlencode({"code": code, "state": query["state"]})
        return redirect(f"{query['redirect_uri']}?{answer}")

    @app.post("/token")
    def token() -> tuple[dict[str, object], int]:
        form = request.form
        if form["grant_type"] == "refresh_token":
            assert form["refresh_token"].removeprefix("refresh-") in tokens
            return grant_token("full"), 200
        grant = grants.pop(form["code"])
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        proof = request.authorization
        known = proof is not None and proof.password == CLIENT_SECRET
        if not known and form.get("client_secret") != CLIENT_SECRET:
            return {"error": "invalid_client"}, 401
        if challenge != grant["code_challenge"] or form["redirect_uri"] != grant["redirect_uri"]:
            return {"error": "invalid_grant"}, 400
        return grant_token(grant["scope"]), 200

    @app.get("/user")
    def user() -> tuple[dict[str, str], int]:
        known = request.authorization is not None and request.authorization.token in tokens
        return (USER, 200) if known else ({}, 401)

    @app.post("/request-token")
    def request_token() -> Response:
        (callback,) = re.findall('oauth_callback="([^"]+)"', request.headers["Authorization"])
        callbacks.append(unquote(callback))
        secrets = {"oauth_token": f"asked-{len(callbacks) - 1}", "oauth_token_secret": "s1"}
        return Response(urlencode({**secrets, "oauth_callback_confirmed": "true"}))

    @app.get("/authorize-1")
    def authorize_1() -> AnyResponse:
        asked = request.args["oauth_token"]
        answer = urlencode({"oauth_token": asked, "oauth_verifier": "yes"})
        return redirect(f"{callbacks[int(asked.removeprefix('asked-'))]}?{answer}")

    @app.post("/access-token")
    def access_token() -> Response:
        assert 'oauth_verifier="yes"' in request.headers["Authorization"]
        return Response(urlencode({"oauth_token": "given", "oauth_token_secret": "s2"}))

    return app
