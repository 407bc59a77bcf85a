"""Generate documentation from the code: ``make generated``.

Writes the pinned signatures in tests/surface.txt, the table of names in the README, and the tables in
docs/reference.md and docs/engines.md. In a page, only the text between two markers is generated.
"""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING, get_origin, get_type_hints

from on_engines import COLUMNS, ON_ENGINES
from repository import ROOT
from typing_extensions import is_typeddict

import shopsmart_etl
from shopsmart_etl import FileOptions, ShopSmartError, cleaning, compose, gold, io, nested, quality, rules

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import ModuleType

# The areas, in the order of a pipeline.
AREAS: dict[str, ModuleType] = {
    "Read and write": io,
    "Nested data": nested,
    "Cleaning": cleaning,
    "Quality": quality,
    "Gold": gold,
    "Compose": compose,
}
# The public classes that users instantiate.
INSTANTIATED_BY_USERS = {"Audit", "FileOptions", "RelationalModel", "Relations", "Rule"}
# Public classes whose constructors take internal objects.
MADE_BY_THE_PACKAGE = {"RelationalColumn", "RelationalTable", "Step"}
# Public names without a docstring.
WITHOUT_DOCSTRING = {
    "MISSING_AMOUNTS": "The texts that `parse_money` reads as a missing amount.",
    "Transform": "The type of a step: a function from DataFrame to DataFrame.",
}


def generated() -> dict[str, str]:
    """Return the up-to-date text of each generated file, by path."""
    return {
        "tests/surface.txt": "\n".join(_surface()) + "\n",
        "README.md": _between("README.md", "names", _names()),
        "docs/reference.md": _between(
            "docs/reference.md", "reference", _reference(), "rules", _rules(), "errors", _errors()
        ),
        "docs/engines.md": _between("docs/engines.md", "engines", _engines()),
    }


def areas() -> dict[str, list[str]]:
    """List the public names of each area, without errors, in order."""
    listed = {title: sorted(name for name in area.__all__) for title, area in AREAS.items()}
    rest = set(shopsmart_etl.__all__) - {name for names in listed.values() for name in names}
    listed["Compose"] += sorted(name for name in rest if not name.endswith("Error"))
    return listed


def on_engines() -> list[str]:
    """List the public names in the table of engines."""
    names = [name for listed in areas().values() for name in listed]
    functions = [name for name in names if inspect.isfunction(getattr(shopsmart_etl, name))]
    of_rules = [f"rules.{name}" for name in sorted(rules.__all__) if inspect.isfunction(getattr(rules, name))]
    return [*(name for name in functions if name != "translate_errors"), "Audit", *of_rules]


def _between(path: str, *sections: str | Iterable[str]) -> str:
    """Replace the text between the markers of each section of a page."""
    text = (ROOT / path).read_text(encoding="utf-8")
    for name, lines in zip(sections[::2], sections[1::2], strict=True):
        pattern = rf"(<!-- {name} -->\n).*?(<!-- end of {name} -->)"
        body = "".join(f"{line}\n" for line in lines)
        text, count = re.subn(pattern, lambda match, body=body: match[1] + body + match[2], text, flags=re.DOTALL)  # type: ignore[misc]
        assert count == 1, f"{path}: expected one section {name}"
    return text


def _summary(name: str, public: object) -> str:
    text = WITHOUT_DOCSTRING.get(name) or (inspect.getdoc(public) or "").splitlines()[0]
    return text.replace("``", "`").replace("|", r"\|")


def _call(name: str, public: object) -> str:
    """Write a call with its parameters, without types; only the name of a class that users do not instantiate."""
    if not inspect.isfunction(public) and name not in INSTANTIATED_BY_USERS:
        return name
    assert callable(public)
    parameters = (_parameter(parameter) for parameter in inspect.signature(public).parameters.values())
    return f"{name}({', '.join(parameters)})".replace("|", r"\|")


