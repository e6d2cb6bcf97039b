"""The scripts that measure: what is counted, and which changes of the code are mutants."""

import ast
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent
from types import ModuleType

import pytest

from iron_session import _speedups
from tools import (
    build_speedups,
    check_crates,
    core_vectors,
    count_instructions,
    fuzz,
    house_figures,
    mutants,
)


def changes(code: str) -> set[tuple[str, str]]:
    """Give the kind of each mutation, and the line that it makes."""
    text = dedent(code)
    return {(each.kind, each.lines(text)[1]) for each in mutants.mutations(text)}


def kinds(code: str) -> set[str]:
    return {kind for kind, _ in changes(code)}


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("a == b", {("Eq to NotEq", "a != b")}),
        ("a < b <= c", {("Lt to LtE", "a <= b <= c"), ("LtE to Lt", "a < b < c")}),
        ("a is not b", {("IsNot to Is", "a is b")}),
        ("a not in b", {("NotIn to In", "a in b")}),
        ("a and b or c", {("or to and", "(a and b) and c"), ("and to or", "a or b or c")}),
        ("not (a or b) and c", {
            ("and to or", "not (a or b) or c"),
            ("not removed", "(a or b) and c"),
            ("or to and", "not (a and b) and c"),
        }),
        ("a - (b + c)", {("Sub to Add", "a + (b + c)"), ("Add to Sub", "a - (b - c)")}),
        ("a = True", {("True to False", "a = False")}),
        ("a = 1", {("number + 1", "a = 2")}),
        ("a = 'b'", {("text changed", "a = 'bX'")}),
        ("a = b'c'", {("bytes changed", "a = b'cX'")}),
        ("a = f'é{b}'", {("text changed", "a = f'éX{b}'")}),
        ("a = f'{b + 1}'", {("number + 1", "a = f'{b + 2}'"), ("Add to Sub", "a = f'{b - 1}'")}),
        ("a if b else c", {("if to if not", "a if not b else c")}),
        ("[a for a in b if c]", {("if to if not", "[a for a in b if not c]")}),
        ("f(a, b=c)", {("argument b dropped", "f(a)")}),
    ],
)  # fmt: skip
def test_an_expression_has_these_mutants(code: str, expected: set[tuple[str, str]]) -> None:
    assert changes(code) == expected


def test_a_function_has_these_mutants() -> None:
    code = """
        def pay(self, sum):
            if self.closed:
                raise Closed
            self.left -= sum
            del self.cache
            self.log.add(sum)
            return self.left
    """
    assert changes(code) == {
        ("if to if not", "if not self.closed:"),
        ("statement removed", "pass"),
        ("Sub to Add", "self.left += sum"),
        ("return None", "return None"),
    }
    removed = [each for each in mutants.mutations(dedent(code)) if each.replacement == "pass"]
    assert [each.line for each in removed] == [4, 5, 6, 7]


def test_a_statement_over_several_lines_is_told_as_one() -> None:
    text = "ask(\n    whom,  # of all\n    again=now,\n)\nleave"
    (mutation,) = mutants.mutations(text)
    assert mutation.lines(text) == ("ask( whom, # of all again=now, )", "ask(whom)")
    assert mutation.apply(text) == "ask(whom)\nleave"


def test_columns_are_counted_in_characters() -> None:
    text = "'…', a == b"
    changed = {each.apply(text) for each in mutants.mutations(text)}
    assert changed == {"'…', a != b", "'…X', a == b"}


def test_a_mutant_knows_its_function_and_its_statement() -> None:
    text = "class A:\n    def b(self):\n        while c(1):\n            pass"
    (mutation,) = mutants.mutations(text)
    assert (mutation.function, mutation.statement) == ("A.b", "while c(1):")


@pytest.mark.parametrize(
    "code",
    [
        '"""Whether a file is one."""',
        'class A:\n    """Whether a class is one."""\n    b: int\n    """And of an attribute."""',
        'def a():\n    """Whether a function is one."""',
        '__all__ = ["a"]',
        'class A:\n    __slots__ = ("a", "b")',
        "if TYPE_CHECKING:\n    a = 1",
        'A: TypeAlias = Literal["a", "b"]',
        'T = TypeVar("T", bound="A")',
        'def a(b: Literal["c"]) -> Literal[1]: ...',
        'class A(Protocol):\n    b = 1\n    def c(self, d: int = 1) -> None: ...',
        "@overload\ndef a(b: int = 1) -> None: ...",
        "@lru_cache(maxsize=1)\ndef a(): ...",
        'a = cast("A", b)',
        "zip(a, b, strict=True)",
        "def a():\n    return None",
        "import a",
    ],
)  # fmt: skip
def test_what_decides_nothing_has_no_mutants(code: str) -> None:
    assert changes(code) == set()


