"""How the columns of one schema are conformed to another, as SQL. Runs nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from pyspark.sql.types import ArrayType, DataType, MapType, StringType, StructField, StructType

from shopsmart_etl._core.casts import find_cast
from shopsmart_etl._core.frame import Frame, replace_name
from shopsmart_etl._core.spark_errors import fail_sql
from shopsmart_etl._core.sql import (
    any_of,
    call,
    cast,
    field_of,
    if_,
    if_not_null,
    lambda_,
    literal,
    path_text,
    quote,
    struct_of,
    type_sql,
    type_text,
)
from shopsmart_etl._core.text_casts import Formats
from shopsmart_etl.errors import nearest


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


@dataclass
class ConformPlanner:
    """Plans what happens to each difference between two schemas, and lists the differences that are errors."""

    frame: Frame
    on_missing: Literal["error", "null"]
    on_extra: Literal["error", "drop", "keep", "rescue"]
    on_mismatch: Literal["error", "null"]
    formats: Formats
    differences: list[str] = field(default_factory=list)

    def conform_fields(
        self,
        source: StructType,
        target: StructType,
        column_sql: Callable[[int], str],
        path: tuple[str, ...] = (),
        depth: int = 0,
        *,
        nullable: bool = False,
    ) -> ConformedFields:
        """Conform fields to those of a schema, found by name.

        Args:
            source: The fields that there are.
            target: The fields wanted.
            column_sql: Returns the SQL of a source field by its position.
            path: The names of the structs around them.
            depth: The number of arrays and maps around them.
            nullable: Whether the struct of the source fields may be null.
        """
        indexes = self._match_names(source.names, target.names)
        matched = set(indexes)
        extra = [index for index in range(len(source.fields)) if index not in matched]
        result = ConformedFields([], [], [], [], [], [])
        for target_field, index in zip(target.fields, indexes, strict=True):
            name, data_type, field_path = target_field.name, target_field.dataType, (*path, target_field.name)
            if index is None:
                self._add_missing(field_path, data_type, [source.names[other] for other in extra])
                result.add(StructField(name, data_type), cast("NULL", data_type), None)
                continue
            source_field = _nullable_in(source.fields[index], nullable=nullable)
            conformed = self._conform(column_sql(index), source_field, data_type, field_path, depth)
            result.add(replace_name(conformed.field, name), conformed.sql, index)
            result.mismatches.extend(conformed.mismatches)
            if conformed.rescue is not None:
                result.rescue.append((source_field.name, conformed.rescue))
                result.rescue_conditions.extend(conformed.rescue_conditions)
        for index in extra:
            source_field, sql = _nullable_in(source.fields[index], nullable=nullable), column_sql(index)
            if self.on_extra == "error":
                self._refuse_extra((*path, source_field.name), source_field.dataType)
            elif self.on_extra == "keep":
                result.add(source_field, sql, index)
            elif self.on_extra == "rescue":
                result.rescue.append((source_field.name, sql))
                result.rescue_conditions.append(f"{sql} IS NOT NULL")
        return result

    def _conform(self, sql: str, source: StructField, target: DataType, path: tuple[str, ...], depth: int) -> Conformed:
        of = source.dataType
        # A value of the type is not rebuilt. Nullability does not count, since it changes no value.
        if type_sql(of) == type_sql(target):
            return Conformed(sql, source)
        if isinstance(of, StructType) and isinstance(target, StructType):
            return self._conform_struct(sql, of, target, path, depth)
        if isinstance(of, ArrayType) and isinstance(target, ArrayType):
            return self._conform_array(sql, source, of, target, path, depth)
        if isinstance(of, MapType) and isinstance(target, MapType) and _have_same_keys(of, target):
            return self._conform_map(sql, source, of, target, path, depth)
        return self._cast(sql, source, target, path)

    def _conform_struct(
        self, sql: str, source: StructType, target: StructType, path: tuple[str, ...], depth: int
    ) -> Conformed:
        self.frame.check_clashes(
            ((name, f"{path_text(path)}.{quote(name)}") for name in source.names),
            hint="Set spark.sql.caseSensitive=true, which tells them apart",
        )
        fields = self.conform_fields(
            source, target, lambda index: field_of(sql, source.names[index]), path, depth, nullable=True
        )
        # Spark's subexpression elimination, which takes minutes on deep schemas, stops at a conditional.
        names = (conformed.name for conformed in fields.fields)
        value = if_not_null(sql, struct_of(zip(names, fields.values, strict=True)))
        return Conformed(
            value,
            StructField("", StructType(fields.fields)),
            fields.mismatches,
            fields.rescued() if fields.rescue_conditions else None,
            fields.rescue_conditions,
        )

    def _conform_array(
        self, sql: str, source: StructField, of: ArrayType, target: ArrayType, path: tuple[str, ...], depth: int
    ) -> Conformed:
        element = f"x{depth}"
        inner = self._conform(
            element, StructField("", of.elementType, of.containsNull), target.elementType, path, depth + 1
        )
        result = ArrayType(inner.field.dataType, inner.field.nullable)
        return _conform_each(
            inner,
            StructField("", result, source.nullable),
            build=lambda body: call("transform", sql, lambda_(element, body)),
            exists=lambda condition: call("exists", sql, lambda_(element, condition)),
        )

    def _conform_map(
        self, sql: str, source: StructField, of: MapType, target: MapType, path: tuple[str, ...], depth: int
    ) -> Conformed:
        key, value = f"k{depth}", f"x{depth}"
        inner = self._conform(
            value, StructField("", of.valueType, of.valueContainsNull), target.valueType, path, depth + 1
        )
        result = MapType(of.keyType, inner.field.dataType, inner.field.nullable)
        return _conform_each(
            inner,
            StructField("", result, source.nullable),
            build=lambda body: call("transform_values", sql, lambda_([key, value], body)),
            exists=lambda condition: call("exists", call("map_values", sql), lambda_(value, condition)),
        )

    def _cast(self, sql: str, source: StructField, target: DataType, path: tuple[str, ...]) -> Conformed:
        lossless = find_cast(sql, source.dataType, target, self.formats)
        result, where = StructField("", target), path_text(path)
        if lossless is None:
            if self.on_mismatch == "error":
                self.differences.append(
                    f"{where}: expected {type_text(target)}; got {type_text(source.dataType)}, which has no lossless "
                    "cast to it. on_mismatch='null' makes it null"
                )
            value, mismatch = cast("NULL", target), f"{sql} IS NOT NULL"
        elif lossless.mismatch is None:
            return Conformed(lossless.value, result)
        else:
            value, mismatch = lossless.value, lossless.mismatch
        if self.on_mismatch == "error":
            expected = literal(f"column '{where}': expected {type_text(target)}; got ")
            return Conformed(if_(mismatch, fail_sql(expected, cast(sql, StringType())), value), result)
        is_rescued = self.on_extra == "rescue"
        return Conformed(
            value,
            result,
            [(where, mismatch)],
            if_(mismatch, sql) if is_rescued else None,
            [mismatch] if is_rescued else [],
        )

    def _match_names(self, source: Sequence[str], target: Sequence[str]) -> list[int | None]:
        """Find fields as Spark does: by the exact name, else by one that differs only in case."""
        exact, folded = _indexes_by(source), _indexes_by(name.lower() for name in source)

        def find(name: str) -> int | None:
            found = exact.get(name, [])
            if not found and name.lower() in folded and self.frame.ignores_case:
                found = folded[name.lower()]
            if len(found) > 1:
                self.frame.check_clashes(
                    ((source[index], f"column {index + 1}") for index in found),
                    hint="Rename or drop one of them first",
                )
            return found[0] if found else None

        return [find(name) for name in target]

    def _add_missing(self, path: tuple[str, ...], target: DataType, extra: Sequence[str]) -> None:
        if self.on_missing == "error":
            similar = nearest(path[-1], extra)
            hint = f"Did you mean {path_text((*path[:-1], similar))}?" if similar else "on_missing='null' adds it"
            self.differences.append(f"{path_text(path)}: expected {type_text(target)}; got no such column. {hint}")

    def _refuse_extra(self, path: tuple[str, ...], source: DataType) -> None:
        self.differences.append(
            f"{path_text(path)}: expected no such column; got {type_text(source)}. "
            "on_extra='drop', 'keep' or 'rescue' accepts it"
        )


def _conform_each(
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


def _indexes_by(names: Iterable[str]) -> dict[str, list[int]]:
    indexes: dict[str, list[int]] = {}
    for index, name in enumerate(names):
        indexes.setdefault(name, []).append(index)
    return indexes


def _have_same_keys(source: MapType, target: MapType) -> bool:
    # A cast could map two keys to one.
    return type_sql(source.keyType) == type_sql(target.keyType)


def _nullable_in(source: StructField, *, nullable: bool) -> StructField:
    """Describe a field as it is read from a struct that may be null."""
    return StructField(source.name, source.dataType, source.nullable or nullable, source.metadata)
