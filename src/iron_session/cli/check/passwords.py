"""What is wrong with the passwords in the environment."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from iron_session.cli.check.findings import Finding, error, warning
from iron_session.cli.words import see
from iron_session.errors import ConfigurationError
from iron_session.seals.iron import DEFAULTS, Secret
from iron_session.seals.passwords import (
    TESTING_PASSWORD,
    Passwords,
    find_weakness,
    find_wrapping,
    read_environment,
)

__all__ = ["Found", "check_environment", "check_made", "is_set", "sentence"]

_GENERATE: Final = "Make a password with `iron-session generate-password`"


class Found(NamedTuple):
    """What the environment holds: the passwords, if they can be used, and what is to be said."""

    passwords: Passwords | None
    findings: list[Finding]


def is_set(name: str) -> bool:
    """Return whether the environment has passwords under a name, in whichever way."""
    return bool(_ways(name))


def _ways(name: str) -> set[str]:
    """Return how the environment has passwords: NAME, NAME_FILE, and NAME_N for numbers."""
    pattern = re.compile(rf"{re.escape(name)}(_FILE|_[0-9]+)?")
    keys = [key for key, value in os.environ.items() if value and pattern.fullmatch(key)]
    return {re.sub("_[0-9]+$", "_N", key.replace(name, "NAME", 1)) for key in keys}


def check_environment(name: str, seal_with: str) -> Found:
    """Read the passwords of the variable `name`, and the id in the variable `seal_with`."""
    try:
        given = read_environment(name, os.environ)
    except ConfigurationError as problem:
        return Found(None, [_unreadable(name, problem)._replace(where=name)])
    by_id = {"1": given} if isinstance(given, str) else given
    findings = [each._replace(where=name) for each in _check_texts(by_id)]
    if any(each.level == "error" for each in findings):
        return Found(None, findings)
    try:
        passwords = Passwords(by_id, seal_with=os.environ.get(seal_with))
    except ConfigurationError as problem:  # each password is good on its own
        return Found(None, [*findings, _unusable(by_id, seal_with, problem)._replace(where=name)])
    findings += [each._replace(where=name) for each in check_made(passwords)]
    return Found(passwords, findings)


def check_made(passwords: Passwords) -> Iterator[Finding]:
    """Check passwords that can be used: as a whole, as nobody knows their texts any more."""
    published = Secret("1", TESTING_PASSWORD).encryption_key
    for id_, secret in passwords.by_id.items():
        if secret.encryption_key == published:
            yield error(
                "password-published",
                f"Password {id_} is that of iron_session.testing, which everybody can read.",
                f"{_GENERATE}, and deploy it alone under a new id.",
            )
    newest, primary = passwords.ids[0], passwords.primary.id
    if primary != str(newest):
        yield warning(
            "newest-does-not-seal",
            f"Password {newest} is the newest, but password {primary} seals.",
            "This is right while servers are replaced one after the other: when all of them have "
            "the new password, remove what sets seal_with.",
        )


def sentence(problem: object) -> str:
    """Return an error's message, which ends without a full stop, as a sentence."""
    text = " ".join(str(problem).split())
    return text if text.endswith(".") else f"{text}."


def _unreadable(name: str, problem: ConfigurationError) -> Finding:
    """Return the finding for what `read_environment` refuses, with its own message."""
    ways = _ways(name)
    mend = f"Set {name} to what `iron-session generate-password` prints, on every server."
    code = "password-missing"
    if len(ways) > 1:
        code, mend = "password-set-twice", "Keep one, and remove the others."
    elif ways == {"NAME_FILE"}:
        code = "password-file"
        mend = f"Set {name}_FILE to the path of a file that this user can read, in UTF-8."
    elif ways == {"NAME_N"}:
        code, mend = "password-ids", "Number the variables 1, 2, 3 and so on."
    elif ways and _is_template(name):
        code = "password-unexpanded"
        mend = f"It is a template's {{{{…}}}} that nothing has filled in. {_MENDS['unexpanded']}"
    elif ways:
        code = "password-map"
        mend = "Write JSON: ids and passwords in double quotes, without a comma after the last."
    return error(code, sentence(problem), mend)


def _is_template(name: str) -> bool:
    """Return whether the text is `{{ … }}`, which nothing has filled in."""
    text = os.environ.get(name, "")
    wrapping = find_wrapping(text.strip())
    return wrapping is not None and wrapping.name == "unexpanded"


def _unusable(by_id: Mapping[str, str], seal_with: str, problem: ConfigurationError) -> Finding:
    if not by_id:
        return error("password-map", sentence(problem), f"{_GENERATE} and put it there.")
    mend = f"Set {seal_with} to one of them, or remove it."
    return error("seal-with-unknown", sentence(problem), mend)


