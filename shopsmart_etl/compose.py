"""Several steps as one, and steps for tables that do not exist yet."""

from __future__ import annotations

from functools import reduce

from pyspark.sql import DataFrame
from pyspark.sql.types import StructType

from shopsmart_etl._core.sql import literal, quote, type_sql
from shopsmart_etl._core.step import Step, parts_of, planning, step
from shopsmart_etl.errors import InvalidArgumentError
from shopsmart_etl.typing import Transform


@step
def pipeline(*steps: Transform) -> Transform:
    """Compose steps into one step that applies them from left to right.

    Args:
        *steps: Transforms; any function from DataFrame to DataFrame will do, a pipeline too. With none,
            the DataFrame passes through as it is.

    Returns:
        A Transform whose result is that of the last step.

    Raises:
        InvalidArgumentError: A step cannot be called.

    Example:
        >>> silver = pipeline(flatten_struct("customer"), impute_financials("total"))
        >>> silver
        pipeline(flatten_struct('customer'), impute_financials('total'))
        >>> orders = spark.createDataFrame(
        ...     [((7, "EIRE"), None), (None, 5)], "customer struct<id: int, country: string>, total int")
        >>> orders.transform(silver).show()
        +-----------+----------------+-----+-------------+
        |customer_id|customer_country|total|total_imputed|
        +-----------+----------------+-----+-------------+
        |          7|            EIRE|    0|         true|
        |       NULL|            NULL|    5|        false|
        +-----------+----------------+-----+-------------+
        <BLANKLINE>
    """
    for number, one in enumerate(steps, start=1):
        if not callable(one):
            raise InvalidArgumentError(f"step {number}", wanted="a function from DataFrame to DataFrame", found=one)

    def run(df: DataFrame) -> DataFrame:
        return reduce(lambda done, one: done.transform(one), steps, df)

    return Step(run, steps)


@step
def plan_ahead(*steps: Transform, like: DataFrame) -> Transform:
    """Compose steps for a table that does not exist yet, from a DataFrame that has its columns.

    Steps ask for the columns of what they are given. In a table's function of a Spark declarative pipeline Spark does
    not answer; planned ahead, outside of it, they need to ask no more. Steps that run Spark, or report on what it runs,
    cannot be planned ahead and are refused: ``quarantine``, ``write_partitioned``, ``keep_touched`` and those of an
    ``Audit``.

    Args:
        *steps: Transforms, applied from left to right; pipelines of them too.
        like: A DataFrame with the columns of the table, by name and type; their order may differ, and any may be null
            in the table. Its rows are not read.

    Returns:
        A Transform for the table, whose result is that of the last step. Columns that ``like`` does not have are left
        out. One that is missing, or has another type, fails the query before it reads a row.

    Raises:
        InvalidArgumentError: There is no step, or one that cannot be called.
        UnsupportedError: A step, or one inside of it, runs Spark or reports on what Spark runs.

    Example:
        >>> raw = spark.createDataFrame([], "id int, tags array<string>")
        >>> lines = plan_ahead(explode_arrays("tags"), impute_financials("id"), like=raw)
        >>> bronze = spark.createDataFrame([(["new"], 1), ([], None)], "tags array<string>, id int")
        >>> bronze.transform(lines).show()
        +---+----+----------+
        | id|tags|id_imputed|
        +---+----+----------+
        |  1| new|     false|
        |  0|NULL|      true|
        +---+----+----------+
        <BLANKLINE>
    """
    for number, one in enumerate(steps, start=1):
        if not callable(one):
            raise InvalidArgumentError(f"step {number}", wanted="a function from DataFrame to DataFrame", found=one)
    single = [part for one in steps for part in parts_of(one)]
    if not single:
        raise InvalidArgumentError("steps", wanted="at least one step", found=steps)
    nulls = {field.name: f"CAST(NULL AS {type_sql(field.dataType)})" for field in like.schema}
    model = like.sparkSession.range(0).selectExpr(*(f"{null} AS {quote(name)}" for name, null in nulls.items()))
    streams = like.isStreaming
    schemas: list[StructType] = []
    with planning():
        for one in single:
            schemas.append(model.schema)
            model = model.transform(one)

    def run(df: DataFrame) -> DataFrame:
        df = df.selectExpr(*map(quote, nulls)).where(_has_types(nulls, schemas[0]))
        for schema, one in zip(schemas, single, strict=True):
            df = one(_knowing(df, schema=schema, isStreaming=streams))
        return df

    return run


def _knowing(df: DataFrame, **answers: object) -> DataFrame:
    """Let a DataFrame answer for itself what it would ask Spark.

    ``to(schema)`` gives it a schema too, but the server then looks for the table as soon as it hears of it.
    """
    known = df.select("*")
    known.__class__ = type("DataFrame", (type(df),), {name: _always(answer) for name, answer in answers.items()})
    return known


def _always(answer: object) -> property:
    return property(lambda _: answer)


def _has_types(nulls: dict[str, str], schema: StructType) -> str:
    """Refuse columns of other types than were planned for; a sound query is left without this condition by Spark."""
    same = " AND ".join(f"typeof({quote(name)}) = typeof({null})" for name, null in nulls.items())
    found = f"typeof(struct({', '.join(map(quote, nulls))}))"
    wanted = literal(f"plan_ahead: wanted a table with columns {schema.simpleString()}; found ")
    return f"assert_true({same}, concat({wanted}, {found})) IS NULL"
