"""Convert variants to typed columns."""

from __future__ import annotations

from collections.abc import Callable

from pyspark.sql.types import (
    ArrayType,
    BooleanType,
    DataType,
    DateType,
    DecimalType,
    DoubleType,
    FloatType,
    IntegralType,
    MapType,
    NumericType,
    StringType,
    StructField,
    StructType,
    TimestampNTZType,
    TimestampType,
)

from shopsmart_etl._core.checks import check_column, check_optional_text, check_schema
from shopsmart_etl._core.depth import check_schema_depth
from shopsmart_etl._core.frame import Frame, Output, Plan
from shopsmart_etl._core.sql import (
    all_of,
    any_of,
    call,
    if_,
    if_not_null,
    lambda_,
    let,
    literal,
    path_text,
    quote,
    struct_of,
    type_text,
)
from shopsmart_etl._core.step import Planner, step
from shopsmart_etl._core.text_casts import Formats, parse_text
from shopsmart_etl.errors import ColumnTypeError, InvalidArgumentError

# Each object inside another is a lambda function, which Spark's parser and analyzer take long for.
_MAX_DEPTH = 24


@step
def expand_variant(column: str, *, schema: StructType | str, rescued_column: str | None = None) -> Planner:
    """Convert a variant column to a typed struct, and keep variants that do not match the schema in a rescued column.

    Each value is converted only if its type represents it exactly:

    - Numbers: numbers and numeric text, without leading zeros and with at most the decimals of the type. Floats and
      doubles may round.
    - Booleans: ``true`` and ``false``. Dates: ``2026-01-31``. Strings: every value.
    - Timestamps: text such as ``2026-01-31T10:00:00Z``, as the readers take it.

    Other values become null, and the rescued column contains the whole variant. It also does so if the variant has
    fields that are not in the schema. Missing fields and JSON nulls become null, and empty arrays stay empty, without
    a rescue. A null variant becomes a null struct.

    Args:
        column: The name of a top-level variant column (Spark 4.0 or newer), taken literally.
        schema: The schema of the struct, as a StructType or DDL text: structs, arrays, maps with string keys, and
            atomic types. All fields are nullable.
        rescued_column: The name of the rescued column, a variant. Default: ``<column>_rescued``.

    Returns:
        A Transform whose result has the same columns, with the variant replaced by the struct and the rescued column,
        which is null if the whole variant matches the schema.

    Raises:
        InvalidArgumentError: An argument has a wrong type, or ``schema`` has no fields, a map with keys that are
            not strings, or more than 25 types inside one another, the struct itself included.
        ColumnNotFoundError: ``column`` does not exist.
        ColumnTypeError: ``column`` is not a variant.
        ColumnClashError: The name of the rescued column is already in use.

    Example:
        >>> from pyspark.sql.types import ArrayType, DecimalType, LongType, StringType, StructType
        >>> order = (StructType().add("id", LongType()).add("total", DecimalType(10, 2))
        ...     .add("tags", ArrayType(StringType())))
        >>> payloads = spark.sql('''SELECT try_parse_json(text) AS payload FROM VALUES
        ...     ('{"id": 1, "total": 2.5, "tags": []}'), ('{"id": 2, "total": "free"}'), (NULL) AS t (text)''')
        >>> payloads.transform(expand_variant("payload", schema=order)).show(truncate=False)
        +---------------+-----------------------+
        |payload        |payload_rescued        |
        +---------------+-----------------------+
        |{1, 2.50, []}  |NULL                   |
        |{2, NULL, NULL}|{"id":2,"total":"free"}|
        |NULL           |NULL                   |
        +---------------+-----------------------+
        <BLANKLINE>
    """
    check_column("column", column)
    check_schema("schema", schema)
    check_optional_text("rescued_column", rescued_column)
    if isinstance(schema, StructType):
        _check_schema(schema)

    def plan(frame: Frame) -> Plan:
        typed = frame.as_schema("schema", schema)
        check_schema_depth("schema", typed, _MAX_DEPTH)
        _check_schema(typed)
        index = frame.index(column)
        field = frame.schema.fields[index]
        if field.dataType.typeName() != "variant":
            hint = "parse_json converts text to a variant (Spark 4.0 or newer)"
            raise ColumnTypeError(field.name, expected="a variant", got=type_text(field.dataType), hint=hint)
        rescued = rescued_column or f"{field.name}_rescued"
        outputs = [frame.column(other) for other in range(len(frame.schema.fields))]
        outputs[index : index + 1] = [
            Output(StructField(field.name, typed), _typed(f"`{index}`", typed, 0), path_text([field.name])),
            Output(
                StructField(rescued, field.dataType),
                if_(_fits(f"`{index}`", typed, 0), "NULL", f"`{index}`"),
                f"the rescued column of {quote(field.name)}",
                is_new=True,
            ),
        ]
        return frame.select(outputs, hint="Give another rescued_column=")

    return plan


def _check_schema(schema: StructType) -> None:
    if not schema.fields:
        raise InvalidArgumentError("schema", expected="a StructType with fields", got=schema)
    _check_map_keys(schema)


