"""Find columns by name, and refuse names that clash. Needs no Spark session."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from pyspark.sql.types import StructType

from shopsmart_etl.errors import ColumnClashError, ColumnNotFoundError


def find_column(schema: StructType, name: str, *, ignores_case: Callable[[], bool]) -> int:
    """Find a top-level column as Spark would: by its exact name, else the one that differs only in case.

    Args:
        schema: Where to look.
        name: The name, literally: a dot is part of it.
        ignores_case: Tells whether the session ignores case; asked only where no name fits exactly.

    Returns:
        The column's position.

    Raises:
        ColumnNotFoundError: There is no such column, or more than one.
    """
    names = schema.names
    found = [position for position, other in enumerate(names) if other == name]
    if not found:
        twins = [position for position, other in enumerate(names) if other.lower() == name.lower()]
        found = twins if twins and ignores_case() else []
    if len(found) != 1:
        raise ColumnNotFoundError(name, names)
    return found[0]


def refuse_clashes(named: Iterable[tuple[str, str]], *, ignores_case: Callable[[], bool], way_out: str) -> None:
    """Refuse columns of which two would carry one name.

    Args:
        named: Each column's name and, in words, where it comes from.
        ignores_case: Tells whether the session ignores case; asked only where two names differ in nothing else.
        way_out: What the user can do about it.

    Raises:
        ColumnClashError: Two names are the same to the session.
    """
    exact: dict[str, str] = {}
    folded: dict[str, str] = {}
    for name, origin in named:
        twin = exact.get(name) or (folded.get(name.lower()) if name.lower() in folded and ignores_case() else None)
        if twin is not None:
            raise ColumnClashError(name, (twin, origin), way_out=way_out)
        exact[name] = origin
        folded[name.lower()] = origin
