"""Compose steps, and plan steps for tables that do not exist yet."""

from __future__ import annotations

from functools import reduce

from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import DataType, StructType

from shopsmart_etl._core.checks import check_step, is_dataframe
from shopsmart_etl._core.frame import Frame, Plan, keep_metadata
from shopsmart_etl._core.sql import VARIABLE, literal, positions, quote, struct_of, type_sql
from shopsmart_etl._core.step import Chain, Planner, Step, plan_step, planning, step
from shopsmart_etl.errors import InvalidArgumentError
from shopsmart_etl.typing import Transform

__all__ = ["pipeline", "plan_ahead"]


@step
def pipeline(*steps: Transform) -> Planner:
    """Compose steps into one step that applies them from left to right.

    A pipeline adds nothing of its own: nulls, empty arrays and duplicates are handled by its steps.

    Args:
        *steps: Transforms, which may be pipelines or any functions from DataFrame to DataFrame. Without steps the
            DataFrame is returned unchanged.

    Returns:
        A Transform that returns the result of the last step.

    Raises:
        InvalidArgumentError: A step is not callable.

    Example:
        >>> silver = pipeline(flatten_struct("customer"), impute_financials("total"))
        >>> silver
        pipeline(flatten_struct('customer'), impute_financials('total'))
        >>> orders = spark.createDataFrame(
        ...     [((7, "EIRE"), None, ["new"]), (None, 5, [])],
        ...     "customer struct<id: int, country: string>, total int, tags array<string>")
        >>> orders.transform(silver).show()
        +-----------+----------------+-----+-----+-------------+
        |customer_id|customer_country|total| tags|total_imputed|
        +-----------+----------------+-----+-----+-------------+
        |          7|            EIRE|    0|[new]|         true|
        |       NULL|            NULL|    5|   []|        false|
        +-----------+----------------+-----+-----+-------------+
        <BLANKLINE>
    """
    for number, transform in enumerate(steps, start=1):
        check_step(f"step {number}", transform)
    return Chain(steps)


@step
def plan_ahead(*steps: Transform, like: DataFrame) -> Planner:
    """Plan steps before their table exists, such as in a Spark declarative pipeline.

    Steps look up the schema of the DataFrame that they are applied to. Inside a table function of a declarative
    pipeline Spark does not allow this. ``plan_ahead`` looks up the schema of ``like`` instead, so call it outside of
    the table function. All columns of the table may be null; nulls, empty arrays and duplicates are handled by the
    steps.

    Steps that run a Spark job or observe one are refused: ``write_partitioned``, ``write_table``, ``write_stream``,
    ``quarantine``, ``filter_affected`` and the steps of an ``Audit``.

    Args:
        *steps: Transforms, which may be pipelines, applied from left to right.
        like: A DataFrame with the names and types of the table's columns, in any order. Its rows are not read.

    Returns:
        A Transform for the table that returns the result of the last step. Columns that are not in ``like`` are
        dropped. A column that is missing or has another type fails the query before it reads a row.

    Raises:
        InvalidArgumentError: There are no steps, a step is not callable, or ``like`` is not a DataFrame.
        UnsupportedError: A step or nested step runs a Spark job or observes one.

    Example:
        >>> raw = spark.createDataFrame([], "id int, tags array<string>")
        >>> lines = plan_ahead(explode_arrays("tags"), impute_financials("id"), like=raw)
        >>> bronze = spark.createDataFrame([(["new"], 1), ([], None)], "tags array<string>, id int")
        >>> bronze.transform(lines).show()
        +---+------------+----+----------+
        | id|tags_present|tags|id_imputed|
        +---+------------+----+----------+
        |  1|        true| new|     false|
        |  0|       false|NULL|      true|
        +---+------------+----+----------+
        <BLANKLINE>
    """
    for number, transform in enumerate(steps, start=1):
        check_step(f"step {number}", transform)
    if not is_dataframe(like):
        raise InvalidArgumentError("like", expected="a DataFrame with the table's columns", got=like)
    parts = [part for transform in steps for part in (transform.parts if isinstance(transform, Step) else [transform])]
    if not parts:
        raise InvalidArgumentError("steps", expected="at least one step", got=steps)
    names, nulls = like.schema.names, [_null(field.dataType) for field in like.schema]
    by_position = [f"{null} AS `{index}`" for index, null in enumerate(nulls)]
    fields = {str(index): field for index, field in enumerate(like.schema.fields)}
    model = keep_metadata(like.sparkSession.range(0).selectExpr(*by_position), fields).toDF(*names)
    has_types = _has_types(nulls, model.schema)
    planned: list[Transform] = []
    with planning():
        for part in parts:
            planned.append(_planned(part, model, like))
            model = model.transform(planned[-1])
    schema = model.schema

    def apply(df: DataFrame) -> DataFrame:
        table = df.select(*(F.col(quote(name)) for name in names)).toDF(*positions(len(names)))
        table = table.where(has_types).toDF(*names)
        return reduce(lambda result, transform: transform(result), planned, table)

    return lambda _: Plan(schema, apply, tuple(map(quote, schema.names)))


def _planned(part: Transform, model: DataFrame, like: DataFrame) -> Transform:
    """Plan a step, so that applying it looks up nothing. A plain function is returned unchanged."""
    if not isinstance(part, Step):
        return part
    return plan_step(part, Frame(model.schema, session=like.sparkSession, is_streaming=lambda: like.isStreaming)).apply


def _null(data_type: DataType) -> str:
    """Write a null of a type."""
    type_name = type_sql(data_type)
    # Within a literal, Spark replaces nothing in the names of fields.
    return (
        f"from_json(CAST(NULL AS STRING), {literal(type_name)})"
        if VARIABLE in type_name
        else f"CAST(NULL AS {type_name})"
    )


def _has_types(nulls: list[str], schema: StructType) -> str:
    """Write a condition that fails the query if a column, named by position, has another type than planned.

    Spark evaluates the condition when it optimizes the query, and removes it if the types are equal.
    """
    are_equal = " AND ".join(f"typeof(`{index}`) = typeof({null})" for index, null in enumerate(nulls))
    got = struct_of((name, f"`{index}`") for index, name in enumerate(schema.names))
    expected = literal(f"plan_ahead: expected a table with columns {schema.simpleString()}; got ")
    return f"assert_true({are_equal}, concat({expected}, typeof({got}))) IS NULL"
