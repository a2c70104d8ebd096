"""What no file of the product may do, read from its source."""

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "reconciler"

FORBIDDEN_CALLS = {
    *("eval", "exec", "compile", "os.system", "os.popen", "os.execv", "os.spawnv", "mktemp"),
    *("yaml.load", "yaml.full_load", "yaml.unsafe_load", "yaml.Loader", "yaml.UnsafeLoader"),
    *("tempfile.mktemp", "ssl._create_unverified_context", "requests.get", "requests.post"),
    *("urllib3.disable_warnings", "__import__", "jsonpickle.decode", "input"),
}
FORBIDDEN_IMPORTS = {
    *("pickle", "marshal", "shelve", "dill", "cPickle", "telnetlib", "xmlrpc", "code", "pty"),
}


def dotted(node: ast.AST) -> str:
    match node:
        case ast.Attribute(value=value, attr=name):
            return f"{dotted(value)}.{name}"
        case ast.Name(id=name):
            return name
        case _:
            return ""


@pytest.mark.parametrize(
    "path", sorted(SOURCE.rglob("*.py")), ids=lambda p: str(p.relative_to(SOURCE))
)
def test_nothing_runs_or_unpacks_what_others_wrote(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case ast.Call(func=function, keywords=keywords):
                assert dotted(function) not in FORBIDDEN_CALLS, f"{path}:{node.lineno}"
                for keyword in keywords:
                    value = getattr(keyword.value, "value", None)
                    at = f"{path}:{node.lineno}"
                    assert not (keyword.arg == "shell" and value is not False), at
                    assert not (keyword.arg == "verify" and value is False), at
                    assert not (keyword.arg == "trust_env" and value is True), at
            case ast.Import(names=names):
                assert {each.name.split(".")[0] for each in names}.isdisjoint(FORBIDDEN_IMPORTS)
            case ast.ImportFrom(module=module):
                assert (module or "").split(".")[0] not in FORBIDDEN_IMPORTS
            case ast.Attribute(attr=name):
                assert name not in ("CERT_NONE", "check_hostname"), f"{path}:{node.lineno}"


def test_processes_are_started_by_the_emulator_and_to_ask_git_alone() -> None:
    users = {
        path.relative_to(SOURCE)
        for path in SOURCE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Import) and any(each.name == "subprocess" for each in node.names)
    }
    others = {each for each in users if each.parts[0] != "emulator"}
    assert others == {Path("cli", "revision.py")}
