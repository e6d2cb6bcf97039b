"""Break lines of the package one by one, and print which of them no test notices.

    python tools/mutants.py                           # 300 lines, with the seed 1
    python tools/mutants.py --count 50 --seed 7 --jobs 2
    python tools/mutants.py --at-least 90             # ends with an error below that

A mutant is a copy of src/ with one thing changed, as `==` to `!=`, or a statement left out. The
tests of its part run first, then those of the parts above, until one fails: then it is killed, and
so is one that hangs. What survives is printed: a test is missing, or the change makes no
difference.

Which lines are broken depends on the seed and on the code of each function, not on files and line
numbers, so nearly the same ones are broken after code has moved.
"""

import argparse
import ast
import copy
import os
import queue
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = Path("src", "iron_session")


# --- what can be broken ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutation:
    """One change of one file's text.

    Attributes:
        function: the name of the function or class, with those around it; empty outside of any.
        kind: what is changed to what.
        statement: the code of the statement; of a compound one, its first line.
        row: the line where the statement begins.
        line: the line where the change begins.
        start: where the changed text begins, in characters.
        end: where it ends.
        replacement: what takes its place.
    """

    function: str
    kind: str
    statement: str
    row: int
    line: int
    start: int
    end: int
    replacement: str

    def apply(self, text: str) -> str:
        """Return the file's text with the change in it."""
        return text[: self.start] + self.replacement + text[self.end :]

    def lines(self, text: str) -> tuple[str, str]:
        """Return the changed lines before and after, each as one."""
        first = text.rfind("\n", 0, self.start) + 1
        rest = text[self.end :].partition("\n")[0]
        before = text[first : self.end] + rest
        return _joined(before), _joined(text[first : self.start] + self.replacement + rest)


def _joined(lines: str) -> str:
    return " ".join(lines.split())


COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
SUMS: dict[type[ast.operator], type[ast.operator]] = {ast.Add: ast.Sub, ast.Sub: ast.Add}
BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")
TYPES = {"TypeVar", "ParamSpec", "NewType"}
CACHES = {"cache", "lru_cache"}  # how much they keep is no behaviour
IDLE = {"slots", "strict"}  # of dataclasses and zip: they save memory, and tell of mistakes
NAMES = {"__all__", "__slots__"}
REPRS = {"__repr__", "__sentry_repr__"}
# A text of several words is a message, or a part of one, wherever it is passed on to.
PROSE = re.compile(r"[A-Za-z]{2} [.(a-zA-Z]|^ [a-z]+ $")
Scope = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def mutations(text: str) -> list[Mutation]:
    """Return every change of a Python file that should make a test fail."""
    finder = _Finder(text)
    finder.visit(ast.parse(text))
    return list({(each.start, each.end, each.replacement): each for each in finder.found}.values())


