"""What is risky in SessionOptions that can be built."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, Final
from warnings import catch_warnings, simplefilter

from iron_session import _time
from iron_session._time import in_words
from iron_session.cli.check.findings import Finding, error, note, warning
from iron_session.cli.check.passwords import sentence
from iron_session.cli.words import see
from iron_session.errors import ConfigurationError
from iron_session.revocation import MemoryStore, Revocations
from iron_session.revocation.files import is_there
from iron_session.revocation.ledger import file_of, find_obstacle
from iron_session.seals.sealing import DEFAULT_TTL
from iron_session.sessions import CookieOptions, SessionOptions
from iron_session.sessions.lifetime import cookie_max_age

__all__ = ["check_options", "reach_store"]

_USUAL_MS: Final = int(DEFAULT_TTL * 1000)
_DAY_MS: Final = 24 * 3600 * 1000
_MINUTE_MS: Final = 60 * 1000
_LONG_MS: Final = 90 * _DAY_MS
_BROWSERS_MS: Final = 400 * _DAY_MS  # RFC 6265bis, 5.5: browsers keep no cookie longer


def check_options(options: SessionOptions[Any]) -> Iterator[Finding]:
    """Yield what is risky in the cookie, in the lives, and in what else the options ask for."""
    cookie = options.cookie
    yield from _check_secure(options.cookie_name, cookie)
    yield from _check_http_only(cookie)
    yield from _check_same_site(cookie)
    yield from _check_scope(cookie)
    yield from _check_ttl(options.ttl_ms)
    yield from _check_renewal(options)
    yield from _check_lifetime(options)
    yield from _check_browser_life(options)
    yield from _check_chunks(options)
    yield from _check_revocations(options)


_PREFIXES: Final = ("__host-", "__http-", "__secure-")  # browsers ignore case


def _check_secure(name: str, cookie: CookieOptions) -> Iterator[Finding]:
    if cookie.secure is False:
        yield error(
            "secure-off",
            "secure=False sends the cookie over plain http too, where anybody on the way can take "
            "the session.",
            'Remove it; for development without HTTPS there is secure="auto".',
        )
    elif cookie.secure == "auto":
        yield warning(
            "secure-auto",
            'secure="auto" leaves Secure out if a request seems to come over plain http, as behind '
            "a proxy that ends TLS and sends no X-Forwarded-Proto.",
            "Serve only HTTPS and set secure=True; or have the proxy send X-Forwarded-Proto, and "
            "look for Secure in a Set-Cookie of the deployed site.",
        )
    elif not name.lower().startswith(_PREFIXES) and cookie.domain is None and cookie.path == "/":
        yield note(
            "no-prefix",
            "Without the prefix __Host-, other hosts of the same domain can set a cookie with this "
            "name.",
            f'For a new application, choose cookie_name="__Host-{name}"; a new name ends all '
            "sessions.",
        )


def _check_http_only(cookie: CookieOptions) -> Iterator[Finding]:
    if not cookie.http_only:
        yield warning(
            "http-only-off",
            "http_only=False lets every script in the page read the cookie, and so steal the "
            "session.",
            "Remove it, and send the page what it needs to know.",
        )


def _check_same_site(cookie: CookieOptions) -> Iterator[Finding]:
    if cookie.same_site == "none":
        yield warning(
            "same-site-none",
            'same_site="none" sends the cookie with the requests of all other sites, so they can '
            "forge requests.",
            "Keep it only for pages in frames of other sites, and check each request; "
            f"{see('how-to/csrf')}.",
        )
    elif cookie.same_site is None:
        yield warning(
            "same-site-missing",
            "same_site=None leaves the attribute out, and browsers differ in what they do then.",
            'Set "lax" or "strict".',
        )


# Where everybody can have a host: browsers refuse a cookie for all of it. The whole list is at
# publicsuffix.org; these are the ones that a deployment is likely to name.
_PUBLIC: Final = {
    *("co.uk", "com.au", "co.jp", "com.br", "co.nz", "co.za", "co.in"),
    *("appspot.com", "azurewebsites.net", "cloudfront.net", "run.app", "web.app"),
    *("fly.dev", "github.io", "gitlab.io", "herokuapp.com", "netlify.app", "ngrok-free.app"),
    *("onrender.com", "pages.dev", "pythonanywhere.com", "up.railway.app", "vercel.app"),
    *("workers.dev",),
}


def _check_scope(cookie: CookieOptions) -> Iterator[Finding]:
    domain = (cookie.domain or "").removeprefix(".").lower()
    if domain:
        yield _check_domain(domain)
    if cookie.path != "/":
        yield note(
            "path-narrow",
            f"path={cookie.path!r} hides the session from all pages that are not below it, and "
            "protects it from none.",
            'Keep path="/" unless two applications share a host.',
        )


def _check_domain(domain: str) -> Finding:
    if domain.startswith("localhost.") or domain == "localhost" or domain.endswith(".localhost"):
        return error(
            "domain-localhost",
            f"domain={domain!r} is the developer's own machine, so no other host's cookie is kept.",
            "Remove the domain: then the cookie belongs to the host that sets it.",
        )
    if _is_address(domain):
        return note(
            "domain-address",
            f"domain={domain!r} is an IP address, which has no hosts below it: the cookie is of "
            "this address alone, as without a domain.",
            "Remove the domain: then the cookie belongs to the host that sets it.",
        )
    if domain in _PUBLIC:
        return error(
            "domain-public",
            f"domain={domain!r} has many owners, and browsers refuse a cookie for all of it.",
            "Remove the domain: then the cookie belongs to the host that sets it.",
        )
    if "." not in domain:
        return warning(
            "domain-bare",
            f"domain={domain!r} has no dot, and browsers refuse a cookie for a whole top-level "
            "domain.",
            "Remove the domain, unless this is a host of an intranet.",
        )
    return note(
        "domain-wide",
        f"domain={domain!r} sends the session to every host below it, also to those of others.",
        "Remove the domain if one host is enough.",
    )


def _is_address(domain: str) -> bool:
    from ipaddress import ip_address  # noqa: PLC0415 - long to import, and rarely needed

    try:
        ip_address(domain.strip("[]"))
    except ValueError:
        return False
    return True


def _check_ttl(ttl: int) -> Iterator[Finding]:
    if not ttl:
        yield warning(
            "ttl-forever",
            "With ttl=0 a session never expires: a copy of a cookie is good for ever.",
            "Set a ttl, unless the session is nobody's login.",
        )
    elif ttl < _MINUTE_MS:
        yield warning(
            "ttl-short",
            f"The ttl is {ttl / 1000:g} seconds, so visitors are logged out at once.",
            "If minutes or days are meant, write timedelta(days=14).",
        )
    elif ttl > _LONG_MS:
        yield _long_ttl(ttl)


def _long_ttl(ttl: int) -> Finding:
    if ttl > _BROWSERS_MS:
        return warning(
            "ttl-long",
            f"The ttl is {_days(ttl)}, and browsers keep a cookie for 400 days at most.",
            "Set a shorter ttl; is the number meant as milliseconds?",
        )
    return note(
        "ttl-long",
        f"The ttl is {_days(ttl)}, and a copy of a cookie is good for as long.",
        "Set a shorter ttl, and renew_after for visitors who come back.",
    )


def _check_renewal(options: SessionOptions[Any]) -> Iterator[Finding]:
    """Say that reading does not renew a session, where that may be noticed: the ttl is short."""
    ttl = options.ttl_ms
    is_fixed = ttl == options.max_lifetime_ms  # as it is meant: renewal could not move the end
    if options.renew_after is None and not is_fixed and _MINUTE_MS <= ttl < _USUAL_MS:
        yield note(
            "not-renewed",
            f"Without renew_after, a session ends {in_words(ttl)} after it was saved last, even if "
            "it is in use: reading does not renew it.",
            "If it should go on while it is used, set renew_after, shorter than the ttl, and "
            "max_lifetime. Flask and Quart renew their permanent sessions without it.",
        )


def _check_lifetime(options: SessionOptions[Any]) -> Iterator[Finding]:
    most = options.max_lifetime_ms
    if options.renew_after is not None and most is None:
        yield note(
            "renewed-forever",
            "With renew_after and no max_lifetime, a session that is used, or a copy of it, never "
            "ends.",
            "Set max_lifetime, as timedelta(days=30).",
        )
    if most is not None and most > _BROWSERS_MS:
        yield warning(
            "max-lifetime-long",
            f"max_lifetime is {_days(most)}, so nobody needs to log in again for more than a year.",
            "Set the time after which a login should be asked for.",
        )


def _days(milliseconds: int) -> str:
    return f"{milliseconds / _DAY_MS:,.0f} days"


def _check_browser_life(options: SessionOptions[Any]) -> Iterator[Finding]:
    cookie, ttl = options.cookie, options.ttl_ms
    if cookie.expires is not None:
        yield from _check_expires(cookie)
    if not isinstance(cookie.max_age, int) or not ttl:
        return
    usual = cookie_max_age("auto", ttl)
    if cookie.max_age * 1000 > ttl:
        yield warning(
            "max-age-beyond-ttl",
            f"max_age is {cookie.max_age} seconds and the ttl {ttl / 1000:g}: browsers keep "
            "sending a session that has expired.",
            f'Set the ttl to what is meant, and leave max_age at "auto": {usual} now.',
        )
    elif usual is not None and cookie.max_age < usual:
        yield note(
            "max-age-below-ttl",
            f"max_age is {cookie.max_age} seconds and the ttl {ttl / 1000:g}: browsers drop the "
            "cookie first, but a copy of it is still good.",
            'Set the ttl to what is meant, and leave max_age at "auto".',
        )


def _check_expires(cookie: CookieOptions) -> Iterator[Finding]:
    if cookie.expires is not None and cookie.expires.timestamp() * 1000 <= _time.now_ms():
        yield error(
            "expires-past",
            "expires is in the past, so no session can be saved.",
            "Remove it: the cookie ends with the ttl.",
        )
    elif cookie.max_age is not None:
        yield warning(
            "expires-ignored",
            "Browsers ignore expires, because max_age is set too.",
            "Remove expires; or set max_age=None if all cookies must end at that moment.",
        )


def _check_chunks(options: SessionOptions[Any]) -> Iterator[Finding]:
    if options.chunk:
        yield warning(
            "chunk-limits",
            "chunk=True sends up to 16 kB of cookies, and servers and proxies often refuse more "
            "than 8 kB of headers, or 4 kB in a response.",
            f"Raise the limits of every server on the way; {see('troubleshooting')}.",
        )


def _check_revocations(options: SessionOptions[Any]) -> Iterator[Finding]:
    revocations = options.revocations
    if not isinstance(revocations, Revocations):
        return
    ledger = revocations.ledger
    file = file_of(ledger)
    if file is not None and file.is_relative:
        yield warning(
            "store-relative",
            f"The path of the store's file is relative: it is {file.path} here, and another "
            "file for a process that starts in another folder, where its endings do not hold.",
            "Give it an absolute path.",
        )
    if type(ledger) is _MEMORY:
        yield warning(
            "store-in-memory",
            "What ends sessions is kept in the memory of one process, and lost with it.",
            "Use a store that all processes share, as SqliteStore, RedisStore or SqlStore.",
        )


_MEMORY: Final = type(MemoryStore().ledger(""))


def reach_store(options: SessionOptions[Any]) -> Iterator[Finding]:
    """Write a heartbeat to the store of `revocations`, as each process does; it ends nothing."""
    revocations = options.revocations
    if not isinstance(revocations, Revocations):
        return
    ledger = revocations.ledger
    file = file_of(ledger)
    if file is not None and _would_be_of_root(file.path):
        yield note(
            "store-of-root",
            f"{file.path} is not there yet, and was not made: it would belong to root, and the "
            "service could not write it.",
            "Run the check as the service's user, as with sudo -u shop iron-session check …",
        )
        return
    try:
        with closing(ledger.feed()) as feed, catch_warnings():
            # Django's: it would rather have its applications set up, which this does not need.
            simplefilter("ignore", RuntimeWarning)
            feed.beat(0, 0)
    except ConfigurationError as problem:  # of this package: it has the mend, and no secret
        yield error("store-unusable", sentence(problem), "Mend that, and run the check again.")
    except Exception as problem:  # its message may hold the store's password
        obstacle = find_obstacle(ledger)
        yield error(
            "store-unreachable",
            f"{revocations!r} can't reach its store ({type(problem).__name__})"
            + (f": {obstacle}." if obstacle else "."),
            "Check the store's address or path, and that this machine and this user may use it.",
        )


def _would_be_of_root(path: Path) -> bool:
    """Return whether SQLite's file is not there, and would be made for root alone."""
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        with suppress(ConfigurationError):  # then the attempt to reach it tells why
            return not is_there(path)
    return False
