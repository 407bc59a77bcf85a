"""How the columns of one schema are conformed to another, as SQL. Runs nothing."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from pyspark.sql.types import ArrayType, DataType, MapType, StringType, StructField, StructType

from shopsmart_etl._core.casts import Cast, find_cast
from shopsmart_etl._core.column_tags import inherit_presence
from shopsmart_etl._core.frame import Frame, replace_name
from shopsmart_etl._core.spark_errors import fail_sql
from shopsmart_etl._core.sql import (
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
from shopsmart_etl._shown import nearest
from shopsmart_etl.cleaning._conformed import Conformed, ConformedFields, conform_each

# What a value is whose shape can be accepted, for messages.
_SHAPES = {"single_object": "an object as the only element", "empty_array": "an empty array as an empty object"}


@dataclass
class ConformPlanner:
    """Plans what happens to each difference between two schemas, and lists the differences that are errors."""

    frame: Frame
    on_missing: Literal["error", "null"]
    on_extra: Literal["error", "drop", "keep", "rescue"]
    on_mismatch: Literal["error", "null"]
    formats: Formats
    accept_shapes: Collection[str] = ()
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
            result.add(inherit_presence(replace_name(conformed.field, name), source_field), conformed.sql, index)
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
        if _shape_change(of, target) == "single_object" and "single_object" in self.accept_shapes:
            return self._conform_single(sql, source, target, path, depth)
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
        return conform_each(
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
        return conform_each(
            inner,
            StructField("", result, source.nullable),
            build=lambda body: call("transform_values", sql, lambda_([key, value], body)),
            exists=lambda condition: call("exists", call("map_values", sql), lambda_(value, condition)),
        )

    def _conform_single(
        self, sql: str, source: StructField, target: DataType, path: tuple[str, ...], depth: int
    ) -> Conformed:
        """Conform an object to an array of objects, of which it is the only one."""
        assert isinstance(target, ArrayType)  # noqa: S101 - narrows the type
        inner = self._conform(sql, source, target.elementType, path, depth)
        result = StructField("", ArrayType(inner.field.dataType, inner.field.nullable))
        return inner._replace(sql=if_not_null(sql, call("array", inner.sql)), field=result)

    def _find_cast(self, sql: str, source: DataType, target: DataType) -> Cast | None:
        if _shape_change(source, target) == "empty_array" and "empty_array" in self.accept_shapes:
            size = call("cardinality", sql)
            return Cast(if_(f"{size} = 0", _empty_object(target)), f"({sql} IS NOT NULL AND {size} > 0)")
        return find_cast(sql, source, target, self.formats)

    def _cast(self, sql: str, source: StructField, target: DataType, path: tuple[str, ...]) -> Conformed:
        lossless = self._find_cast(sql, source.dataType, target)
        result, where = StructField("", target), path_text(path)
        if lossless is None:
            if self.on_mismatch == "error":
                self.differences.append(
                    f"{where}: expected {type_text(target)}; got {type_text(source.dataType)}, which has no lossless "
                    f"cast to it. {_hint(source.dataType, target)}on_mismatch='null' makes it null"
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


def _shape_change(source: DataType, target: DataType) -> str | None:
    """Return the name of the change between two shapes; None if it has no name."""
    if isinstance(target, ArrayType):
        element = target.elementType
        is_single = isinstance(source, StructType) and isinstance(element, StructType)
        is_single |= isinstance(source, MapType) and isinstance(element, MapType) and _have_same_keys(source, element)
        return "single_object" if is_single else None
    return "empty_array" if isinstance(source, ArrayType) and isinstance(target, (StructType, MapType)) else None


def _empty_object(target: DataType) -> str:
    """Write an object without fields, as Spark reads ``{}``."""
    if isinstance(target, StructType):
        return struct_of((field.name, cast("NULL", field.dataType)) for field in target.fields)
    return cast("map()", target)


def _hint(source: DataType, target: DataType) -> str:
    shape = _shape_change(source, target)
    return f"accept_shapes='{shape}' accepts {_SHAPES[shape]}, " if shape else ""


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
