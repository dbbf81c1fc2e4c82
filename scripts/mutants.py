"""Break `reference/` in thousands of small ways, one at a time, and count how many the fast tests notice.

    python scripts/mutants.py                       # all of it: about an hour on two cores
    python scripts/mutants.py 'reference.conv.*'    # one file; arguments go to `mutmut run`

mutmut makes the mutants and runs the tests that reach each; pyproject.toml says which.  It passes over functions with
decorators: so it gets a copy, in `build/mutants`, where `@decorator` above `f` is `f = decorator(f)` below.  Message
texts do not count: neither what stands in a `raise` (pyproject.toml) nor any other string with a space in it.

docs/mutants.md explains survivors, each by a key that a rename does not change.  The exit status is 0 when it explains
all of them, 1 when not, and then they are printed as lines for it; 2 when mutmut is missing or fails.
"""

import ast
import builtins
import copy
import hashlib
import json
import re
import resource
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
COPY = ROOT / "build" / "mutants"
DECORATORS = ("ieee754", "property", "cached_property")
CACHES = ("lru_cache",)  # left out: they would remember what a function found before it was changed
MEMORY = 8 * 2**30  # bytes; a mutant that asks for more fails, where it might have stopped the machine
KEY_DIGITS = 10  # of a digest, enough for the few that survive
FATES = {None: "not tried", 0: "survive", 33: "survive", -24: "timed out"}  # mutmut's codes; otherwise a test failed


def undecorated(source: str) -> str:
    """``source`` with the decorators of its functions as assignments below them."""
    lines = source.splitlines()
    for node in (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef)):
        for decorator in node.decorator_list:
            if not isinstance(decorator, ast.Name) or not node.end_lineno:
                continue
            if decorator.id in CACHES + DECORATORS:
                lines[decorator.lineno - 1] = ""
            if decorator.id in DECORATORS:
                assignment = f"{node.name} = {decorator.id}({node.name})"
                lines[node.end_lineno - 1] += f"\n{' ' * node.col_offset}{assignment}"
    return "\n".join(lines) + "\n"


class Textless(ast.NodeTransformer):
    """Puts None in the place of message texts: strings with a space, which no name of a mode or an argument has."""

    def visit(self, node: ast.AST) -> ast.AST:
        """``node``, or None in its place."""
        is_text = isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))
        return ast.Constant(None) if is_text and " " in ast.unparse(node) else self.generic_visit(node)


class Nameless(ast.NodeTransformer):
    """Puts numbers in the place of names, in the order in which they appear, so that a rename changes nothing.

    The names of Python and NumPy stay, unless they are ``bound`` to something else: another function is a change.
    """

    def __init__(self, bound: set[str]) -> None:
        """``bound`` are the names that stand for something else than in Python, such as an argument ``input``."""
        self.kept = {"np", *dir(builtins)} - bound
        self.numbers: dict[tuple[type[ast.AST], str], str] = {}

    def _number(self, kind: type[ast.AST], name: str) -> str:
        return self.numbers.setdefault((kind, name), f"_{len(self.numbers) + 1}")

    def visit_Name(self, node: ast.Name) -> ast.AST:
        """A variable, or a function of the module."""
        return node if node.id in self.kept else ast.Name(self._number(ast.Name, node.id), node.ctx)

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        """An attribute or a method; all that begins with `np.` is NumPy's."""
        root: ast.expr = node
        while isinstance(root, ast.Attribute):
            root = root.value
        if isinstance(root, ast.Name) and root.id == "np" and "np" in self.kept:
            return node
        value = self.visit(node.value)
        return ast.Attribute(value, self._number(ast.Attribute, node.attr), node.ctx)

    def visit_arg(self, node: ast.arg) -> ast.AST:
        """An argument of the function: the same variable as in its body."""
        annotation = node.annotation and self.visit(node.annotation)
        return ast.arg(self._number(ast.Name, node.arg), annotation)

    def visit_keyword(self, node: ast.keyword) -> ast.AST:
        """The name of an argument in a call."""
        return ast.keyword(node.arg and self._number(ast.keyword, node.arg), self.visit(node.value))

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        """The function itself."""
        node.name = self._number(ast.Name, node.name)
        return self.generic_visit(node)


def bound_names(function: ast.FunctionDef) -> set[str]:
    """The arguments and the variables of ``function``."""
    nodes = list(ast.walk(function))
    arguments = {node.arg for node in nodes if isinstance(node, ast.arg)}
    return arguments | {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}


