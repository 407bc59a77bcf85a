"""Rows that break a rule: which, and why."""

from __future__ import annotations

from functools import partial, reduce
from operator import and_

from pyspark.errors import AnalysisException
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from shopsmart_etl._core.columns import find_column, refuse_clashes
from shopsmart_etl._core.engine import refuse_writing_on_sail
from shopsmart_etl._core.session import ignores_case
from shopsmart_etl._core.sql import positions, quote
from shopsmart_etl._core.step import Step, step
from shopsmart_etl.errors import InvalidArgumentError, TargetExistsError, UnsupportedError
from shopsmart_etl.quality.rules import Rule, find_violations, valid
from shopsmart_etl.typing import Transform


@step
def flag_violations(*rules: Rule, into: str = "_violations") -> Transform:
    """Say for each row which rules it breaks; every row stays.

    Args:
        *rules: The rules, at least one, each of another name.
        into: Name of the new column, after the last one.

    Returns:
        A Transform whose result has an array of strings more, never null: the names of the rules that the row breaks,
        in the order of the call, empty where it keeps all of them.

    Raises:
        InvalidArgumentError: There is no rule, or two have one name.
        ColumnNotFoundError: A column that a rule is about is not there.
        ColumnClashError: The name of the new column is taken.

    Example:
        >>> logs = spark.createDataFrame(
        ...     [("a", 5, ["x"]), (None, -5, []), (None, None, None)], "user string, paid int, tags array<string>")
        >>> checked = logs.transform(flag_violations(not_null("user"), in_range("paid", least=0)))
        >>> checked.show(truncate=False)
        +----+----+----+-----------------------------+
        |user|paid|tags|_violations                  |
        +----+----+----+-----------------------------+
        |a   |5   |[x] |[]                           |
        |NULL|-5  |[]  |[user is not null, paid >= 0]|
        |NULL|NULL|NULL|[user is not null, paid >= 0]|
        +----+----+----+-----------------------------+
        <BLANKLINE>
        >>> checked.transform(keep_valid()).show()
        +----+----+----+
        |user|paid|tags|
        +----+----+----+
        |   a|   5| [x]|
        +----+----+----+
        <BLANKLINE>
        >>> checked.transform(keep_invalid()).count()
        2
    """
    names = [rule.name for rule in rules]
    if not rules or len(set(names)) < len(names):
        raise InvalidArgumentError("rules", wanted="at least one rule, each of another name", found=names)

    def flag(df: DataFrame) -> DataFrame:
        schema = df.schema
        for column in (column for rule in rules for column in rule.columns):
            find_column(schema, column, ignores_case=partial(ignores_case, df))
        refuse_clashes(
            [(name, f"column {quote(name)}") for name in schema.names] + [(into, "the violations")],
            ignores_case=partial(ignores_case, df),
            way_out="Give another into=, or keep_valid() what was flagged before",
        )
        kept = [rule.kept() for rule in rules]
        # Sound rows, which are most, get by without the array of every rule; nor is array_filter, or array_compact
        # which is made of it, compiled by Spark.
        broken = F.array(*(F.when(~one, F.lit(rule.name)) for one, rule in zip(kept, rules, strict=True)))
        none = F.array().cast("array<string>")
        some = F.array_except(broken, F.array(F.lit(None).cast("string")))
        return df.select("*", F.when(reduce(and_, kept), none).otherwise(some).alias(into))

    return flag


