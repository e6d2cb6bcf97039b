"""The house: imports run down only, each thing has its one place, and the front door is quick."""

import ast
import importlib
import inspect
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from importlib.util import resolve_name
from itertools import combinations
from pathlib import Path
from types import ModuleType

import pytest

import iron_session
from iron_session import csrf, links, revocation, seals

ROOT = Path(iron_session.__file__).parent
FILES = {path.relative_to(ROOT).as_posix(): path for path in sorted(ROOT.rglob("*.py"))}

# From the ground up. Rooms of one floor do not import each other. Above them all: the front door.
FLOORS = [
    {"errors", "_frames", "_json", "_log", "_speedups", "_time"},
    {"seals"},
    {"sessions"},
    {"http"},
    {"csrf", "links", "revocation"},
    {"integrations"},
    {"testing", "cli"},
    {"__main__"},
]
GROUND = FLOORS[0]
FOLDERS = {"seals", "sessions", "http", "revocation", "integrations", "testing", "cli"}
# What the files of the ground may import of each other.
GROUND_IMPORTS = {
    "_json": {"_speedups", "errors"},
    "_log": {"_time"},
    "_speedups": {"_log", "errors"},
    "_time": {"errors"},
}

# An integration imports another only where its framework is built on the other's, or beside it.
NEIGHBOURS = {
    "aiohttp_session": {"aiohttp"},
    "channels": {"asgi", "django"},
    "fastapi": {"asgi", "starlette"},
    "starlette": {"asgi"},
    "litestar": {"asgi"},
    "quart": {"flask"},
}

FRAMEWORKS = {
    "aiohttp",
    "aiohttp_session",
    "asgiref",
    "bottle",
    "channels",
    "django",
    "falcon",
    "fastapi",
    "flask",
    "itsdangerous",
    "jinja2",
    "litestar",
    "msgspec",
    "multidict",
    "pydantic",
    "pyramid",
    "quart",
    "sanic",
    "starlette",
    "tornado",
    "werkzeug",
}

PUBLIC = {
    "get_iron_session",
    "Session",
    "SessionOptions",
    "CookieOptions",
    "CookieJar",
    "Flash",
    "HeaderJar",
    "seal_data",
    "unseal_data",
    "Passwords",
    "generate_password",
    "Unsealed",
    "UnsealFailure",
    "UnsealReason",
    "IronSessionError",
    "ConfigurationError",
    "UnsealError",
    "NotSerializableError",
    "CookieTooLargeError",
    "HeadersAlreadySentError",
    "SessionDestroyedError",
    "SessionUnavailableError",
}
PUBLIC_IN_SEALS = {
    "seal",
    "unseal",
    "SealOptions",
    "KeyOptions",
    "Secret",
    "seal_data",
    "unseal_data",
    "Passwords",
    "PasswordInput",
    "generate_password",
    "speedups",
}
PUBLIC_IN_LINKS = {"Links", "Query"}
PUBLIC_IN_CSRF = {
    "CsrfError",
    "CsrfOptions",
    "CsrfReason",
    "CsrfRefusal",
    "CsrfRequest",
    "check_csrf_token",
    "csrf_token",
    "rotate_csrf_token",
}


PUBLIC_IN_REVOCATION = {
    "Ending",
    "MemoryStore",
    "RedisStore",
    "Revocations",
    "SessionEndedError",
    "SignedIn",
    "SqlStore",
    "SqliteStore",
    "open_store",
}


def tree(name: str) -> ast.Module:
    return ast.parse(FILES[name].read_text(encoding="utf-8"))


def module_name(name: str) -> str:
    """Turn `seals/iron.py` into `iron_session.seals.iron`."""
    parts = ["iron_session", *name.removesuffix(".py").split("/")]
    return ".".join(parts).removesuffix(".__init__")


@cache
def imports_of(name: str) -> tuple[str, ...]:
    """Return every module that a file imports, wherever in it; and of a package, what it takes."""
    return tuple(find_imports(name))


