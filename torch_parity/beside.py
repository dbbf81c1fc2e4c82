"""The modules of one's own that lie beside a file of one's own, and which of them it imports.

A run keeps them with the file, and goes on with these copies.  Python keeps every module that it has imported under its
name, whatever folder it came from; here each file gets those of its own folder.
"""

import ast
import contextlib
import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

# This program's packages: no one's own, even where the file lies beside them.
PROGRAM = ("reference", "torch_parity")

# What was imported for files of one's own, by name, the last one of each.
_imported: dict[str, ModuleType] = {}


class Beside:
    """What lies in ``folder``, beside a file.  ``sources`` are the modules that were imported: path there, and bytes.

    ``copies`` says that the folder is a run's, which has all that the file needs: what was imported from elsewhere by
    the same name is no substitute.
    """

    def __init__(self, folder: Path, copies: bool = False) -> None:
        """Nothing has been imported yet."""
        self.folder, self.copies = folder, copies
        self.modules: dict[str, ModuleType] = {}
        self.sources: dict[str, bytes] = {}

    @contextlib.contextmanager
    def importable(self) -> Iterator[None]:
        """Inside, an import finds what lies in the folder.  Afterwards other code finds what it found before."""
        path, writes_bytecode, before = list(sys.path), sys.dont_write_bytecode, dict(sys.modules)
        aside = {name for name in before if name in self.modules or self._in_the_way(name)}
        for name in aside:
            del sys.modules[name]
        sys.modules.update(self.modules)
        sys.path.insert(0, str(self.folder))
        sys.dont_write_bytecode = True  # nothing is left in the folder
        importlib.invalidate_caches()  # which may have changed a moment ago
        try:
            yield
        finally:
            sys.path[:], sys.dont_write_bytecode = path, writes_bytecode
            others = {name: before[name] for name in aside if before[name] is not _imported.get(name)}
            for name, module in list(sys.modules.items()):
                if before.get(name) is not module and self._file(name) is not None:
                    _imported[name] = module
                    if self.modules.get(name) is not module:
                        self._note(name)
            sys.modules.update(others)

    def note_imports(self, source: bytes, package: str = "") -> None:
        """Note what ``source``, a file of ``package``, imports, and what that imports, where it has been imported.

        A module that was there before, since it was imported elsewhere, shows in the source alone.
        """
        for name in _names(source, package):
            file = self._file(name)
            if file is not None and name not in self.modules:
                self._note(name)
                self.note_imports(file.read_bytes(), name if file.name == "__init__.py" else name.rpartition(".")[0])

    def _note(self, name: str) -> None:
        file = self._file(name)
        if file is not None:
            self.modules[name] = sys.modules[name]
            self.sources[file.relative_to(self.folder).as_posix()] = file.read_bytes()

    def _in_the_way(self, name: str) -> bool:
        """Whether a module of that name was imported for another file, or stands where a copy belongs."""
        top = name.partition(".")[0]
        if top in PROGRAM:
            return False
        here = (self.folder / f"{top}.py").exists() or (self.folder / top).is_dir()
        for_another = name in _imported and sys.modules[name] is _imported[name]
        return (here or for_another) if self.copies else (here and for_another)

    def _file(self, name: str) -> Path | None:
        """The file in the folder that the imported module ``name`` came from; None where it came from elsewhere."""
        module = sys.modules.get(name)
        file = getattr(module, "__file__", None)
        if not isinstance(file, str) or name.partition(".")[0] in PROGRAM:
            return None
        stem = self.folder.joinpath(*name.split("."))
        places = (stem.with_name(f"{stem.name}.py"), stem / "__init__.py")
        return next((place for place in places if place.is_file() and place.resolve() == Path(file).resolve()), None)


def _names(source: bytes, package: str) -> Iterator[str]:
    """The modules that the statements in ``source`` could import, each after those that it lies in."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            parts = package.split(".") if node.level else []
            base = ".".join([*parts[: len(parts) + 1 - node.level], *filter(None, [node.module])])
            found = [base, *(f"{base}.{alias.name}".removeprefix(".") for alias in node.names)]
        else:
            continue
        for name in filter(None, found):
            parts = name.split(".")
            yield from (".".join(parts[:end]) for end in range(1, len(parts) + 1))
