"""A variant into typed columns."""

from __future__ import annotations

from functools import partial

from pyspark.sql import DataFrame
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
    StructType,
)

from shopsmart_etl._core.columns import find_column, refuse_clashes
from shopsmart_etl._core.session import ignores_case
from shopsmart_etl._core.sql import literal, positions, quote, type_text
from shopsmart_etl._core.step import step
from shopsmart_etl.errors import ColumnTypeError, InvalidArgumentError
from shopsmart_etl.typing import Transform


@step
def expand_variant(column: str, *, schema: StructType, rescued: str | None = None) -> Transform:
    """Give a variant column the types of a schema, and keep whole what does not fit them.

    The column becomes a struct of the schema (``flatten_struct`` opens it). A value fits where its type holds it
    exactly: a number or numeric text without leading zeros and with no more decimals than the type has; ``true`` or
    ``false``; a date as ``2026-01-31``. Floats and doubles are taken for the approximations that they are, and a string
    holds anything. What does not fit is null, and then, as with a field that the schema does not name, the whole
    variant stays in the rescued column. A field that is missing or a JSON null is null and fits.

    Args:
        column: A variant column at the top level (Spark 4 and later have them); its name is taken literally.
        schema: The types wanted: structs, arrays, maps from strings, and atoms. Every field may be null.
        rescued: Name of the variant column, after the struct, that keeps what does not fit; ``<column>_rescued`` if
            None. It is null where everything fits.

    Returns:
        A Transform whose result has the same columns, the variant replaced by the struct and the rescued column.

    Raises:
        InvalidArgumentError: ``schema`` is not a StructType with fields, or has a map whose keys are no strings.
        ColumnNotFoundError: The column is not there.
        ColumnTypeError: The column is not a variant.
        ColumnClashError: The rescued column's name is taken.

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
    if not isinstance(schema, StructType) or not schema.fields:
        raise InvalidArgumentError("schema", wanted="a StructType with fields", found=schema)
    _refuse_map_keys(schema)

    def expand(df: DataFrame) -> DataFrame:
        have = df.schema
        at = find_column(have, column, ignores_case=partial(ignores_case, df))
        field = have.fields[at]
        if field.dataType.typeName() != "variant":
            way_out = "parse_json makes a variant of text, on Spark 4 and later"
            raise ColumnTypeError(field.name, wanted="a variant", found=type_text(field.dataType), way_out=way_out)
        kept = rescued or f"{field.name}_rescued"
        names = [*have.names[: at + 1], kept, *have.names[at + 1 :]]
        origins = [f"column {quote(name)}" for name in have.names]
        origins.insert(at + 1, f"what of {quote(field.name)} does not fit")
        refuse_clashes(
            zip(names, origins, strict=True), ignores_case=partial(ignores_case, df), way_out="Give another rescued="
        )
        columns = [f"`{other}`" for other in range(len(have.fields))]
        columns[at] = f"{_typed(f'`{at}`', schema, 0)} AS `{at}`"
        columns.insert(at + 1, f"if({_fits(f'`{at}`', schema, 0)}, NULL, `{at}`) AS rescued")
        return df.toDF(*positions(len(have.fields))).selectExpr(*columns).toDF(*names)

    return expand


def _refuse_map_keys(of: DataType) -> None:
    if isinstance(of, StructType):
        for field in of.fields:
            _refuse_map_keys(field.dataType)
    elif isinstance(of, ArrayType):
        _refuse_map_keys(of.elementType)
    elif isinstance(of, MapType):
        if not isinstance(of.keyType, StringType):
            raise InvalidArgumentError("schema", wanted="maps whose keys are strings", found=type_text(of))
        _refuse_map_keys(of.valueType)


def _typed(value: str, of: DataType, depth: int) -> str:
    """Write the SQL of a variant's value as a type, null where it does not fit."""
    if isinstance(of, StructType):
        fields = (f"{_typed(_member(value, f.name), f.dataType, depth)} AS {quote(f.name)}" for f in of.fields)
        return f"if({_members(value)} IS NULL, NULL, struct({', '.join(fields)}))"
    each = f"x{depth}"
    if isinstance(of, ArrayType):
        return f"transform({_elements(value)}, {each} -> {_typed(each, of.elementType, depth + 1)})"
    if isinstance(of, MapType):
        return f"transform_values({_members(value)}, (k{depth}, {each}) -> {_typed(each, of.valueType, depth + 1)})"
    return f"if({_fits(value, of, depth)}, {_got(value, of.simpleString())}, NULL)"


def _fits(value: str, of: DataType, depth: int) -> str:
    """Write the SQL that tells whether a type holds a variant's value exactly; never null."""
    if isinstance(of, StructType):
        known = ", ".join(literal(name) for name in of.names)
        within = [f"forall(map_keys({_members(value)}), k{depth} -> k{depth} IN ({known}))"]
        within += [_fits(_member(value, field.name), field.dataType, depth) for field in of.fields]
        inside = " AND ".join(within)
        return f"({_absent(value)} OR coalesce({_members(value)} IS NOT NULL AND {inside}, false))"
    each = f"x{depth}"
    if isinstance(of, ArrayType):
        inside = f"forall({_elements(value)}, {each} -> {_fits(each, of.elementType, depth + 1)})"
    elif isinstance(of, MapType):
        inside = f"forall(map_values({_members(value)}), {each} -> {_fits(each, of.valueType, depth + 1)})"
    else:
        inside = f"{_got(value, of.simpleString())} IS NOT NULL"
        pattern = _written(of)
        if pattern:
            inside += f" AND {_got(value, 'string')} RLIKE '{pattern}'"
    return f"({_absent(value)} OR coalesce({inside}, false))"


def _written(of: DataType) -> str | None:
    """Give the pattern of the text that a type holds without loss, or None where a cast tells."""
    # [0-9] and [.], since how a backslash is written in a literal depends on the session.
    whole = "^-?(0|[1-9][0-9]*)"
    if isinstance(of, DecimalType):
        return f"{whole}([.][0-9]{{1,{of.scale}}})?$" if of.scale else f"{whole}$"
    if isinstance(of, (FloatType, DoubleType)):
        return "^[-+0-9.eE]+$"
    if isinstance(of, (IntegralType, NumericType)):
        return f"{whole}$"
    if isinstance(of, BooleanType):
        return "^(true|false)$"
    return "^[0-9]{4}-[0-9]{2}-[0-9]{2}$" if isinstance(of, DateType) else None


def _absent(value: str) -> str:
    return f"{value} IS NULL OR is_variant_null({value})"


def _got(value: str, of: str) -> str:
    return f"try_variant_get({value}, '$', '{of}')"


def _elements(value: str) -> str:
    return _got(value, "array<variant>")


def _members(value: str) -> str:
    return _got(value, "map<string,variant>")


def _member(value: str, name: str) -> str:
    return f"try_element_at({_members(value)}, {literal(name)})"