def find_imports(name: str) -> Iterator[str]:
    module = module_name(name)
    package = module if name.endswith("__init__.py") else module.rpartition(".")[0]
    for node in ast.walk(tree(name)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            source = resolve_name("." * node.level + (node.module or ""), package)
            names = [f"{source}.{alias.name}" for alias in node.names]
            if not all(map(is_module, names)):
                yield source
            yield from names


def is_module(name: str) -> bool:
    """Return whether a name is one of the ground's files, or a folder, and no name of a module."""
    parts = name.split(".")
    return parts[0] == "iron_session" and "/".join(parts[1:]) + ".py" in FILES


def of_the_house(imported: str) -> bool:
    return imported == "iron_session" or imported.startswith("iron_session.")


def floor_of(module: str) -> int:
    """Count from the ground; what is on no floor is above them all."""
    part = module.split(".")[1] if "." in module else ""
    return next((number for number, rooms in enumerate(FLOORS) if part in rooms), len(FLOORS))


def integration_of(module: str) -> str | None:
    parts = module.split(".")
    return parts[2] if len(parts) > 2 and parts[1] == "integrations" else None


def test_every_room_has_a_floor() -> None:
    """The rules below would all hold for a house that was looked for in the wrong place."""
    rooms = {module_name(name).split(".")[1] for name in FILES if name != "__init__.py"}
    assert rooms == set().union(*FLOORS)
    assert {name.split("/")[0] for name in FILES if "/" in name} == FOLDERS


@pytest.mark.parametrize("name", FILES)
def test_imports_run_down_only(name: str) -> None:
    """And nothing below the tools for tests and the command imports the front door."""
    module = module_name(name)
    room, own = [*module.split("."), ""][1], floor_of(module)
    aside = [
        imported
        for imported in imports_of(name)
        if of_the_house(imported)
        and floor_of(imported) >= own
        and imported.split(".")[1:2] != [room]
    ]
    if room in GROUND_IMPORTS:
        aside = [each for each in aside if each.split(".")[1] not in GROUND_IMPORTS[room]]
    assert aside == []


def test_links_stand_on_the_seals_alone() -> None:
    """They are for every framework, and know no cookie and no session."""
    ours = {each.split(".")[1] for each in imports_of("links.py") if of_the_house(each)}
    assert ours - GROUND == {"seals"}


@pytest.mark.parametrize("name", [name for name in FILES if name.startswith("integrations/")])
def test_integrations_do_not_import_each_other(name: str) -> None:
    own = integration_of(module_name(name))
    others = {integration_of(imported) for imported in imports_of(name)} - {own, None}
    assert others <= NEIGHBOURS.get(own or "", set())


def test_no_integration_is_reached_from_the_front_door() -> None:
    """Not even by way of the command: a framework is loaded by who asks for it."""
    for name in ("__init__.py", "__main__.py", "cli/__init__.py", "cli/main.py"):
        assert not [each for each in imports_of(name) if each.startswith("iron_session.integ")]


# Below the integrations; testing counts as one more user.
SHARED = [name for name in FILES if name.startswith("http/") and name != "http/__init__.py"]


def users_of(name: str) -> set[str]:
    """Return the rooms above `http` that import one of its files, also through another of them."""
    users: set[str] = set()
    seen: set[str] = set()
    rest = [name]
    while rest:
        module = module_name(rest.pop())
        for other in FILES:
            if other in seen or not any(
                f"{each}.".startswith(f"{module}.") for each in imports_of(other)
            ):
                continue
            seen.add(other)
            if other.startswith("http/"):
                rest.append(other)
            else:
                users.add(integration_of(module_name(other)) or module_name(other).split(".")[1])
    return users


@pytest.mark.parametrize("name", SHARED)
def test_what_is_shared_has_two_users_of_which_neither_may_import_the_other(name: str) -> None:
    """What one framework alone needs is in the room of that framework."""
    users = users_of(name)
    pairs = combinations(sorted(users), 2)
    assert any(
        one not in NEIGHBOURS.get(other, set()) and other not in NEIGHBOURS.get(one, set())
        for one, other in pairs
    ), f"only {users} need {name}"


# A schema's type belongs to one of these libraries; typing_extensions is for type checkers alone,
# which know it without having it.
MAY_IMPORT = {
    "revocation/stores/redis.py": {"redis"},
    "revocation/stores/sql.py": {"sqlalchemy"},
    "seals/_crypto.py": {"cryptography"},
    "sessions/options.py": {"typing_extensions"},
    "sessions/schemas/by_msgspec.py": {"msgspec"},
    "sessions/schemas/by_pydantic.py": {"pydantic"},
}


@pytest.mark.parametrize("name", [name for name in FILES if not name.startswith("integrations/")])
def test_below_the_integrations_only_cryptography_is_needed(name: str) -> None:
    """And `testing`, which is for the tests of an application, needs no more."""
    foreign = {imported.split(".")[0] for imported in imports_of(name)}
    foreign -= {*sys.stdlib_module_names, "iron_session"}
    assert foreign <= MAY_IMPORT.get(name, set())


@pytest.mark.parametrize("name", [name for name in FILES if name != "seals/_crypto.py"])
def test_only_one_file_touches_cryptography(name: str) -> None:
    roots = {imported.split(".")[0] for imported in imports_of(name)}
    assert not roots & {"cryptography", "hashlib", "hmac", "ssl", "_hashlib"}


@pytest.mark.parametrize("name", [name for name in FILES if name != "_time.py"])
def test_only_one_file_reads_the_clock(name: str) -> None:
    """A test that stops that one clock has stopped them all."""
    assert "time" not in {imported.split(".")[0] for imported in imports_of(name)}
    assert not [node for node in ast.walk(tree(name)) if is_date_of_now(node)]


def is_date_of_now(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Attribute)
        and node.attr in {"now", "utcnow", "today"}
        and ast.unparse(node.value).split(".")[-1] in {"datetime", "date"}
    )


