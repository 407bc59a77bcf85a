"""Find columns by name, and check for names that clash. Needs no Spark session."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from pyspark.sql.types import StructType

from shopsmart_etl.errors import ColumnClashError, ColumnNotFoundError


def find_column(schema: StructType, name: str, *, ignores_case: Callable[[], bool]) -> int:
    """Find a top-level column as Spark does: by its exact name, else by the only name that differs in case.

    Args:
        schema: The schema to search.
        name: The name, taken literally: a dot is part of it.
        ignores_case: Returns whether the session ignores case; called only if no name matches exactly.

    Returns:
        The column's index.

    Raises:
        ColumnNotFoundError: No column matches, or more than one.
    """
    names = schema.names
    matches = [index for index, other in enumerate(names) if other == name]
    if not matches:
        variants = [index for index, other in enumerate(names) if other.lower() == name.lower()]
        matches = variants if variants and ignores_case() else []
    if len(matches) != 1:
        raise ColumnNotFoundError(name, names)
    return matches[0]


def check_clashes(
    named: Iterable[tuple[str, str]],
    *,
    existing: Iterable[tuple[str, str]] = (),
    ignores_case: Callable[[], bool],
    hint: str,
) -> None:
    """Check that no column has the name of another.

    Args:
        named: Each column's name and a description of its origin.
        existing: Further columns, which may have equal names among themselves, as after a join.
        ignores_case: Returns whether the session ignores case; called only if two names differ in case alone.
        hint: How the user can fix a clash.

    Raises:
        ColumnClashError: Two names are equal in the session.
    """
    exact = dict(existing)
    folded = {name.lower(): origin for name, origin in exact.items()}
    for name, origin in named:
        other = exact.get(name) or (folded.get(name.lower()) if name.lower() in folded and ignores_case() else None)
        if other is not None:
            raise ColumnClashError(name, (other, origin), hint=hint)
        exact[name] = origin
        folded[name.lower()] = origin