@step
def keep_valid(*, violations: str = "_violations") -> Transform:
    """Keep the rows that break no rule, without the column that says so.

    Args:
        violations: The column that ``flag_violations`` added.

    Returns:
        A Transform whose result has the other columns and the rows that broke no rule.

    Raises:
        ColumnNotFoundError: The column is not there.
        ColumnTypeError: It is not an array of strings.

    Example:
        >>> logs = spark.createDataFrame([(1, ["x"]), (None, [])], "paid int, tags array<string>")
        >>> logs.transform(flag_violations(not_null("paid"))).transform(keep_valid()).show()
        +----+----+
        |paid|tags|
        +----+----+
        |   1| [x]|
        +----+----+
        <BLANKLINE>
    """

    def keep(df: DataFrame) -> DataFrame:
        name = find_violations(df, violations)
        names = df.schema.names
        others = [at for at, other in enumerate(names) if other != name]
        # Not drop(), for which a declarative pipeline would have to know the table already.
        placed = df.where(valid(name)).toDF(*positions(len(names))).selectExpr(*(f"`{at}`" for at in others))
        return placed.toDF(*(names[at] for at in others))

    return keep


@step
def keep_invalid(*, violations: str = "_violations") -> Transform:
    """Keep the rows that break a rule, with the column that says which.

    Args:
        violations: The column that ``flag_violations`` added.

    Returns:
        A Transform whose result has the same columns and the rows that broke a rule.

    Raises:
        ColumnNotFoundError: The column is not there.
        ColumnTypeError: It is not an array of strings.

    Example:
        >>> logs = spark.createDataFrame([(1, ["x"]), (None, [])], "paid int, tags array<string>")
        >>> logs.transform(flag_violations(not_null("paid"))).transform(keep_invalid()).show(truncate=False)
        +----+----+------------------+
        |paid|tags|_violations       |
        +----+----+------------------+
        |NULL|[]  |[paid is not null]|
        +----+----+------------------+
        <BLANKLINE>
    """

    def keep(df: DataFrame) -> DataFrame:
        return df.where(f"NOT {valid(find_violations(df, violations))}")

    return keep


@step
def quarantine(path: str, *, violations: str = "_violations", through: Transform | None = None) -> Transform:
    """Write the rows that break a rule, and hand on the others. Runs a Spark job.

    The rows are computed once for the quarantine and once more for what follows. Where that costs much, write the
    flagged rows first (``write_partitioned``), and quarantine from the table that it returns; and so where computing
    them twice may give other rows, as with ``rand()``.

    Args:
        path: Where the Parquet files go: a new folder for each run, such as ``quarantine/run=2026-01-31``.
        violations: The column that ``flag_violations`` added.
        through: A step that the rows go through before they are written, such as ``audit.count("quarantined")``.

    Returns:
        A Transform whose result has the rows that broke no rule, without the column. At ``path`` are the others, with
        it.

    Raises:
        TargetExistsError: There is something at the path; nothing was written.
        ColumnNotFoundError: The column is not there.
        ColumnTypeError: It is not an array of strings.
        UnsupportedError: The DataFrame is a stream, or the session is on Sail.

    Example:
        >>> logs, path = spark.createDataFrame([(1, ["x"]), (None, [])], "paid int, tags array<string>"), new_path()
        >>> logs.transform(flag_violations(not_null("paid"))).transform(quarantine(path)).show()
        +----+----+
        |paid|tags|
        +----+----+
        |   1| [x]|
        +----+----+
        <BLANKLINE>
        >>> spark.read.parquet(path).show(truncate=False)
        +----+----+------------------+
        |paid|tags|_violations       |
        +----+----+------------------+
        |NULL|[]  |[paid is not null]|
        +----+----+------------------+
        <BLANKLINE>
    """

    def set_aside(df: DataFrame) -> DataFrame:
        if df.isStreaming:
            raise UnsupportedError(
                "quarantine writes one batch; on a stream, write keep_invalid() and keep_valid() as two queries"
            )
        refuse_writing_on_sail(df.sparkSession, "quarantine")
        name = find_violations(df, violations)
        try:
            invalid = df.where(f"NOT {valid(name)}")
            (through(invalid) if through else invalid).write.parquet(path)
        except AnalysisException as error:
            if "PATH_ALREADY_EXISTS" not in str(error):
                raise
            raise TargetExistsError(path, way_out="Choose a new folder for each run") from None
        return df.where(valid(name)).drop(name)

    return Step(set_aside, runs_spark=True)
