"""Change columns and nested fields in place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from typing import NamedTuple

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, DataType, StructField, StructType

from shopsmart_etl._core.frame import Frame, Plan, keep_metadata
from shopsmart_etl._core.nested_fields import FieldLocation
from shopsmart_etl._core.sql import path_text, positions, quote


class Change(NamedTuple):
    """A change of one field, and new fields next to it.

    Attributes:
        location: The location of the field.
        field: The changed field, under the same name.
        compute: Computes the new value, then the value of each new field, from the old value and those of ``siblings``.
        added: The new fields.
        siblings: The names of fields of the same struct, or of other columns, that ``compute`` reads.
        prepare: Computes a value that ``compute`` gets in place of the old one. Spark computes it once.
    """

    location: FieldLocation
    field: StructField
    compute: Callable[..., Sequence[Column]]
    added: Sequence[StructField] = ()
    siblings: Sequence[str] = ()
    prepare: Callable[[Column], Column] | None = None

    @property
    def has_metadata(self) -> bool:
        """Whether the changed field or a new one has metadata."""
        return any(field.metadata for field in (self.field, *self.added))


class _TypedChange(NamedTuple):
    change: Change
    old_type: DataType
    new_type: DataType


class _PendingChange(NamedTuple):
    """A change of a field at a path inside a value, and its prepared value, once that is computed."""

    path: tuple[str, ...]
    change: Change
    prepared: Column | None


def change_fields(
    frame: Frame, changes: Sequence[Change], *, computed: Sequence[Callable[[], Column]] = (), hint: str
) -> Plan:
    """Return a plan that changes fields in place.

    The new fields of a column are added after the last column, those of a nested field after its last sibling. A null
    struct stays null.

    Args:
        frame: The DataFrame.
        changes: The changes, at most one per field.
        computed: Functions that build columns to compute first. Each column has a name. Changes refer to them by
            position, after the DataFrame's own columns.
        hint: How the user can fix a clash of names.

    Raises:
        ColumnClashError: A new field has the name of an existing one.
    """
    fields = list(frame.schema.fields)
    added = [field for change in changes if not change.location.path for field in change.added]
    _check_names(frame, frame.names, added, hint)
    # Their columns are cast, see _changed_column.
    are_cast = {change.location.column for change in changes if change.has_metadata}
    typed: list[_TypedChange] = []
    for change in changes:
        index, path = change.location.column, change.location.path
        if path:
            _check_names(frame, change.location.siblings, change.added, hint)
        old_type = fields[index].dataType
        fields[index] = _changed_field(fields[index], path, change, is_cast=index in are_cast)
        typed.append(_TypedChange(change, old_type, fields[index].dataType))
    count = len(fields)
    names = [*frame.names, *(field.name for field in added)]

    def apply(df: DataFrame) -> DataFrame:
        # Compute these before renaming, since the caller's columns refer to the DataFrame's columns by name.
        rows = df.select("*", *(build() for build in computed)) if computed else df
        # Rename to positions: withColumns replaces every column whose name differs only in case.
        rows = rows.toDF(*positions(count + len(computed)))
        prepared = _prepared_columns(typed)
        rows = rows.withColumns(prepared) if prepared else rows
        values, new = _changed_columns(typed)
        changed = rows.withColumns({**values, **new})
        changed = keep_metadata(
            changed, {index: fields[int(index)] for index in values} | dict(zip(new, added, strict=True))
        )
        if computed or prepared:
            # drop() looks up the schema, which is not known while a declarative pipeline is being defined.
            changed = changed.select(*(F.col(quote(name)) for name in [*positions(count), *new]))
        return changed.toDF(*names)

    sources = [path_text([name]) for name in frame.names] + [""] * len(added)
    return Plan(StructType([*fields, *added]), apply, tuple(sources))


def _prepared_columns(changes: Sequence[_TypedChange]) -> dict[str, Column]:
    """Return the prepared values outside of arrays, by the field. Spark keeps a select that computes them apart."""
    prepared: dict[str, Column] = {}
    for change, old_type, _ in changes:
        index, path = change.location.column, change.location.path
        if change.prepare is not None and not is_in_array(old_type, path):
            prepared[_prepared_name(change)] = change.prepare(_field(F.col(str(index)), path))
    return prepared


def _prepared_name(change: Change) -> str:
    return f"prepared {change.location.column} {'.'.join(map(quote, change.location.path))}"


def _changed_columns(changes: Sequence[_TypedChange]) -> tuple[dict[str, Column], dict[str, Column]]:
    """Return the changed columns by position, and the new columns by names that are not positions."""
    values: dict[str, Column] = {}
    new: dict[str, Column] = {}
    nested: dict[str, list[_TypedChange]] = {}
    for typed in changes:
        change = typed.change
        index, path = str(change.location.column), change.location.path
        if path:
            nested.setdefault(index, []).append(typed)
            continue
        siblings = (F.col(str(change.location.siblings.index(name))) for name in change.siblings)
        value = F.col(index) if change.prepare is None else F.col(quote(_prepared_name(change)))
        values[index], *others = change.compute(value, *siblings)
        new |= {f"new{number}": column for number, column in enumerate(others, start=len(new))}
    for index, of_column in nested.items():
        values[index] = _changed_column(index, of_column)
    return values, new


def _changed_column(index: str, changes: Sequence[_TypedChange]) -> Column:
    """Return a column with all changes of its fields."""
    old_type, new_type = changes[0].old_type, changes[-1].new_type
    pending: list[_PendingChange] = []
    for change, _, _ in changes:
        is_prepared = change.prepare is not None and not is_in_array(old_type, change.location.path)
        prepared = F.col(quote(_prepared_name(change))) if is_prepared else None
        pending.append(_PendingChange(change.location.path, change, prepared))
    column = _changed(F.col(index), old_type, pending)
    # withField drops the metadata of the field, which a cast to the type with the metadata adds.
    return column.cast(new_type) if any(change.has_metadata for change, _, _ in changes) else column


def _check_names(frame: Frame, names: Sequence[str], added: Sequence[StructField], hint: str) -> None:
    frame.check_clashes(
        [(field.name, f"new column {quote(field.name)}") for field in added],
        existing=[(name, f"column {quote(name)}") for name in names],
        hint=hint,
    )


def _changed(column: Column, data_type: DataType, changes: Sequence[_PendingChange]) -> Column:
    """Return a value with changed fields.

    Each change is computed from the old value. If it were computed from the result of the one before it, which it uses
    twice, the expression would double with each change.
    """
    if isinstance(data_type, ArrayType):
        return _changed_elements(column, data_type.elementType, changes)
    assert isinstance(data_type, StructType)  # noqa: S101 - narrows the type, checked by find_field
    by_name: dict[str, list[_PendingChange]] = {}
    for pending in changes:
        by_name.setdefault(pending.path[0], []).append(pending._replace(path=pending.path[1:]))
    struct = column
    for name, inside in by_name.items():
        value = column.getField(name)
        path, change, prepared = inside[0]
        if path:
            struct = struct.withField(quote(name), _changed(value, data_type[name].dataType, inside))
            continue
        siblings = (column.getField(sibling) for sibling in change.siblings)
        values = change.compute(value if prepared is None else prepared, *siblings)
        for field, changed in zip((change.field, *change.added), values, strict=True):
            struct = struct.withField(quote(field.name), changed)
    return struct


def _changed_elements(column: Column, of: DataType, changes: Sequence[_PendingChange]) -> Column:
    """Return an array with changed elements. Values that its elements prepare are computed in a pass of their own."""
    prepares = {
        f"prepared{number}": pending.change.prepare
        for number, pending in enumerate(changes)
        if pending.change.prepare is not None and pending.prepared is None and not is_in_array(of, pending.path)
    }
    if not prepares:
        return F.transform(column, lambda element: _changed(element, of, changes))

    def prepare(element: Column) -> Column:
        values = (
            prepares[name](_field(element, pending.path)).alias(name)
            for number, pending in enumerate(changes)
            if (name := f"prepared{number}") in prepares
        )
        return F.struct(element.alias("old"), *values)

    def change(pair: Column) -> Column:
        prepared = [
            pending._replace(prepared=pair.getField(name)) if (name := f"prepared{number}") in prepares else pending
            for number, pending in enumerate(changes)
        ]
        return _changed(pair.getField("old"), of, prepared)

    return F.transform(F.transform(column, prepare), change)


def _field(column: Column, path: Sequence[str]) -> Column:
    return reduce(Column.getField, path, column)


def is_in_array(data_type: DataType, path: Sequence[str]) -> bool:
    """Return whether a path leads through an array."""
    for name in path:
        if isinstance(data_type, ArrayType):
            return True
        assert isinstance(data_type, StructType)  # noqa: S101 - narrows the type, checked by find_field
        data_type = data_type[name].dataType
    return False


def bind(value: Column, body: Callable[[Column], Column]) -> Column:
    """Make an expression that uses a value several times, so that the value is computed once, as ``sql.let`` does."""
    return F.transform(F.array(value), body).getItem(0)


def _changed_field(
    field: StructField, path: Sequence[str], change: Change, *, is_cast: bool, inside_null: bool = False
) -> StructField:
    if not path:
        return change.field
    # Spark takes a struct or an array that it reads from a nullable struct for nullable.
    nullable = field.nullable or inside_null
    data_type = _changed_type(field.dataType, path, change, is_cast=is_cast, nullable=nullable)
    return StructField(field.name, data_type, nullable, field.metadata)


def _changed_type(
    data_type: DataType, path: Sequence[str], change: Change, *, is_cast: bool, nullable: bool
) -> DataType:
    if isinstance(data_type, ArrayType):
        is_null = data_type.containsNull
        return ArrayType(_changed_type(data_type.elementType, path, change, is_cast=is_cast, nullable=is_null), is_null)
    assert isinstance(data_type, StructType)  # noqa: S101 - narrows the type, checked by find_field
    name, *rest = path
    # Spark's optimizer takes the other fields for nullable too, and then fails to cast them to a type that is not.
    becomes_null = is_cast and nullable
    fields = [
        _changed_field(field, rest, change, is_cast=is_cast, inside_null=nullable)
        if field.name == name
        else StructField(field.name, field.dataType, field.nullable or becomes_null, field.metadata)
        for field in data_type.fields
    ]
    return StructType(fields if rest else [*fields, *change.added])
