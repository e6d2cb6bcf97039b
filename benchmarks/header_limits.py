"""How large headers may be for servers and proxies: `python -m benchmarks.header_limits`.

Each is started on this machine's loopback, as it is by default and as docs/how-to/deploy.md says.
Then requests are sent with an ever longer `Cookie` field, beside the other headers of a browser, to
find the longest that is answered; and behind a proxy, responses with an ever longer `Set-Cookie`.
What is not installed is named and left out.

    python -m benchmarks.header_limits gunicorn nginx
"""

import argparse
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.gateways import HEADERS
from benchmarks.header_servers import PROXIES, SERVERS, Address, Subject, run
from benchmarks.report import table

MOST = 65_000  # no limit that is longer matters
PAUSE = 0.03  # seconds between the two packets of a request
PATIENCE = 10.0
REQUESTS = (4026, 8070, 12_112, 16_154)
"""The length of the `Cookie` field of a session `myapp` in one to four full cookies."""
RESPONSES = (4083, 8182, 12_279, 16_376)
"""The length of their `Set-Cookie` fields together."""

Ask = Callable[[int], int]
"""Sends a request of some length, and returns the status of the answer; 0 if there is none."""


@dataclass(frozen=True)
class Limit:
    """A limit that was found.

    Attributes:
        longest: what is answered.
        refusal: the status of what is longer; None if nothing was refused.
        cookies: how many full cookies of a session fit.
    """

    longest: int
    refusal: int | None
    cookies: int


def find_limit(ask: Ask, full: Sequence[int]) -> Limit:
    """Look for the longest that is answered with 200.

    Args:
        ask: sends a request.
        full: the lengths of sessions in one full cookie, in two and so on.
    """
    longest, refusal = search(ask)
    return Limit(longest, refusal, sum(length <= longest for length in full))


def search(ask: Ask) -> tuple[int, int | None]:
    """Return the longest that is answered with 200, and the status of what is longer."""
    refusal = ask(MOST)
    if refusal == 200:
        return MOST, None
    fits, fails = 0, MOST
    while fails - fits > 1:
        middle = (fits + fails) // 2
        status = ask(middle)
        if status == 200:
            fits = middle
        else:
            fails, refusal = middle, status
    return fits, refusal


def ask(address: Address, path: str = "/", cookie: int = 0) -> int:
    """Send a request, whose `Cookie` field has this many bytes, and return the answer's status."""
    fields = dict(HEADERS)
    if cookie:
        fields["cookie"] = "x" * cookie
    lines = [f"GET {path} HTTP/1.1", *(f"{name}: {text}" for name, text in fields.items())]
    head = "\r\n".join([*lines, "connection: close"]).encode()
    try:
        with address.connect(PATIENCE) as connection:
            connection.sendall(head)
            # Over a network a long head comes in several packets, and some servers limit only what
            # has come so far, not a head that is complete at once.
            time.sleep(PAUSE)
            connection.sendall(b"\r\n\r\n")
            return status_of(connection)
    except OSError:
        return 0


def status_of(connection: socket.socket) -> int:
    line = connection.makefile("rb").readline().split()
    return int(line[1]) if len(line) > 1 else 0


def request_limit(subject: Subject, *, raised: bool) -> Limit:
    """Measure the longest `Cookie` field."""
    with run(subject, raised=raised) as address:
        return find_limit(lambda length: ask(address, cookie=length), REQUESTS)


def response_limit(subject: Subject, *, raised: bool) -> Limit:
    """Measure the most of `Set-Cookie` that a proxy carries."""
    with run(subject, raised=raised) as address:
        return find_limit(lambda length: ask(address, f"/{length}"), RESPONSES)


def describe(limit: Limit) -> list[str]:
    """Return the cells of a limit: how long, what answers beyond it, and how many cookies fit."""
    if limit.refusal is None:
        return [f"over {MOST:,}", "", str(limit.cookies)]
    status = str(limit.refusal) if limit.refusal else "closed"
    return [f"{limit.longest:,}", status, str(limit.cookies)]


def rows(subjects: Sequence[Subject], measure: Callable[..., Limit]) -> list[list[str]]:
    found = []
    for subject in subjects:
        by_default = measure(subject, raised=False)
        cells = [subject.name, subject.version(), *describe(by_default)]
        raised = describe(measure(subject, raised=True)) if subject.can_be_raised else [""] * 3
        found.append([*cells, raised[0], raised[2]])
    return found


HEAD = ("", "version", "longest", "beyond", "cookies", "raised to", "cookies then")


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure how large headers may be.")
    parser.add_argument("names", nargs="*", help="of servers and proxies; all if none is given")
    chosen = parser.parse_args().names
    subjects = [one for one in (*SERVERS, *PROXIES) if not chosen or one.name in chosen]
    here = [one for one in subjects if one.version()]
    for one in subjects:
        if one not in here:
            print(f"not installed: {one.name}")
    print(table("The request's Cookie field, in bytes", HEAD, rows(here, request_limit)))
    proxies = [one for one in here if one in PROXIES]
    if proxies:
        print(
            table("The response's Set-Cookie fields, in bytes", HEAD, rows(proxies, response_limit))
        )


if __name__ == "__main__":
    main()