class _Finder(ast.NodeVisitor):
    """Collects the mutations of a file; each `visit_…` knows one kind of code."""

    def __init__(self, text: str) -> None:
        self.found: list[Mutation] = []
        self._text = text
        self._lines = text.splitlines(keepends=True)
        self._starts = [0]
        for line in self._lines:
            self._starts.append(self._starts[-1] + len(line))
        self._scopes: list[Scope] = []
        self._statement = ""
        self._row = 0
        self._whole: ast.JoinedStr | None = None  # in Python 3.11 what is within has no place

    # --- where it is

    def visit(self, node: ast.AST) -> None:
        """Visit a node; note the statement that it begins."""
        if not isinstance(node, (ast.stmt, ast.ExceptHandler, ast.match_case)):
            super().visit(node)
            return
        before = self._statement, self._row
        self._statement = _first_line(node)
        self._row = (node.pattern if isinstance(node, ast.match_case) else node).lineno
        super().visit(node)
        self._statement, self._row = before

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        decorators = set(map(_last_name, node.decorator_list))
        if "overload" not in decorators:
            defaults = [*node.args.defaults, *filter(None, node.args.kw_defaults)]
            self._visit_scope(node, defaults)

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        if "Protocol" not in map(_last_name, node.bases):
            self._visit_scope(node, [])

    def _visit_scope(self, node: Scope, defaults: list[ast.expr]) -> None:
        self._scopes.append(node)
        decorators = [each for each in node.decorator_list if _last_name(each) not in CACHES]
        for each in (*decorators, *defaults, *node.body):
            self.visit(each)
        self._scopes.pop()

    @property
    def _in_function(self) -> bool:
        return any(not isinstance(each, ast.ClassDef) for each in self._scopes)

    @property
    def _in_repr(self) -> bool:
        return any(each.name in REPRS for each in self._scopes)

    # --- statements

    def visit_Expr(self, node: ast.Expr) -> None:
        if isinstance(node.value, (ast.Call, ast.Await)):
            self._remove(node)
        if not isinstance(node.value, ast.Constant):  # which is a docstring
            self.visit(node.value)

    def visit_Assign(self, node: ast.Assign) -> None:
        if NAMES.isdisjoint(map(_last_name, node.targets)) and _last_name(node.value) not in TYPES:
            self._remove(node)
            self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None and _last_name(node.annotation) != "TypeAlias":
            self._remove(node)
            self.visit(node.value)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        self._remove(node)
        self._flip_sum(node)
        self.generic_visit(node)

    def visit_Delete(self, node: ast.Delete) -> None:
        self._remove(node)
        self.generic_visit(node)

    def visit_Raise(self, node: ast.Raise) -> None:
        self._remove(node)
        if node.exc is not None:
            self.visit(node.exc)

    def visit_Return(self, node: ast.Return) -> None:
        if node.value is not None and not _is_nothing(node.value):
            self._note("return None", node, value=ast.Constant(None))
            self.visit(node.value)

    def visit_If(self, node: ast.If) -> None:
        if _last_name(node.test) == "TYPE_CHECKING":
            kept = node.orelse
        elif (
            isinstance(node.test, ast.UnaryOp) and _last_name(node.test.operand) == "TYPE_CHECKING"
        ):
            kept = node.body
        else:
            self._negate(node.test)
            self.generic_visit(node)
            return
        for each in kept:
            self.visit(each)

    def _remove(self, node: ast.stmt) -> None:
        if self._in_function:
            self._add("statement removed", node, "pass")

    # --- expressions

    def visit_IfExp(self, node: ast.IfExp) -> None:
        self._negate(node.test)
        self.generic_visit(node)

    def visit_comprehension(self, node: ast.comprehension) -> None:
        for each in node.ifs:
            self._negate(each)
        self.generic_visit(node)

    def _negate(self, test: ast.expr) -> None:
        # Of those two there is a mutation that says the same.
        is_flipped = isinstance(test, ast.Compare) and not isinstance(
            test.ops[0], (ast.Lt, ast.LtE, ast.Gt, ast.GtE)
        )
        if not is_flipped and not _is_not(test) and self._whole is None:
            self._add("if to if not", test, ast.unparse(ast.UnaryOp(ast.Not(), test)))

    def visit_UnaryOp(self, node: ast.UnaryOp) -> None:
        if _is_not(node) and self._whole is None:
            bare = ast.unparse(node.operand)
            is_whole = isinstance(node.operand, (ast.Name, ast.Attribute, ast.Call, ast.Subscript))
            self._add("not removed", node, bare if is_whole else f"({bare})")
        self.generic_visit(node)

    def visit_BoolOp(self, node: ast.BoolOp) -> None:
        if isinstance(node.op, ast.And):
            self._note("and to or", node, op=ast.Or())
        else:
            self._note("or to and", node, op=ast.And())
        self.generic_visit(node)

    def visit_Compare(self, node: ast.Compare) -> None:
        for number, op in enumerate(node.ops):
            other = COMPARISONS[type(op)]()
            ops = [*node.ops[:number], other, *node.ops[number + 1 :]]
            self._note(f"{_name(op)} to {_name(other)}", node, ops=ops)
        self.generic_visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> None:
        if not any(map(_is_text, (node.left, node.right))):
            self._flip_sum(node)
        self.generic_visit(node)

    def _flip_sum(self, node: ast.BinOp | ast.AugAssign) -> None:
        if type(node.op) in SUMS:
            other = SUMS[type(node.op)]()
            self._note(f"{_name(node.op)} to {_name(other)}", node, op=other)

    def visit_Call(self, node: ast.Call) -> None:
        for number, keyword in enumerate(node.keywords):
            if keyword.arg is not None and keyword.arg not in IDLE:
                rest = [*node.keywords[:number], *node.keywords[number + 1 :]]
                self._note(f"argument {keyword.arg} dropped", node, keywords=rest)
        name = _last_name(node)
        if name.endswith("Error") or name == "add_note":
            arguments = []  # a message
        elif name in ("cast", "warn_once"):
            arguments = node.args[1:]  # the first is a type, or tells records of the log apart
        else:
            arguments = node.args
        keywords = [each for each in node.keywords if each.arg not in IDLE]
        for each in (node.func, *arguments, *keywords):
            self.visit(each)

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        if PROSE.search(_text_of(node)) or self._in_repr:
            return
        before, self._whole = self._whole, self._whole or node
        self.generic_visit(node)
        self._whole = before

    def visit_Constant(self, node: ast.Constant) -> None:
        value = node.value
        if isinstance(value, bool):
            self._note(f"{value} to {not value}", node, value=not value)
        elif isinstance(value, (int, float)):
            self._note("number + 1", node, value=value + 1)
        elif isinstance(value, bytes):
            self._note("bytes changed", node, value=value + b"X")
        elif isinstance(value, str) and not PROSE.search(value) and not self._in_repr:
            self._note("text changed", node, value=f"{value}X")

    # --- what is found

    def _note(self, kind: str, node: Any, **changes: Any) -> None:
        """Note what changed fields make of a node's text."""
        kept = {name: getattr(node, name) for name in changes}
        vars(node).update(changes)
        whole = self._whole or node
        try:
            self._add(kind, whole, ast.unparse(whole))
        except ValueError:  # Python 3.11 can't write every f-string
            pass
        finally:
            vars(node).update(kept)

    def _add(self, kind: str, node: ast.stmt | ast.expr, replacement: str) -> None:
        self.found.append(
            Mutation(
                function=".".join(each.name for each in self._scopes),
                kind=kind,
                statement=self._statement,
                row=self._row,
                line=node.lineno,
                start=self._offset(node.lineno, node.col_offset),
                end=self._offset(node.end_lineno or 0, node.end_col_offset or 0),
                replacement=replacement,
            )
        )

    def _offset(self, line: int, column: int) -> int:
        """Return the place in the text: columns are counted in UTF-8."""
        before = self._lines[line - 1].encode()[:column].decode()
        return self._starts[line - 1] + len(before)


