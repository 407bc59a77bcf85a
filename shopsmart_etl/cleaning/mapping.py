"""Fields changed in place by a function of the caller."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from pyspark.errors import AnalysisException
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, CharType, DataType, MapType, StructField, StructType, VarcharType

from shopsmart_etl._core.checks import check_column, is_column
from shopsmart_etl._core.frame import Frame, Plan
from shopsmart_etl._core.nested_changes import Change, change_fields
from shopsmart_etl._core.nested_fields import FieldLocation, find_field
from shopsmart_etl._core.spark_errors import error_summary
from shopsmart_etl._core.sql import path_text, type_text
from shopsmart_etl._core.step import Planner, step
from shopsmart_etl.errors import ColumnTypeError, InvalidArgumentError

_A_FUNCTION = "a function that takes a Column and returns a Column"
_A_TYPE = "a DataType, DDL text such as 'DECIMAL(10, 2)', or None"


@step
def map_fields(function: Callable[[Column], Column], *paths: str, to: DataType | str | None = None) -> Planner:
    """Apply a function to columns and to fields inside structs and arrays of structs, in place.

    The function is called once per path when the step is applied, with a Column of the field's values, and must use no
    other column. Null values are passed to it as null. A null struct has no field to change and stays null, and so do
    null and empty arrays. Rows, the order of columns and fields, all other fields, and metadata are unchanged.

    A preview does not call the function, so the type of its result is declared. Spark compares the types when it
    analyzes the query: a result of another type is an error, and is never cast. Aggregates and generators such as
    ``explode`` are errors too.

    Args:
        function: A function from Column to Column, such as ``trim`` of ``pyspark.sql.functions``. Two steps are equal
            if they have the same function. A step can be pickled if its function can, so not with a lambda.
        *paths: Columns or dotted paths, at least one: ``"items.price"`` is the price of each item. Names with a dot
            need backticks.
        to: The type of the function's result: a DataType, or DDL text such as ``"DECIMAL(10, 2)"``. None means that
            each field keeps its type.

    Returns:
        A Transform whose result has the changed fields in the declared type, nullable at every depth.

    Raises:
        InvalidArgumentError: ``function`` is not callable, raises an error, does not return a Column, or returns one
            that Spark cannot compute for each value; no path is named, or one is inside another; or ``to`` is not a
            type.
        ColumnNotFoundError: A column or field is not found.
        ColumnTypeError: A path leads through a type other than a struct or an array of structs, or the function's
            result has another type than declared. On Spark Connect, which analyzes queries later, the latter is Spark's
            own AnalysisException, which names both types.
        ColumnClashError: A field of a path has a sibling whose name differs only in case.
        UnsupportedError: ``to`` is DDL text, and a preview has no active session to parse it.

    Example:
        >>> from pyspark.sql.functions import upper
        >>> orders = spark.createDataFrame(
        ...     [(1, [("pen", 5), (None, 7)]), (2, []), (3, None)],
        ...     "id int, items array<struct<sku: string, price: int>>")
        >>> orders.transform(map_fields(upper, "items.sku")).show()
        +---+--------------------+
        | id|               items|
        +---+--------------------+
        |  1|[{PEN, 5}, {NULL,...|
        |  2|                  []|
        |  3|                NULL|
        +---+--------------------+
        <BLANKLINE>
    """
    if not callable(function):
        raise InvalidArgumentError("function", expected=_A_FUNCTION, got=function)
    for path in paths:
        check_column("paths", path)
    if not paths:
        raise InvalidArgumentError("paths", expected="the names of the fields to change, at least one", got=paths)
    _check_type(to)

    def plan(frame: Frame) -> Plan:
        locations = _find_fields(frame, paths)
        declared = _parse_type(frame, to) if isinstance(to, str) else to
        changes = [_plan_change(path, location, function, declared) for path, location in locations.items()]
        planned = change_fields(frame, changes, hint="Rename one of them first")
        types = {path: change.field.dataType for path, change in zip(locations, changes, strict=True)}
        return planned._replace(apply=partial(_apply, planned.apply, types))

    return plan


def _check_type(to: object) -> None:
    is_type = isinstance(to, (DataType, str)) and not isinstance(to, (CharType, VarcharType))
    if to is not None and (not is_type or (isinstance(to, str) and not to.strip())):
        raise InvalidArgumentError("to", expected=_A_TYPE, got=to)


def _parse_type(frame: Frame, to: str) -> DataType:
    try:
        schema = frame.as_schema("to", f"value {to}")
    except InvalidArgumentError as error:
        raise InvalidArgumentError("to", expected=_A_TYPE, got=to) from error
    data_type = schema.fields[0].dataType
    if schema != StructType([StructField("value", data_type)]):  # several columns, NOT NULL, or a comment
        raise InvalidArgumentError("to", expected=_A_TYPE, got=to)
    return data_type


def _find_fields(frame: Frame, paths: tuple[str, ...]) -> dict[str, FieldLocation]:
    """Find each field once, and refuse a field inside another, which the function would get changed or unchanged."""
    found: dict[tuple[int, tuple[str, ...]], tuple[str, FieldLocation]] = {}
    for path in paths:
        location = find_field(frame, path)
        found.setdefault((location.column, location.path), (path, location))
    for column, names in found:
        for depth in range(len(names)):
            if outer := found.get((column, names[:depth])):
                inner = found[column, names][0]
                raise InvalidArgumentError("paths", expected="no field inside another", got=(outer[0], inner))
    return dict(found.values())


def _plan_change(
    path: str, location: FieldLocation, function: Callable[[Column], Column], declared: DataType | None
) -> Change:
    field = location.field
    data_type = _nullable(field.dataType if declared is None else declared)
    changed = StructField(field.name, data_type, nullable=True, metadata=field.metadata)
    return Change(location, changed, partial(_compute, function, path, data_type))


def _compute(function: Callable[[Column], Column], path: str, data_type: DataType, value: Column) -> list[Column]:
    try:
        result = function(value)
    except Exception as error:
        raise InvalidArgumentError("function", expected=f"no error for {path!r}", got=error) from error
    if not is_column(result):
        raise InvalidArgumentError("function", expected=_A_FUNCTION, got=result)
    return [_typed(value, result, path, data_type)]


def _typed(value: Column, result: Column, path: str, data_type: DataType) -> Column:
    """Return the result, in an expression that Spark can analyze only if the result has the type.

    Spark casts the arguments of its functions, but not those of ``aggregate``: its start and the result of its function
    must have one type. Here it is in a branch that the optimizer removes, so it costs nothing when the query runs. The
    branch refers to the value too, so that an aggregate such as ``sum`` is an error even where the DataFrame has no
    other column. A generator is one because it is inside another expression.
    """
    text = F.lit(_requirement(path, data_type))
    # Not a literal true, with which Spark 4 takes the nullability of the first branch.
    start = F.when(text.isNull() & value.isNull(), F.lit(None).cast(data_type))
    of_type = F.aggregate(F.array(result), start, lambda _, element: element)
    # The types may still differ in the case of names and in nullability.
    return F.when(text.isNotNull(), result).otherwise(of_type).cast(data_type)


def _requirement(path: str, data_type: DataType) -> str:
    """Return a text that is in Spark's error, which shows the expression."""
    return f"map_fields: the result of the function for {path} must be {type_text(data_type)}"


def _apply(apply: Callable[[DataFrame], DataFrame], types: dict[str, DataType], df: DataFrame) -> DataFrame:
    try:
        return apply(df)
    except AnalysisException as error:
        parameters = error.getMessageParameters() or {}
        for path, data_type in types.items():
            if _requirement(path, data_type) in (parameters.get("sqlExpr") or ""):
                got = (parameters.get("inputType") or parameters.get("dataType") or "another type").replace('"', "")
                hint = "Cast in the function, or declare another type with to="
                expected = f"a result of type {type_text(data_type)} from the function"
                raise ColumnTypeError(path, expected=expected, got=got.lower(), hint=hint) from error
        expected = f"a function of the values of {path_text([*types])} alone, which Spark can compute for each value"
        raise InvalidArgumentError("function", expected=expected, got=error_summary(error)) from error


def _nullable(data_type: DataType) -> DataType:
    """Return a type whose fields, elements and values are nullable at every depth."""
    if isinstance(data_type, StructType):
        fields = data_type.fields
        return StructType(
            [StructField(field.name, _nullable(field.dataType), metadata=field.metadata) for field in fields]
        )
    if isinstance(data_type, ArrayType):
        return ArrayType(_nullable(data_type.elementType))
    if isinstance(data_type, MapType):
        return MapType(_nullable(data_type.keyType), _nullable(data_type.valueType))
    return data_type
