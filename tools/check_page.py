"""Check the files on the page "Write your own integration" like the rest of the code.

Readers copy them, so they must be linted, formatted and typed like the package itself.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "frameworks" / "write-your-own.md"
FILE = re.compile(r"^```python\n(# (\w+\.py)\n.*?)^```$", re.DOTALL | re.MULTILINE)
CONFIG = ROOT / "pyproject.toml"
CHECKS: list[list[str | Path]] = [
    ["ruff", "check", "--config", CONFIG, "--ignore", "D"],
    ["ruff", "format", "--check", "--config", CONFIG],
    # Not every framework has types.
    ["mypy", "--config-file", CONFIG, "--ignore-missing-imports"],
]


def main() -> int:
    """Write the files into a folder, check them there, and return how many checks failed."""
    with tempfile.TemporaryDirectory() as folder:
        files = []
        for code, name in FILE.findall(PAGE.read_text(encoding="utf-8")):
            files.append(Path(folder, name))
            files[-1].write_text(code, encoding="utf-8")
        if not files:
            sys.exit(f"{PAGE} shows no files")
        return sum(
            subprocess.run([sys.executable, "-m", *check, *files], cwd=ROOT, check=False).returncode
            != 0
            for check in CHECKS
        )


if __name__ == "__main__":
    sys.exit(main())