@pytest.mark.parametrize(
    "code",
    [
        'def a():\n    raise ValueError("wrong")',
        'def a():\n    raise ValueError(f"{b}: wrong")',
        'def a():\n    problem = "is not what it should be"',
        'def a():\n    problem = f"{b} is wrong"',
        'def a():\n    log.warning("this is wrong: %r", b)',
        'def a():\n    warn_once(("wrong", b), "this is wrong")',
        'def a():\n    error.add_note("wrong")',
        'def __repr__(self):\n    b = "<>"',
        'def __sentry_repr__(self):\n    b = f"<{c}>"',
    ],
)
def test_messages_are_left_as_they_are(code: str) -> None:
    assert kinds(code) == {"statement removed"}


def test_what_an_error_says_beside_its_message_is_changed() -> None:
    code = 'def a():\n    raise UnsealError("too old", reason="expired")'
    assert changes(code) == {
        ("statement removed", "pass"),
        ("argument reason dropped", "raise UnsealError('too old')"),
        ("text changed", "raise UnsealError(\"too old\", reason='expiredX')"),
    }


def test_beside_type_checking_code_is_changed() -> None:
    assert changes("if not TYPE_CHECKING:\n    a = 1") == {("number + 1", "a = 2")}


# --- the sample --------------------------------------------------------------------------------

PACKAGE = {
    "seals/one.py": "def a(b):\n    if b:\n        return 1\n    return b == 2",
    "seals/two.py": "C = 3\n\ndef d(e):\n    f(e)\n    g(e)\n    return e is None",
    "sessions/three.py": "def h(i):\n    return i > 4\n\n\ndef j(k):\n    return k + 5",
    "http/four.py": "def l(m):\n    return not m",
}