def _first_line(node: ast.stmt | ast.ExceptHandler | ast.match_case) -> str:
    """Return a statement's code; of a compound one the line before its first block."""
    shallow = copy.copy(node)
    for field in BLOCKS:
        if hasattr(shallow, field):
            setattr(shallow, field, [ast.Pass()] if field == "body" else [])
    if isinstance(shallow, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return f"def {shallow.name}"
    if isinstance(shallow, (ast.Try, ast.TryStar)):
        return "try"
    code = ast.unparse(shallow).strip()
    return code.partition("\n")[0] if hasattr(shallow, "body") else code


def _last_name(node: ast.AST) -> str:
    """Return the name that a name, a path, or a call of such ends with."""
    if isinstance(node, (ast.Call, ast.Subscript)):
        return _last_name(node.func if isinstance(node, ast.Call) else node.value)
    return getattr(node, "attr", getattr(node, "id", ""))


def _name(op: ast.AST) -> str:
    return type(op).__name__


def _is_nothing(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value in (None, False)


def _is_not(node: ast.expr) -> bool:
    return isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not)


def _is_text(node: ast.expr) -> bool:
    constant = isinstance(node, ast.Constant) and isinstance(node.value, str)
    return constant or isinstance(node, ast.JoinedStr)


def _text_of(node: ast.JoinedStr) -> str:
    """Return an f-string's text, with an x in each place."""
    values = [getattr(each, "value", None) for each in node.values]
    return "".join(value if isinstance(value, str) else "x" for value in values)


# --- which of it is --------------------------------------------------------------------------


GROUND = ("_json.py", "_log.py", "_time.py")
"""What is counted among the seals, which once had it."""


class Mutant(NamedTuple):
    """A mutation and its file, as a path within the package, in one of the parts."""

    part: str
    file: str
    mutation: Mutation


def parts(root: Path) -> list[str]:
    """Return the folders of the package whose lines are broken."""
    tool_kit = next(name for name in ("http", "doors") if (root / PACKAGE / name).is_dir())
    return ["seals", "sessions", tool_kit]


def mutants_of(root: Path, part: str) -> list[Mutant]:
    """Return all mutants of one part."""
    package = root / PACKAGE
    files = sorted((package / part).rglob("*.py"))
    if part == "seals":
        files += (package / name for name in GROUND if (package / name).exists())
    return [
        Mutant(part, file.relative_to(package).as_posix(), mutation)
        for file in files
        for mutation in mutations(file.read_text("utf-8"))
    ]


def sample(parts: list[list[Mutant]], count: int, seed: int) -> list[Mutant]:
    """Return some mutants of each part, by how many statements it has; one of a statement."""
    chosen = [_one_of_each_statement(_shuffled(part, seed)) for part in parts]
    shares = _shares([len(part) for part in chosen], count)
    return [each for part, share in zip(chosen, shares, strict=True) for each in part[:share]]


def _one_of_each_statement(mutants: Iterable[Mutant]) -> list[Mutant]:
    first: dict[tuple[str, int], Mutant] = {}
    for each in mutants:
        first.setdefault((each.file, each.mutation.row), each)
    return list(first.values())


def _shuffled(mutants: list[Mutant], seed: int) -> list[Mutant]:
    """Return the mutants in the order of a hash, which says nothing of files and lines."""
    seen: Counter[tuple[str, str, str]] = Counter()
    order = []
    for number, (_, _, mutation) in enumerate(mutants):
        code = mutation.function, mutation.statement, mutation.kind
        seen[code] += 1
        text = "\0".join((str(seed), *code, str(seen[code])))
        order.append((sha256(text.encode()).digest(), number))
    return [mutants[number] for _, number in sorted(order)]


def _shares(sizes: list[int], count: int) -> list[int]:
    """Divide a number by sizes, so that the shares add up to it, and none is above its size."""
    count = min(count, sum(sizes))
    ends = [sum(sizes[: number + 1]) for number in range(len(sizes))]
    rounded = [0, *(count * end // ends[-1] for end in ends)]
    return [end - start for start, end in pairwise(rounded)]


# --- which tests notice ----------------------------------------------------------------------

# They take long, and say little of these parts: processes, servers, a browser, threads that wait.
LEFT_OUT = (
    "tests/contract/test_many_at_once.py",
    "tests/contract/test_node.py",
    "tests/contract/test_over_the_wire.py",
    "tests/integrations/test_authlib.py",
    "tests/integrations/test_csrf_in_chromium.py",
    "tests/integrations/test_django_admin_in_chromium.py",
    "tests/integrations/test_missing_frameworks.py",
    "tests/integrations/test_wsgi_cookie_fields.py",
)
SLOW = (
    "tests/sessions/schemas/test_strays.py",
    "tests/sessions/schemas/test_values.py",
    "tests/sessions/test_rotation.py",
    "tests/sessions/test_shared_and_large.py",
)
SESSIONS = ("tests/sessions", *map("--ignore={}".format, SLOW))
CONTRACT = (
    *("tests/contract", "-k", "(asgi or wsgi or flask or django) and not falcon and not sanic"),
    *map("--ignore={}".format, LEFT_OUT),
)
OTHERS = tuple(f"tests/test_{name}.py" for name in ("links", "testing", "errors", "frames"))
PYTEST = ("-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "--no-header", "--no-summary")
MOST_SECONDS = 1800  # for the code as it is
MOST_BYTES = 4 << 30  # of memory: what never ends often grows as well


def stages(root: Path, part: str) -> list[list[str]]:
    """Return the arguments for pytest, of one run after the other, for what is broken in a part."""
    tool_kit = f"tests/{parts(root)[-1]}"
    if part == "seals":
        runs = [("tests/seals", "tests/ground"), (*SESSIONS, "tests/property"), CONTRACT, OTHERS]
    elif part == "sessions":
        last = (*OTHERS, *map(_integration, ("asgi", "django", "flask", "starlette", "wsgi")))
        runs = [(*SESSIONS, tool_kit), (*SLOW, "tests/property"), CONTRACT, last]
    else:
        last = (*OTHERS, "tests/integrations", *map("--ignore={}".format, LEFT_OUT))
        runs = [(tool_kit, *map(_integration, ("asgi", "wsgi"))), CONTRACT, last]
    return [_existing(root, run) for run in runs]


def nearest(root: Path, mutant: Mutant) -> list[str]:
    """Return the test file that is named like the broken one, and the folder if it has one."""
    path = Path("tests", "ground" if mutant.file in GROUND else "", mutant.file)
    folder = [str(path.parent)] if path.parent.name not in (mutant.part, "ground") else []
    return _existing(root, [str(path.with_name(f"test_{path.stem.lstrip('_')}.py")), *folder])


def _integration(name: str) -> str:
    return f"tests/integrations/test_{name}.py"


def _existing(root: Path, arguments: Iterable[str]) -> list[str]:
    """Leave out the paths of tests that are not there."""
    return [each for each in arguments if not each.startswith("tests/") or (root / each).exists()]


@contextmanager
def copy_of_source(root: Path) -> Iterator[Path]:
    """Copy src/ into a folder for the time being."""
    with tempfile.TemporaryDirectory() as folder:
        copied = Path(folder, "src")
        shutil.copytree(root / "src", copied, ignore=shutil.ignore_patterns("__pycache__"))
        yield copied


def write(file: Path, text: str) -> None:
    """Write a file, and forget what Python has compiled of it: its time may be the same."""
    file.write_text(text, "utf-8")
    for compiled in (file.parent / "__pycache__").glob(f"{file.stem}.*"):
        compiled.unlink()


def run_tests(root: Path, source: Path, arguments: Iterable[str], limit: float) -> int | None:
    """Return the exit code of pytest upon a copy of src/; None if it takes too long."""
    environ = {**os.environ, "CI": "true", "PYTHONPATH": str(source), "PYTHONHASHSEED": "0"}
    process = subprocess.Popen(
        [sys.executable, *PYTEST, *arguments],
        cwd=root,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        return process.wait(limit)
    except subprocess.TimeoutExpired:
        return None
    finally:
        with suppress(ProcessLookupError):  # also what the tests have started, and not ended
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def limits(root: Path, source: Path) -> dict[str, list[float]]:
    """Run the tests of each part upon the code as it is; return how long each stage may take."""
    taken: dict[tuple[str, ...], float] = {}
    for part in parts(root):
        for run in map(tuple, stages(root, part)):
            if run not in taken:
                taken[run] = _time_of(root, source, run)
    return {
        part: [3 * taken[tuple(run)] + 30 for run in stages(root, part)] for part in parts(root)
    }


def _time_of(root: Path, source: Path, run: tuple[str, ...]) -> float:
    begun = time.monotonic()
    if run_tests(root, source, run, MOST_SECONDS) != 0:
        sys.exit(f"These tests fail though nothing is broken: pytest {' '.join(run)}")
    seconds = time.monotonic() - begun
    _tell(f"{seconds:.0f} s: pytest {' '.join(run)}")
    return seconds


class Verdict(NamedTuple):
    """A mutant, and the stage that has killed it, 0 for the nearest tests; None if it survives."""

    mutant: Mutant
    stage: int | None


def judge(root: Path, source: Path, mutant: Mutant, limits: list[float]) -> Verdict:
    """Break a copy of src/, run its tests, and mend it."""
    file = source / PACKAGE.name / mutant.file
    text = file.read_text("utf-8")
    write(file, mutant.mutation.apply(text))
    runs = [nearest(root, mutant), *stages(root, mutant.part)]
    try:
        for stage, (run, limit) in enumerate(zip(runs, [limits[0], *limits], strict=True)):
            if run and run_tests(root, source, run, limit) != 0:
                return Verdict(mutant, stage)
    finally:
        write(file, text)
    return Verdict(mutant, None)


def judge_all(root: Path, mutants: list[Mutant], jobs: int) -> Iterator[Verdict]:
    """Judge mutants, several at once, each in a copy of src/; gives them in their order."""
    with ExitStack() as stack:
        sources = [stack.enter_context(copy_of_source(root)) for _ in range(jobs)]
        seconds = limits(root, sources[0])
        free: queue.SimpleQueue[Path] = queue.SimpleQueue()
        for each in sources:
            free.put(each)

        def judge_one(mutant: Mutant) -> Verdict:
            source, begun = free.get(), time.monotonic()
            try:
                verdict = judge(root, source, mutant, seconds[mutant.part])
            finally:
                free.put(source)
            _tell(f"{time.monotonic() - begun:.0f} s, stage {verdict.stage}: {_place(mutant)}")
            return verdict

        pool = stack.enter_context(ThreadPoolExecutor(jobs))
        yield from pool.map(judge_one, mutants)


# --- what is printed -------------------------------------------------------------------------


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _place(mutant: Mutant) -> str:
    mutation = mutant.mutation
    function = mutation.function or "<module>"
    return f"{PACKAGE / mutant.file}:{mutation.line}: {function}: {mutation.kind}"


def show(root: Path, mutant: Mutant) -> str:
    """Return where a mutant is, and its line before and after."""
    before, after = mutant.mutation.lines((root / PACKAGE / mutant.file).read_text("utf-8"))
    return f"{_place(mutant)}\n    - {before}\n    + {after}"


def score(verdicts: list[Verdict]) -> float:
    """Return how many in a hundred were killed; 100 of none."""
    killed = sum(each.stage is not None for each in verdicts)
    return 100 * killed / len(verdicts) if verdicts else 100.0


def print_score(name: str, verdicts: list[Verdict]) -> None:
    killed = sum(each.stage is not None for each in verdicts)
    print(f"{name}: {len(verdicts)} mutants, {killed} killed, {score(verdicts):.1f} %")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--root", type=Path, default=ROOT, help="the checkout that is broken")
    parser.add_argument("--count", type=int, default=300, help="how many lines are broken")
    parser.add_argument("--seed", type=int, default=1, help="another one breaks other lines")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="how many at once")
    parser.add_argument("--at-least", type=float, default=0, metavar="PERCENT")
    parser.add_argument("--list", action="store_true", help="print the mutants, and run nothing")
    return parser.parse_args()


def main() -> None:
    given = parse_arguments()
    root, names = given.root.resolve(), parts(given.root)
    mutants = sample([mutants_of(root, part) for part in names], given.count, given.seed)
    if given.list:
        print(*(show(root, each) for each in mutants), sep="\n")
        return
    resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES))
    verdicts = []
    for verdict in judge_all(root, mutants, given.jobs):
        verdicts.append(verdict)
        if verdict.stage is None:
            print(show(root, verdict.mutant), flush=True)
    for part in names:
        print_score(part, [each for each in verdicts if each.mutant.part == part])
    print_score("all", verdicts)
    sys.exit(score(verdicts) < given.at_least)


if __name__ == "__main__":
    main()