def heads(function: ast.FunctionDef) -> Iterator[ast.AST]:
    """The statements of ``function``; of a block what opens it alone, since what it holds comes by itself."""
    for node in ast.walk(function):
        if isinstance(node, ast.stmt | ast.excepthandler | ast.match_case):
            head = copy.deepcopy(node)
            for block in {"body", "orelse", "finalbody", "handlers", "cases"} & set(head._fields):
                setattr(head, block, [])
            yield head


def key_and_change(original: ast.FunctionDef, mutant: ast.FunctionDef) -> tuple[str, str]:
    """What tells a mutant from others, whatever the names in it, and the statement as changed.

    The key is a digest of the changed statement, before and after, without names.
    """
    both = zip(heads(original), heads(mutant), strict=True)
    before, after = next(pair for pair in both if ast.dump(pair[0]) != ast.dump(pair[1]))
    change = ast.unparse(after).strip()
    nameless = Nameless(bound_names(original) | bound_names(mutant))
    texts = [ast.unparse(nameless.visit(head)).strip() for head in (before, after)]
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()[:KEY_DIGITS], change


def mutants(mutated: str) -> Iterator[tuple[str, str, str, bool]]:
    """Of each mutant in a file that mutmut wrote: its name, its key, `function: change`, and whether it is code."""
    functions = {node.name: node for node in ast.walk(ast.parse(mutated)) if isinstance(node, ast.FunctionDef)}
    for name, mutant in functions.items():
        stem, _, number = name.rpartition("__mutmut_")
        if number.isdigit():
            original, readable = functions[f"{stem}__mutmut_orig"], stem[2:].replace("ǁ", ".")
            original.name = mutant.name = readable.rpartition(".")[2]
            textless = {ast.dump(Textless().visit(copy.deepcopy(code))) for code in (original, mutant)}
            key, change = key_and_change(original, mutant)
            yield name, key, f"{readable}: {change}", len(textless) == 2


def listed(document: str) -> list[str]:
    """The survivors that ``document`` explains: its lines `key  module.function: change`."""
    return [line.strip() for line in document.splitlines() if re.match(rf" {{4}}[0-9a-f]{{{KEY_DIGITS}}}  ", line)]


def report(folder: Path, explained: list[str]) -> bool:
    """Print the figures, and the survivors that nobody explained as lines to explain; whether there are none of those.

    ``explained`` are such lines, of which the keys count: of all survivors with one key, as many may live as lines have
    it.
    """
    fates = Counter[str]()
    survivors = []
    for path in sorted(folder.rglob("*.py.meta")):
        module = ".".join(path.relative_to(folder).parts).removesuffix(".py.meta")
        codes = json.loads(path.read_text(encoding="utf-8"))["exit_code_by_key"]
        for name, key, change, is_code in mutants(path.with_suffix("").read_text(encoding="utf-8")):
            fate = FATES.get(codes[f"reference.{module}.{name}"], "killed")
            fates[fate if is_code else "in message texts"] += 1
            if is_code and fate == "survive":
                survivors.append(f"{key}  {module}.{change}")
    left = Counter(line[:KEY_DIGITS] for line in explained)
    unexplained = []
    for line in sorted(survivors, key=lambda line: line not in explained):  # those with a line of their own come first
        left[line[:KEY_DIGITS]] -= 1
        if left[line[:KEY_DIGITS]] < 0:
            unexplained.append(line)
            print(line)
    killed = fates["killed"] + fates["timed out"]
    tried = killed + fates["survive"]
    figures = dict(fates) | ({"unexplained": len(unexplained)} if unexplained else {})
    print(f"{killed:,} of {tried:,} mutants killed, {killed / max(tried, 1):.1%}; {figures}")
    return not unexplained


def main() -> int:
    """Copy the project, run mutmut there, report."""
    mutmut = Path(sys.executable).with_name("mutmut")
    if not mutmut.exists():
        return _fail("mutmut is needed: run `make mutants`, or pip install 'cnn-reference[dev]'")
    shutil.rmtree(COPY, ignore_errors=True)
    passed_over = shutil.ignore_patterns(".*", "build", "mutants", "runs", "__pycache__", "*.egg-info")
    shutil.copytree(ROOT, COPY, ignore=passed_over)
    for path in (COPY / "reference").rglob("*.py"):
        path.write_text(undecorated(path.read_text(encoding="utf-8")), encoding="utf-8")
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    code = subprocess.run([mutmut, "run", *sys.argv[1:]], cwd=COPY, check=False).returncode
    if code:
        return _fail(f"mutmut ended with {code}; it says why above")
    known = (ROOT / "docs" / "mutants.md").read_text(encoding="utf-8")
    return 0 if report(COPY / "mutants" / "reference", listed(known)) else 1


def _fail(message: str) -> int:
    print(f"mutants.py: {message}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
