"""Values and fields that are conformed to a type, as SQL."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from pyspark.sql.types import StructField

from shopsmart_etl._core.sql import any_of, call, if_, struct_of


class Conformed(NamedTuple):
    """A value conformed to a type.

    Attributes:
        sql: The value.
        field: Its type and nullability.
        mismatches: Paths, each with the condition that a value there does not match. No condition is ever null.
        rescue: The SQL of what has no place in the type; None where everything has one.
        rescue_conditions: Conditions, of which any means that there is something to rescue.
    """

    sql: str
    field: StructField
    mismatches: Sequence[tuple[str, str]] = ()
    rescue: str | None = None
    rescue_conditions: Sequence[str] = ()


class ConformedFields(NamedTuple):
    """The fields of a struct, or the columns of a DataFrame, conformed to a schema.

    Attributes:
        fields: The fields that result.
        values: Their SQL.
        indexes: The position that each has in the source; None for one that is added.
        mismatches: As in ``Conformed``.
        rescue: The SQL of what has no place in the schema, each part with its name.
        rescue_conditions: As in ``Conformed``.
    """

    fields: list[StructField]
    values: list[str]
    indexes: list[int | None]
    mismatches: list[tuple[str, str]]
    rescue: list[tuple[str, str]]
    rescue_conditions: list[str]

    def add(self, target: StructField, sql: str, index: int | None) -> None:
        """Add a field."""
        self.fields.append(target)
        self.values.append(sql)
        self.indexes.append(index)

    def rescued(self) -> str:
        """Write the SQL of a struct of what has no place in the schema; null where there is nothing."""
        return if_(any_of(self.rescue_conditions), struct_of(self.rescue)) if self.rescue_conditions else "NULL"


def conform_each(
    inner: Conformed, result: StructField, *, build: Callable[[str], str], exists: Callable[[str], str]
) -> Conformed:
    """Conform every element of an array, or every value of a map, as ``inner`` does one."""

    def any_element(condition: str) -> str:
        return call("coalesce", exists(condition), "false")

    return Conformed(
        build(inner.sql),
        result,
        [(path, any_element(condition)) for path, condition in inner.mismatches],
        None if inner.rescue is None else build(inner.rescue),
        [any_element(any_of(inner.rescue_conditions))] if inner.rescue_conditions else [],
    )
