"""Break `reference/` in thousands of small ways, one at a time, and count how many the fast tests notice.

    python scripts/mutants.py                       # all of it
    python scripts/mutants.py 'reference.conv.*'    # one file; arguments go to `mutmut run`

mutmut makes the mutants and runs the tests that reach each; pyproject.toml says which.  It passes over functions with
decorators: so it gets a copy, in `build/mutants`, where `@decorator` above `f` is `f = decorator(f)` below.  Message
texts do not count: neither what stands in a `raise` (pyproject.toml) nor any other string with a space in it.
"""

import ast
import difflib
import json
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


def mutants(mutated: str) -> Iterator[tuple[str, str, bool]]:
    """Of each mutant in a file that mutmut wrote: its name, `function: the line as changed`, and whether it is code."""
    functions = {node.name: node for node in ast.walk(ast.parse(mutated)) if isinstance(node, ast.FunctionDef)}
    for name, mutant in functions.items():
        stem, _, number = name.rpartition("__mutmut_")
        if number.isdigit():
            original, readable = functions[f"{stem}__mutmut_orig"], stem[2:].replace("ǁ", ".")
            original.name = mutant.name = readable.rpartition(".")[2]
            before, after = ast.unparse(original), ast.unparse(mutant)
            lines = difflib.ndiff(before.splitlines(), after.splitlines())
            change = " ".join(line[2:].strip() for line in lines if line.startswith("+ "))
            is_code = len({ast.dump(Textless().visit(ast.parse(code))) for code in (before, after)}) == 2
            yield name, f"{readable}: {change}", is_code


def report(folder: Path, explained: list[str]) -> bool:
    """Print the figures, and what survives without being ``explained``; whether there is none of that."""
    fates = Counter[str]()
    for path in sorted(folder.glob("*.py.meta")):
        codes = json.loads(path.read_text(encoding="utf-8"))["exit_code_by_key"]
        for name, change, is_code in mutants(path.with_suffix("").read_text(encoding="utf-8")):
            module = path.name.removesuffix(".py.meta")
            fate = FATES.get(codes[f"reference.{module}.{name}"], "killed")
            fates[fate if is_code else "in message texts"] += 1
            if is_code and fate == "survive" and f"{module}.{change}" not in explained:
                fates["unexplained"] += 1
                print(f"{module}.{change}")
    killed = fates["killed"] + fates["timed out"]
    tried = killed + fates["survive"]
    print(f"{killed:,} of {tried:,} mutants killed, {killed / max(tried, 1):.1%}; {dict(fates)}")
    return not fates["unexplained"]


if __name__ == "__main__":
    shutil.rmtree(COPY, ignore_errors=True)
    shutil.copytree(ROOT, COPY, ignore=shutil.ignore_patterns(".*", "build", "__pycache__", "*.egg-info"))
    for path in (COPY / "reference").glob("*.py"):
        path.write_text(undecorated(path.read_text(encoding="utf-8")), encoding="utf-8")
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    subprocess.run([Path(sys.executable).with_name("mutmut"), "run", *sys.argv[1:]], cwd=COPY, check=True)
    known = (ROOT / "docs" / "mutants.md").read_text(encoding="utf-8").splitlines()
    sys.exit(not report(COPY / "mutants" / "reference", [line.strip() for line in known]))
