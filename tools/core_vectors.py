"""Write speedups/tests/vectors.tsv: seals made in Python, which the native core must make too."""

from pathlib import Path

from iron_session import _speedups
from iron_session.seals import Secret
from iron_session.seals.iron import DEFAULTS, seal_bytes

FILE = Path(__file__).parent.parent / "speedups" / "tests" / "vectors.tsv"
HEADER = (
    "# password (hex)\tid\tplaintext (hex)\texpiration\tseal, with the random bytes 0, 1, 2, …\n"
)
PASSWORDS = (
    "the_password_of_these_tests_protects_nothing",
    "p" * 64,
    "p" * 65,  # longer than a block of the hash
    "ключ от замка, который ничего не защищает 日本",
)
IDS = ("", "1", "a_Z9")
PLAINTEXTS = (
    b"",
    b"{}",
    b"x" * 15,
    b"x" * 16,
    b'{"user":{"id":1,"name":"Zo\xc3\xab"}}',
    b"\xff" * 100,
)
EXPIRATIONS = (None, 1, 1_795_465_686_869, 2**63, 2**64 - 1)


def vectors() -> str:
    """Return the file's text. The cases take turns, so that each value meets several others."""
    lines = [HEADER]
    for number, plaintext in enumerate(PLAINTEXTS * len(PASSWORDS)):
        password = PASSWORDS[number % len(PASSWORDS)]
        id_ = IDS[number // 2 % len(IDS)]
        expires = EXPIRATIONS[number % len(EXPIRATIONS)]
        seal = seal_bytes(plaintext, Secret(id_, password), DEFAULTS, expires, counting)
        fields = (
            password.encode().hex(),
            id_,
            plaintext.hex(),
            "" if expires is None else str(expires),
            seal,
        )
        lines.append("\t".join(fields) + "\n")
    return "".join(lines)


def counting(size: int) -> bytes:
    return bytes(range(size))


if __name__ == "__main__":
    if _speedups.core:
        raise SystemExit("The core would only be compared with itself: IRON_SESSION_SPEEDUPS=0")
    FILE.write_text(vectors(), encoding="utf-8")