@pytest.mark.parametrize("name", FILES)
def test_nothing_unpickles_or_evaluates(name: str) -> None:
    """A seal's content is JSON: data, and never a program."""
    unsafe = {"pickle", "marshal", "shelve", "dill"}
    found = [each for each in imports_of(name) if each.split(".")[0] in unsafe]
    # A session compares its data by what `dumps` returns; what it would load again is not there.
    assert found in ([], ["pickle", "pickle.dumps"])
    calls = [node.func for node in ast.walk(tree(name)) if isinstance(node, ast.Call)]
    assert not {ast.unparse(called) for called in calls} & {"eval", "exec", "compile"}


@pytest.mark.parametrize("name", FILES)
def test_nothing_is_validated_by_assert(name: str) -> None:
    """`python -O` would leave it out."""
    assert not [node for node in ast.walk(tree(name)) if isinstance(node, ast.Assert)]


@pytest.mark.parametrize("folder", ["", *(f"{folder}/" for folder in sorted(FOLDERS))])
def test_the_front_door_of_each_floor_only_re_exports(folder: str) -> None:
    docstring, *rest = tree(f"{folder}__init__.py").body
    assert isinstance(docstring, ast.Expr)
    if not rest:  # nothing of all integrations is for everybody
        assert folder == "integrations/"
        return
    *imports, names = rest
    assert all(isinstance(node, ast.ImportFrom) for node in imports)
    assert isinstance(names, ast.Assign)
    assert ast.unparse(names.targets[0]) == "__all__"


def test_the_front_door_loads_no_framework() -> None:
    """A process of its own, since this one has loaded everything."""
    code = "import sys, iron_session; print(*{name.split('.')[0] for name in sys.modules})"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(run.stdout.split())
    assert {"iron_session", "cryptography"} <= loaded
    assert not loaded & FRAMEWORKS
    assert not loaded & {"asyncio", "socket", "ssl"}