def _check_map_keys(data_type: DataType) -> None:
    if isinstance(data_type, StructType):
        for field in data_type.fields:
            _check_map_keys(field.dataType)
    elif isinstance(data_type, ArrayType):
        _check_map_keys(data_type.elementType)
    elif isinstance(data_type, MapType):
        if not isinstance(data_type.keyType, StringType):
            raise InvalidArgumentError("schema", expected="maps whose keys are strings", got=type_text(data_type))
        _check_map_keys(data_type.valueType)


def _typed(value: str, data_type: DataType, depth: int) -> str:
    """Write the SQL that converts a variant's value to a type; null if the conversion is not exact."""
    if isinstance(data_type, StructType):

        def build(members: str) -> str:
            fields = [
                (field.name, _typed(_member(members, field.name), field.dataType, depth + 1)) for field in data_type
            ]
            return if_not_null(members, struct_of(fields))

        return _with_members(value, depth, build)
    key, each = f"k{depth}", f"x{depth}"
    if isinstance(data_type, ArrayType):
        return call("transform", _elements(value), lambda_(each, _typed(each, data_type.elementType, depth + 1)))
    if isinstance(data_type, MapType):
        typed = lambda_([key, each], _typed(each, data_type.valueType, depth + 1))
        return call("transform_values", _members(value), typed)
    return if_(_fits(value, data_type, depth), _leaf(value, data_type))


def _fits(value: str, data_type: DataType, depth: int) -> str:
    """Write the SQL condition, never null, that a type represents a variant's value exactly."""
    key, each = f"k{depth}", f"x{depth}"
    if isinstance(data_type, StructType):
        has_known_names = lambda_(key, f"{key} IN ({', '.join(literal(name) for name in data_type.names)})")

        def check(members: str) -> str:
            has_no_extra = call("forall", call("map_keys", members), has_known_names)
            fields = (_fits(_member(members, field.name), field.dataType, depth + 1) for field in data_type)
            return all_of([f"{members} IS NOT NULL", has_no_extra, *fields])

        conditions = [_with_members(value, depth, check)]
    elif isinstance(data_type, ArrayType):
        conditions = [call("forall", _elements(value), lambda_(each, _fits(each, data_type.elementType, depth + 1)))]
    elif isinstance(data_type, MapType):
        values = call("map_values", _members(value))
        conditions = [call("forall", values, lambda_(each, _fits(each, data_type.valueType, depth + 1)))]
    else:
        conditions = [f"{_leaf(value, data_type)} IS NOT NULL"]
        pattern = _exact_text(data_type)
        if pattern:
            conditions.append(f"{_get(value, 'string')} RLIKE '{pattern}'")
    is_absent = f"{value} IS NULL", call("is_variant_null", value)
    return any_of([*is_absent, call("coalesce", all_of(conditions), "false")])


def _leaf(value: str, data_type: DataType) -> str:
    """Write the conversion to a type that is no container; null where the text of a string is not exact."""
    own = _get(value, data_type.simpleString())
    text = parse_text(_get(value, "string"), data_type, Formats())
    if isinstance(data_type, (FloatType, DoubleType)):
        return text
    if not isinstance(data_type, (TimestampType, TimestampNTZType)):
        return own
    # Spark takes 12:30 for a time of today, and a number for seconds.
    stored_type = call("schema_of_variant", value)
    return if_(
        f"{stored_type} = 'STRING'", text, if_(f"{stored_type} IN ('DATE', '{data_type.typeName().upper()}')", own)
    )


def _exact_text(data_type: DataType) -> str | None:
    """Return a pattern of the texts that a type represents exactly; None if the cast is exact by itself."""
    # [0-9] and [.] instead of backslashes, whose escape in a literal depends on the session.
    whole = "^-?(0|[1-9][0-9]*)"
    if isinstance(data_type, DecimalType):
        return f"{whole}([.][0-9]{{1,{data_type.scale}}})?$" if data_type.scale else f"{whole}$"
    if isinstance(data_type, (FloatType, DoubleType)):
        return "^[-+0-9.eE]+$"
    if isinstance(data_type, (IntegralType, NumericType)):
        return f"{whole}$"
    if isinstance(data_type, BooleanType):
        return "^(true|false)$"
    return "^[0-9]{4}-[0-9]{2}-[0-9]{2}$" if isinstance(data_type, DateType) else None


def _get(value: str, type_name: str) -> str:
    return call("try_variant_get", value, "'$'", f"'{type_name}'")


def _elements(value: str) -> str:
    return _get(value, "array<variant>")


def _members(value: str) -> str:
    return _get(value, "map<string,variant>")


def _with_members(value: str, depth: int, body: Callable[[str], str]) -> str:
    """Write SQL that uses the members of an object, which are a variable inside another value.

    Written out at each level, the path from the column would make Spark's time grow with the depth: it took minutes at
    16 levels.
    """
    name = f"m{depth}"
    return let(name, _members(value), body(name)) if depth else body(_members(value))


def _member(members: str, name: str) -> str:
    return call("try_element_at", members, literal(name))