def _check_texts(by_id: Mapping[str, str]) -> Iterator[Finding]:
    for id_, text in by_id.items():
        try:
            Passwords({id_: text})
        except ConfigurationError as problem:
            yield _refused(text, problem)
        else:
            yield from _check_text(id_, text)
    if len({*by_id.values()}) < len(by_id):
        yield warning(
            "password-repeated",
            "Two ids have the same password, so a rotation between them changes nothing.",
            "Give each id a password of its own: `iron-session generate-password --rotate` adds "
            "one.",
        )


_MENDS: Final = {
    "unexpanded": "Write the password itself there, as the command prints it.",
    "quoted": "Write it without quotes.",
    "list": 'Give each password an id, in JSON: {"1": "…", "2": "…"}.',
}


def _refused(text: str, problem: ConfigurationError) -> Finding:
    """Return the finding for what `Passwords` refuses, with its own message."""
    code, mend = "password-refused", "Write ids as whole numbers, and passwords in UTF-8."
    new = "Keep what that prints where every server reads it."
    if wrapping := find_wrapping(text.strip()):
        code, mend = f"password-{wrapping.name}", _MENDS[wrapping.name]
    elif not text:
        code, mend = "password-empty", f"{_GENERATE}."
    elif _length(text) < DEFAULTS.encryption.min_password_length:
        code, mend = "password-too-short", new
    elif weakness := find_weakness(text):
        code, mend = f"password-{weakness.name}", new
    return error(code, sentence(problem), mend)


def _length(text: str) -> int:
    """Return the length of a password as `Passwords` counts it: in UTF-16 units."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


_QUOTES: Final = ('"', "'")
# Within other text: `find_wrapping` knows those that are the whole text.
_UNEXPANDED: Final = re.compile(
    r"\$\([^()]+\)|\$\{\w+\}|\$[A-Z][A-Z0-9]*_[A-Z0-9_]+|\{\{[^{}]+\}\}", re.ASCII
)


def _check_text(id_: str, text: str) -> Iterator[Finding]:
    """Check a text that `Passwords` accepts, as some random password may look like it."""
    bare = text.strip()
    if bare != text:
        yield warning(
            "password-white-space",
            f"Password {id_} begins or ends with white space or a line break, which other servers "
            "may strip: then they can't open its sessions.",
            "Remove it, and deploy the result as a new password under a new id; "
            f"{see('how-to/rotation')}.",
        )
    if len(bare.splitlines()) > 1:
        yield warning(
            "password-line-break",
            f"Password {id_} has a line break in it, so it may be more than the password.",
            "Put the password alone there, on one line.",
        )
    if bare[:1] in _QUOTES and bare[-1] == bare[0]:
        yield _quoted(id_, bare[1:-1])
    yield from _misplaced(id_, bare)
    if _UNEXPANDED.search(text):
        yield warning(
            "password-unexpanded",
            f"Password {id_} contains what looks like a variable or a command that nothing has "
            "expanded, as ${…}, $(…) or {{…}}.",
            "If it is one, put the password itself there.",
        )


# A random password may begin with a slash too, so what follows must look like a path.
_PATH: Final = re.compile(r"/(?:[\w.-]+/)+[\w.-]+|[A-Za-z]:\\[^\n]+", re.ASCII)
_ASSIGNMENT: Final = re.compile(
    r"(?:export +)?(?:[A-Z][A-Z0-9_]{2,}|[A-Za-z][A-Za-z0-9]*_[A-Za-z0-9_]*) ?=[^=]"
)
_PLACEHOLDER: Final = re.compile(r"\A<[^<>]+>\Z|<[a-z][a-z _-]{3,}>", re.IGNORECASE)


def _misplaced(id_: str, text: str) -> Iterator[Finding]:
    """Check a text that may be something else than a password."""
    if _PATH.fullmatch(text):
        yield warning(
            "password-path",
            f"Password {id_} looks like the path of a file, and the path itself is the password.",
            "If the file holds the password, name it in the variable that ends in _FILE.",
        )
    if _ASSIGNMENT.match(text):
        yield warning(
            "password-assignment",
            f"Password {id_} begins with a name and =, as a whole line of a settings file.",
            "Put only what follows the = there.",
        )
    if _PLACEHOLDER.search(text):
        yield warning(
            "password-placeholder",
            f"Password {id_} has a text in <…>, as examples have where a value is to be filled in.",
            f"{_GENERATE}.",
        )


def _quoted(id_: str, inner: str) -> Finding:
    if inner.lstrip().startswith("{"):
        return error(
            "password-quoted",
            "The map of passwords has quotes around it, so its whole text is one password.",
            "Remove the quotes: docker's --env-file, for one, keeps them.",
        )
    return warning(
        "password-quoted",
        f"Password {id_} has quotes around it, and not everything that reads variables strips "
        "them.",
        "Unless it is a random password that begins and ends so, remove the quotes.",
    )