def _parameter(parameter: inspect.Parameter) -> str:
    if parameter.kind is parameter.VAR_POSITIONAL:
        return f"*{parameter.name}"
    if parameter.kind is parameter.VAR_KEYWORD:
        return f"**{parameter.name}"
    if parameter.default is parameter.empty:
        return f"{parameter.name}=..." if parameter.kind is parameter.KEYWORD_ONLY else parameter.name
    if parameter.default == FileOptions():
        return f"{parameter.name}=FileOptions()"
    return f"{parameter.name}={parameter.default!r}"


def _raised(public: object) -> str:
    """List the errors in the Raises section of a docstring."""
    section = re.search(r"^Raises:\n((?:    .*\n?|\n)+)", inspect.getdoc(public) or "", re.MULTILINE)
    return ", ".join(f"`{name}`" for name in re.findall(r"^    (\w+):", section[1], re.MULTILINE)) if section else ""


def _table(*header: str) -> Iterator[str]:
    yield f"| {' | '.join(header)} |"
    yield f"|{'---|' * len(header)}"


def _names() -> Iterator[str]:
    for title, names in areas().items():
        yield f"\n**{title}**\n"
        yield from _table("name", "what it does")
        for name in names:
            yield f"| `{name}` | {_summary(name, getattr(shopsmart_etl, name))} |"
    yield ""


def _reference() -> Iterator[str]:
    for title, names in areas().items():
        yield f"\n## {title}\n"
        yield from _table("call", "what it does", "raises")
        for name in names:
            public = getattr(shopsmart_etl, name)
            yield f"| `{_call(name, public)}` | {_summary(name, public)} | {_raised(public)} |"
    yield ""


def _rules() -> Iterator[str]:
    yield from _table("rule", "what it does")
    for name in sorted(rules.__all__):
        public = getattr(rules, name)
        if inspect.isfunction(public):
            yield f"| `rules.{_call(name, public)}` | {_summary(name, public)} |"


def _errors() -> Iterator[str]:
    yield from _table("error", "means", "is also a")
    for name in sorted(name for name in shopsmart_etl.__all__ if name.endswith("Error")):
        error = getattr(shopsmart_etl, name)
        bases = (base.__name__ for base in error.__bases__ if base is not Exception)
        yield f"| `{name}` | {_summary(name, error)} | {', '.join(f'`{base}`' for base in bases)} |"


def _engines() -> Iterator[str]:
    yield from _table("", *COLUMNS)
    for name in on_engines():
        cells = {**dict.fromkeys(COLUMNS, "equal"), **ON_ENGINES.get(name, {})}
        yield f"| `{name}` | {' | '.join(cells.values())} |"


def _surface() -> Iterator[str]:
    """List each public name and each public method with its signature, one per line."""
    for name in sorted(shopsmart_etl.__all__):
        public = getattr(shopsmart_etl, name)
        if inspect.isclass(public) and issubclass(public, ShopSmartError):
            yield f"{name}({', '.join(base.__name__ for base in public.__bases__)})"
        elif is_typeddict(public):
            yield from (f"{name}.{key}: {hint}" for key, hint in get_type_hints(public).items())
        elif inspect.isclass(public) and get_origin(public) is None:  # which Python 3.10 takes an alias for
            yield name if name in MADE_BY_THE_PACKAGE else f"{name}{inspect.signature(public)}"
            for key, member in sorted(vars(public).items()):
                if not key.startswith("_") and callable(getattr(public, key)):
                    yield f"{name}.{key}{inspect.signature(getattr(public, key))}"
                elif isinstance(member, property):
                    yield f"{name}.{key}"
        elif inspect.ismodule(public):
            for key in sorted(public.__all__):
                member = getattr(public, key)
                yield f"{name}.{key}{inspect.signature(member)}" if inspect.isfunction(member) else f"{name}.{key}"
        else:
            yield f"{name}{inspect.signature(public)}" if inspect.isfunction(public) else f"{name} = {public!r}"


if __name__ == "__main__":
    for path, text in generated().items():
        (ROOT / path).write_text(text, encoding="utf-8")
