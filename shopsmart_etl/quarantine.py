"""Rows that break a rule, set aside with the reasons."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.errors import AnalysisException

from shopsmart_etl.engine import refuse_writing_on_sail
from shopsmart_etl.errors import TargetExistsError, UnsupportedError
from shopsmart_etl.rules import find_violations, valid
from shopsmart_etl.step import Step, step

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from shopsmart_etl.typing import Transform


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