def test_the_front_door_loads_nothing_that_only_schemas_need() -> None:
    code = "import sys, iron_session; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not [name for name in run.stdout.split() if "iron_session.sessions.schemas" in name]


def test_the_front_door_loads_no_integration() -> None:
    code = "import sys, iron_session; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not [name for name in run.stdout.split() if "iron_session.integrations" in name]


@pytest.mark.parametrize(
    "module", ["iron_session", "iron_session.sessions.options", "iron_session.revocation"]
)
def test_the_libraries_of_stores_are_loaded_by_who_uses_them(module: str) -> None:
    """And the engine that ends sessions is not loaded by the front door."""
    code = f"import sys, {module}; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = run.stdout.split()
    assert not {"redis", "sqlalchemy"} & set(loaded)
    engine = [name for name in loaded if name.startswith("iron_session.revocation")]
    assert bool(engine) is module.endswith("revocation")


@pytest.mark.parametrize("name", [name for name in FILES if name.startswith("sessions/")])
def test_sessions_know_nothing_of_the_engine(name: str) -> None:
    """They declare what it must do, and it knows them."""
    assert not [each for each in imports_of(name) if each.startswith("iron_session.revocation")]


@pytest.mark.parametrize(
    ("module", "names"),
    [
        (iron_session, PUBLIC),
        (seals, PUBLIC_IN_SEALS),
        (links, PUBLIC_IN_LINKS),
        (csrf, PUBLIC_IN_CSRF),
        (revocation, PUBLIC_IN_REVOCATION),
    ],
    ids=["root", "seals", "links", "csrf", "revocation"],
)
def test_the_public_names_are_those_of_the_design(module: ModuleType, names: set[str]) -> None:
    assert set(module.__all__) == names
    assert len(module.__all__) == len(names)


@pytest.mark.parametrize("name", [name for name in FILES if not name.startswith("integrations/")])
def test_every_name_that_a_module_offers_exists(name: str) -> None:
    if name == "__main__.py":  # running it is tested elsewhere, and importing it is running it
        return
    module = importlib.import_module(module_name(name))
    offered = getattr(module, "__all__", [])
    assert [each for each in offered if not hasattr(module, each)] == []
    assert list(offered) == list(dict.fromkeys(offered))


@pytest.mark.parametrize("name", FILES)
def test_every_file_says_what_it_is(name: str) -> None:
    assert ast.get_docstring(tree(name))


def public_objects() -> Iterator[tuple[str, object]]:
    """Give each public class and function, and what is public of each class."""
    names = PUBLIC | PUBLIC_IN_SEALS | PUBLIC_IN_LINKS | PUBLIC_IN_CSRF | PUBLIC_IN_REVOCATION
    for name in sorted(names):
        places = (iron_session, seals, links, csrf, revocation)
        thing = next(getattr(place, name) for place in places if hasattr(place, name))
        if inspect.isclass(thing):
            yield name, thing
            own = {key: value for key, value in vars(thing).items() if not key.startswith("_")}
            for member, value in own.items():
                if isinstance(value, (property, classmethod)) or inspect.isfunction(value):
                    yield f"{name}.{member}", value
        elif inspect.isfunction(thing):
            yield name, thing


@pytest.mark.parametrize(
    "thing", [pytest.param(thing, id=name) for name, thing in public_objects()]
)
def test_every_public_class_and_function_is_documented(thing: object) -> None:
    """A dataclass that has no docstring is given its signature as one: that does not count."""
    docstring = thing.__doc__ or ""
    assert docstring.split("\n")[0].rstrip().endswith((".", ":"))


def test_the_package_tells_type_checkers_that_it_is_typed() -> None:
    assert (ROOT / "py.typed").is_file()
