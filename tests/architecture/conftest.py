import ast
from dataclasses import dataclass
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "jpegslim"


@dataclass(frozen=True)
class Module:
    """One source file: its dotted name below the package, its text and its syntax tree."""

    name: str
    path: Path
    text: str
    tree: ast.Module

    def imported(self):
        """Return every module named by an import, wherever in the file, as dotted names.

        `from package import name` counts as package.name too, since name may be a module.
        """
        names = set()
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                names.update(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{self.path}: a relative import"
                names.add(node.module)
                names.update(f"{node.module}.{alias.name}" for alias in node.names)
        return names

    def called(self):
        """Return the plain names that are called."""
        return {
            node.func.id
            for node in ast.walk(self.tree)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        }


def read(path):
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    text = path.read_text(encoding="utf-8")
    name = ".".join(part for part in parts if part != "__init__")
    return Module(name, path, text, ast.parse(text))


@pytest.fixture(scope="session")
def modules():
    """Every module of the package, by its dotted name; "" is the package itself."""
    return {module.name: module for module in map(read, sorted(PACKAGE.rglob("*.py")))}
