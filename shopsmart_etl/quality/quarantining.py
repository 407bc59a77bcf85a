"""Write the rows that violate rules elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone

from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import StringType, StructField, StructType, TimestampType

from shopsmart_etl._core._sail import refuse_writing_on_sail
from shopsmart_etl._core.checks import check_column, check_optional_text, check_step, is_dataframe
from shopsmart_etl._core.frame import Frame, Plan
from shopsmart_etl._core.spark_errors import translate_errors
from shopsmart_etl._core.sql import quote
from shopsmart_etl._core.step import Planner, Step, plan_step, step_that_writes
from shopsmart_etl.errors import InvalidArgumentError, UnsupportedError, WriteConflictError
from shopsmart_etl.quality.violations import find_violations, plan_invalid, plan_valid
from shopsmart_etl.typing import Transform

_RUN_FIELDS = [StructField("run_id", StringType(), nullable=False), StructField("quarantined_at", TimestampType())]


@step_that_writes
def quarantine(*, into: Transform, run_id: str | None = None, violations_column: str = "_violations") -> Planner:
    """Write the rows that violate a rule elsewhere, and return the valid ones. Runs a Spark job.

    The rows are computed once for the quarantine and once more for what follows. Where that is expensive, or where
    computing twice may give different rows, as with ``rand()``, write the flagged rows first (``write_partitioned``)
    and quarantine from the table that it returns.

    A run that fails after its quarantine can be run again if it has an identifier, such as its date: give ``run_id``,
    partition the quarantine by ``run_id`` with ``if_exists="replace_partitions"``, and the second attempt replaces the
    rows of the first, and no others. Write the same identifier with the valid rows, and each run that is in the
    quarantine but not among those has not ended.

    Args:
        into: The step that writes the invalid rows, with the violations column: such as ``write_partitioned(...)``,
            ``pipeline(audit.count("quarantined"), write_partitioned(...))``, or any function of a DataFrame. Its
            result is not used.
        run_id: The identifier of the run. The invalid rows get two more columns: ``run_id`` (STRING) and
            ``quarantined_at`` (TIMESTAMP), which is the same for all rows of an attempt. A
            second, small job checks that no row of an earlier attempt is left. None adds no columns and runs no check.
        violations_column: The column that ``flag_violations`` added.

    Returns:
        A Transform whose result has the valid rows, without the violations column.

    Raises:
        InvalidArgumentError: ``into`` is a step that writes nothing.
        ColumnNotFoundError: The column does not exist.
        ColumnTypeError: It is not an array of strings.
        ColumnClashError: The name of a column of the run is taken.
        UnsupportedError: The DataFrame is a stream, or the session is on Sail.
        WriteConflictError: The quarantine has rows of an earlier attempt of this run which this attempt, having none
            there, did not replace.
        ShopSmartError: What ``into`` raises. Nothing is written if its columns are wrong.

    Example:
        >>> path = new_path()
        >>> write = write_partitioned(path, by="run_id", if_exists="replace_partitions")
        >>> logs = spark.createDataFrame(
        ...     [(1, "IE", ["x"]), (None, "GB", [])], "paid int, country string, tags array<string>")
        >>> checked = logs.transform(flag_violations(rules.not_null("paid")))
        >>> for attempt in range(2):
        ...     valid = checked.transform(quarantine(into=write, run_id="2026-01-02"))
        >>> valid.show()
        +----+-------+----+
        |paid|country|tags|
        +----+-------+----+
        |   1|     IE| [x]|
        +----+-------+----+
        <BLANKLINE>
        >>> spark.read.parquet(path).drop("quarantined_at").show()
        +----+-------+----+------------------+----------+
        |paid|country|tags|       _violations|   run_id|
        +----+-------+----+------------------+----------+
        |NULL|     GB|  []|[paid is not null]|2026-01-02|
        +----+-------+----+------------------+----------+
        <BLANKLINE>
    """
    check_step("into", into)
    check_column("violations_column", violations_column)
    check_optional_text("run_id", run_id, expected="the identifier of the run, such as its date")
    parts: list[Transform] = into.parts if isinstance(into, Step) else [into]
    if all(isinstance(part, Step) and not part.writes for part in parts):
        raise InvalidArgumentError("into", expected="a step that writes, such as write_partitioned(...)", got=into)
    if run_id is not None:
        _check_replaces_run(parts)

    def plan(frame: Frame) -> Plan:
        if frame.is_streaming:
            raise UnsupportedError(
                "quarantine: expected a batch; got a stream. Write keep_invalid() and keep_valid() as two queries"
            )
        index = find_violations(frame, violations_column)
        run_fields = [] if run_id is None else _RUN_FIELDS
        frame.check_clashes(
            [(field.name, "the run") for field in run_fields],
            existing=[(name, f"column {quote(name)}") for name in frame.names],
            hint="Rename the column",
        )
        valid, invalid = plan_valid(frame, index), plan_invalid(frame, index)
        if isinstance(into, Step) and all(isinstance(part, Step) for part in parts):
            # Columns that a later part of it refuses, before an earlier one writes.
            plan_step(into, frame.with_schema(StructType([*invalid.schema.fields, *run_fields])))

        def apply(df: DataFrame) -> DataFrame:
            refuse_writing_on_sail(df.sparkSession, "quarantine")
            rows = invalid.apply(df)
            if run_id is None:
                into(rows)
            else:
                _write_run(into, rows, run_id)
            return valid.apply(df)

        return Plan(valid.schema, apply, valid.sources)

    return plan


def _check_replaces_run(parts: Sequence[Transform]) -> None:
    """Check that a second attempt would replace the rows of the first; what a plain function does is not known."""
    for part in parts:
        if not isinstance(part, Step) or not part.writes:
            continue
        by = part.arguments.get("by", ())
        by = [by] if isinstance(by, str) else by
        if _RUN_FIELDS[0].name not in by or part.arguments.get("if_exists") != "replace_partitions":
            expected = "with run_id=, write_partitioned(..., by='run_id', if_exists='replace_partitions')"
            raise InvalidArgumentError("into", expected=expected, got=part)


def _write_run(into: Transform, rows: DataFrame, run_id: str) -> None:
    """Write the rows of a run, and refuse what an earlier attempt left."""
    # In milliseconds, which is as exact as a session may have Parquet store them.
    now = datetime.now(timezone.utc)
    now = now.replace(microsecond=now.microsecond // 1000 * 1000)
    id_field, time_field = _RUN_FIELDS
    table = into(rows.withColumns({id_field.name: F.lit(run_id), time_field.name: F.lit(now)}))
    if not is_dataframe(table) or not {id_field.name, time_field.name} <= set(table.columns):
        return
    earlier = (F.col(id_field.name) == run_id) & (F.col(time_field.name) != F.lit(now))
    with translate_errors():
        is_left = bool(table.where(earlier).limit(1).collect())
    if is_left:
        raise WriteConflictError(
            "quarantine",
            f"has rows of an earlier attempt of run {run_id!r} that this attempt did not replace: write it with "
            f"by={id_field.name!r} and if_exists='replace_partitions'; where this attempt has no invalid rows, delete "
            "those of the earlier one. No valid row was returned",
        )