def build(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        file = root / mutants.PACKAGE / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return root


def drawn(root: Path, count: int, seed: int = 1) -> list[mutants.Mutant]:
    everything = [mutants.mutants_of(root, part) for part in mutants.parts(root)]
    return mutants.sample(everything, count, seed)


def named(chosen: list[mutants.Mutant]) -> list[tuple[str, str, str]]:
    return [
        (each.mutation.function, each.mutation.statement, each.mutation.kind) for each in chosen
    ]


def test_one_seed_draws_one_sample(tmp_path: Path) -> None:
    root = build(tmp_path, PACKAGE)
    assert drawn(root, 5) == drawn(root, 5)
    assert any(drawn(root, 5) != drawn(root, 5, seed) for seed in (2, 3, 4))


def test_a_sample_has_one_mutant_of_a_statement_and_its_share_of_each_part(tmp_path: Path) -> None:
    chosen = drawn(build(tmp_path, PACKAGE), 5)
    assert [each.part for each in chosen] == ["seals"] * 3 + ["sessions"] + ["http"]
    everything = drawn(tmp_path, 100)
    assert len({(each.file, each.mutation.row) for each in everything}) == len(everything) == 10


def test_code_that_moves_is_drawn_all_the_same(tmp_path: Path) -> None:
    before = build(tmp_path / "before", PACKAGE)
    one, two = PACKAGE["seals/one.py"], PACKAGE["seals/two.py"]
    moved = {
        "seals/other.py": f"# both\n{two}\n\n\n{one}",
        "doors/four.py": PACKAGE["http/four.py"],
    }
    after = build(tmp_path / "after", {"sessions/three.py": PACKAGE["sessions/three.py"], **moved})
    assert named(drawn(before, 6)) == named(drawn(after, 6))


def test_the_mutants_of_this_package_are_python() -> None:
    chosen = drawn(mutants.ROOT, 60)
    assert len(chosen) == 60
    for each in chosen:
        text = (mutants.ROOT / mutants.PACKAGE / each.file).read_text(encoding="utf-8")
        assert ast.dump(ast.parse(each.mutation.apply(text))) != ast.dump(ast.parse(text))


def test_each_part_has_tests_that_run_in_stages() -> None:
    for part in mutants.parts(mutants.ROOT):
        first, *others = mutants.stages(mutants.ROOT, part)
        assert f"tests/{part}" in first
        assert others


def test_the_nearest_tests_are_those_of_the_file() -> None:
    (mutation,) = mutants.mutations("a == b")
    of_a_file = mutants.Mutant("seals", "seals/_crypto.py", mutation)
    assert mutants.nearest(mutants.ROOT, of_a_file) == ["tests/seals/test_crypto.py"]
    of_the_ground = mutants.Mutant("seals", "_json.py", mutation)
    assert mutants.nearest(mutants.ROOT, of_the_ground) == ["tests/ground/test_json.py"]
    in_a_folder = mutants.Mutant("sessions", "sessions/schemas/typed.py", mutation)
    assert mutants.nearest(mutants.ROOT, in_a_folder) == ["tests/sessions/schemas"]


# --- what is counted ---------------------------------------------------------------------------


def test_names_are_those_that_code_blocks_import_from_the_tool_kit() -> None:
    page = dedent(
        """
        from iron_session.doors import not_in_a_block

        ```python
        from iron_session import Session
        from iron_session.doors import begin, end
        from iron_session.doors.requests import REGISTRY
        ```

        ```python
        from iron_session.http import begin
        from iron_session.https import other
        ```
        """
    )
    assert house_figures.imported_names(page) == {"begin", "end", "REGISTRY"}


def test_files_and_lines_are_those_of_python(tmp_path: Path) -> None:
    build(tmp_path, {"a.py": "1\n2\n", "b/c.py": "3", "py.typed": "4\n"})
    assert house_figures.count_lines(tmp_path) == (2, 3)


def module(file: Path, code: str) -> ModuleType:
    made = ModuleType(file.stem)
    exec(compile(code, str(file), "exec"), vars(made))  # noqa: S102 - the code is this test's
    return made


def test_calls_and_changes_of_file_are_those_within_the_folder(tmp_path: Path) -> None:
    house, outside = tmp_path / "house", tmp_path / "house_next_door"
    one = module(house / "one.py", "def a(b): return b(b)")
    two = module(house / "two.py", "def c(d): return e()\ndef e(): return 1")
    other = module(outside / "three.py", "def f(g): return g(g)")
    walk = house_figures.Walk(house)

    def run(functions: list[Callable[..., object]]) -> object:
        return [each(two.c) for each in functions]

    kept = sys.getprofile()
    house_figures.profiled(walk, lambda: run([one.a, other.f, one.a]))
    sys.setprofile(kept)
    # a, c, e; c, e; a, c, e
    assert (walk.calls, walk.changes) == (8, 3)


# --- the native core's crates ----------------------------------------------------------------

TREE = """\
aes|0.9.4|MIT OR Apache-2.0
aes|0.9.4|MIT OR Apache-2.0 (*)
iron-session-speedups|0.1.0|MIT
unicode-ident|1.0.27|(MIT OR Apache-2.0) AND Unicode-3.0
"""
PINNED = {("aes", "0.9.4"), ("unicode-ident", "1.0.27")}


def test_crates_that_are_pinned_and_free_are_no_problem() -> None:
    assert check_crates.problems(TREE, PINNED, check_crates.LICENSES) == []


def test_a_crate_that_is_not_pinned_is_told() -> None:
    (problem,) = check_crates.problems(TREE, PINNED - {("aes", "0.9.4")}, check_crates.LICENSES)
    assert problem == "aes 0.9.4 is not pinned: add aes = '=0.9.4'"


@pytest.mark.parametrize(
    ("license_", "allowed"),
    [
        ("MIT", True),
        ("Apache-2.0 OR MIT", True),
        ("MIT OR Apache-2.0 OR LGPL-2.1-or-later", True),
        ("(MIT OR Apache-2.0) AND Unicode-3.0", True),
        ("Apache-2.0 WITH LLVM-exception", True),
        ("GPL-3.0-only", False),
        ("MIT AND GPL-3.0-only", False),
        ("(MIT OR Apache-2.0) AND NCSA", False),
        ("", False),
    ],
)
def test_a_crate_may_be_used_if_its_license_leaves_a_choice(license_: str, allowed: bool) -> None:
    assert check_crates.may_be_used(license_, check_crates.LICENSES) is allowed


def test_only_exact_versions_are_pins() -> None:
    manifest = {
        "dependencies": {
            "exact": "=1.2.3",
            "with-features": {"version": "=1.2.4", "features": ["x"]},
            "newer": "1.2.3",
            "part": "=1.2",
            "here": {"path": ".."},
        },
        "target": {"cfg(any())": {"dependencies": {"transitive": {"version": "=1.2.5"}}}},
    }
    assert set(check_crates.pins(manifest)) == {
        ("exact", "1.2.3"),
        ("with-features", "1.2.4"),
        ("transitive", "1.2.5"),
    }


@pytest.mark.parametrize("manifest", check_crates.MANIFESTS, ids=["core", "fuzz"])
def test_every_crate_that_a_manifest_names_is_pinned(manifest: Path) -> None:
    """Cargo tells, in `make check`, whether it names them all."""
    content = tomllib.loads(manifest.read_text(encoding="utf-8"))
    tables = [content["dependencies"], *(t["dependencies"] for t in content["target"].values())]
    named = {name for table in tables for name in table} - {"iron-session-speedups"}
    assert {name for name, _ in check_crates.pins(content)} == named


@pytest.mark.parametrize(
    ("told", "expected"),
    [("cargo 1.95.0 (f2d3ce0bd 2026-03-21)", (1, 95)), ("1.85", (1, 85)), ("cargo", ())],
)
def test_the_version_of_cargo_is_read(told: str, expected: tuple[int, ...]) -> None:
    assert build_speedups.version(told) == expected


ROOT = Path(__file__).parent.parent


def test_the_native_core_has_the_version_of_the_package() -> None:
    """The extra asks for the same one, and each wheel of the core has it."""
    manifests = ("", "speedups", "speedups/without_code")
    projects = [
        tomllib.loads((ROOT / folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        for folder in manifests
    ]
    crate = tomllib.loads((ROOT / "speedups/Cargo.toml").read_text(encoding="utf-8"))["package"]
    (version,) = {each["version"] for each in [*projects, crate]}
    extra = projects[0]["optional-dependencies"]["speedups"]
    assert extra == [f"iron-session-speedups=={version}"]


def test_the_native_core_is_tested_with_the_seals_of_today() -> None:
    """If not, `python tools/core_vectors.py` writes them again."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_speedups, "core", None)
        assert core_vectors.FILE.read_text(encoding="utf-8") == core_vectors.vectors()


# --- instructions, and fuzzing -------------------------------------------------------------------


def test_each_supported_python_has_a_number_of_instructions_for_each_path() -> None:
    """They are counted by `make instructions`, which needs valgrind."""
    kept = count_instructions.numbers()
    assert {"3.11", "3.12", "3.13"} <= kept.keys()
    assert all(one.keys() == count_instructions.CORES.keys() for one in kept.values())


def test_what_is_counted_seals_and_opens() -> None:
    found = count_instructions.scenarios()
    assert found.keys() == {"ours", "Fernet"}
    assert all(scenario() == count_instructions.DATA for scenario in found.values())


def test_the_instructions_of_doing_nothing_are_subtracted() -> None:
    told = "==7== \n==8== Collected : 1000\n==9== Collected : 5000\n==7== Collected : 999\n"
    totals = count_instructions.collected(told)
    assert totals == {"7": 999, "8": 1000, "9": 5000}
    counts = count_instructions.per_time("nothing 8\nours 9\n", totals)
    assert counts == {"ours": 4000 / count_instructions.TIMES}


def test_a_process_that_was_not_counted_is_an_error() -> None:
    with pytest.raises(KeyError):
        count_instructions.per_time("nothing 8\nours 9\n", {"8": 1000})


def test_more_instructions_than_the_margin_allows_are_seen() -> None:
    kept = {"Python": 1.5, "native core": 0.8}
    most = 1.5 * count_instructions.MARGIN
    assert count_instructions.grown({"Python": most, "native core": 0.1}, kept) == []
    (told,) = count_instructions.grown({"Python": most + 0.01}, kept)
    assert told.startswith("Python: ")
    assert told.endswith("times Fernet's instructions, and 1.5 before")


def test_without_valgrind_it_is_said_and_an_error_on_ci(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(sys, "argv", ["count_instructions.py"])
    monkeypatch.delenv("CI", raising=False)
    count_instructions.main()
    told = capsys.readouterr().out
    assert told.startswith("Instructions are not counted: valgrind was not found")
    monkeypatch.setenv("CI", "true")
    with pytest.raises(SystemExit, match="valgrind was not found"):
        count_instructions.main()


def test_without_cargo_the_core_is_not_fuzzed_and_it_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "")
    assert fuzz.main([]) == 0
    assert capsys.readouterr().out == "The native core is not fuzzed: cargo was not found.\n"


def test_fuzzing_begins_with_the_seals_that_python_made(tmp_path: Path) -> None:
    fuzz.write_seeds(tmp_path / "corpus")
    seeds = [file.read_text(encoding="utf-8") for file in (tmp_path / "corpus").iterdir()]
    whole = [seed for seed in seeds if seed.startswith("Fe26.2*")]
    assert len(whole) > 20
    assert all(set(seed.split("*")) < set(seeds) for seed in whole)


def test_each_target_of_the_fuzzer_is_run() -> None:
    files = {file.stem for file in (fuzz.FUZZ / "fuzz_targets").glob("*.rs")}
    assert set(fuzz.targets()) == files
