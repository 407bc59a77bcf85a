"""Flag the rows that violate rules, keep either side, or quarantine the invalid ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pyspark.sql import DataFrame
from pyspark.sql.types import ArrayType, StringType, StructField, StructType

from shopsmart_etl._core._sail import refuse_writing_on_sail
from shopsmart_etl._core.checks import check_column, check_step
from shopsmart_etl._core.frame import Frame, Plan
from shopsmart_etl._core.session import is_connect
from shopsmart_etl._core.sql import VARIABLE, path_text, quote, type_text
from shopsmart_etl._core.step import Planner, Step, is_planning_ahead, step, step_that_writes
from shopsmart_etl.errors import ColumnTypeError, InvalidArgumentError, UnsupportedError
from shopsmart_etl.quality._conditions import READY_CONDITIONS
from shopsmart_etl.quality._flagging import check_patterns, flag
from shopsmart_etl.quality.rules import Rule
from shopsmart_etl.typing import Transform


@step
def flag_violations(*rules: Rule, violations_column: str = "_violations") -> Planner:
    """List for each row the rules that it violates. Every row is kept.

    Args:
        *rules: The rules, at least one, each with another name.
        violations_column: Name of the new column, which follows the last one.

    Returns:
        A Transform whose result has one more column, an array of strings that is never null: the names of the rules
        that the row violates, in the order of the call. It is empty for a valid row.

    Raises:
        InvalidArgumentError: There is no rule, or two have the same name; or, when the step is applied, the condition
            of a rule does not parse, is not boolean, or names a column that does not exist, or a pattern of
            ``rules.matches`` does not compile.
        ColumnNotFoundError: A column of a ready-made rule does not exist.
        ColumnClashError: The name of the new column is taken.

    Example:
        >>> logs = spark.createDataFrame(
        ...     [("a", 5, ["x"]), (None, -5, []), (None, None, None)], "user string, paid int, tags array<string>")
        >>> checked = logs.transform(flag_violations(rules.not_null("user"), rules.in_range("paid", min_value=0)))
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
    check_rules("rules", rules)
    check_column("violations_column", violations_column)
    has_user_conditions = any(not isinstance(rule.condition, READY_CONDITIONS) for rule in rules)

    def plan(frame: Frame) -> Plan:
        for column in (column for rule in rules for column in rule.columns):
            frame.index(column)
        frame.check_clashes(
            [(violations_column, "the violations")],
            existing=[(name, f"column {quote(name)}") for name in frame.names],
            hint="Give another violations_column=, or apply keep_valid() first to drop the existing one",
        )
        # Planned ahead, a condition is analyzed on the model of the table: later on the server answers no request.
        is_planned_ahead = is_planning_ahead()

        def apply(df: DataFrame) -> DataFrame:
            may_ask = is_planning_ahead() or not is_planned_ahead
            if may_ask:
                check_patterns(df.sparkSession, rules)
            is_lazy = has_user_conditions and is_connect(df.sparkSession)
            return flag(df, rules, violations_column, analyze=is_lazy and may_ask)

        new = StructField(violations_column, ArrayType(StringType()), nullable=False)
        sources = (*(path_text([name]) for name in frame.names), "")
        return Plan(StructType([*frame.schema.fields, new]), apply, sources)

    return plan


@step
def keep_valid(*, violations_column: str = "_violations") -> Planner:
    """Keep the rows that violate no rule, and drop the violations column.

    A row whose violations are null was never checked, and is not valid.

    Args:
        violations_column: The column that ``flag_violations`` added.

    Returns:
        A Transform whose result has the valid rows and the other columns.

    Raises:
        ColumnNotFoundError: The column does not exist.
        ColumnTypeError: It is not an array of strings.

    Example:
        >>> logs = spark.createDataFrame([(1, ["x"]), (None, [])], "paid int, tags array<string>")
        >>> logs.transform(flag_violations(rules.not_null("paid"))).transform(keep_valid()).show()
        +----+----+
        |paid|tags|
        +----+----+
        |   1| [x]|
        +----+----+
        <BLANKLINE>
    """
    check_column("violations_column", violations_column)
    return lambda frame: _plan_valid(frame, find_violations(frame, violations_column))


@step
def keep_invalid(*, violations_column: str = "_violations") -> Planner:
    """Keep the rows that violate a rule, with the violations column.

    Args:
        violations_column: The column that ``flag_violations`` added.

    Returns:
        A Transform whose result has the invalid rows and the same columns.

    Raises:
        ColumnNotFoundError: The column does not exist.
        ColumnTypeError: It is not an array of strings.

    Example:
        >>> logs = spark.createDataFrame([(1, ["x"]), (None, [])], "paid int, tags array<string>")
        >>> logs.transform(flag_violations(rules.not_null("paid"))).transform(keep_invalid()).show(truncate=False)
        +----+----+------------------+
        |paid|tags|_violations       |
        +----+----+------------------+
        |NULL|[]  |[paid is not null]|
        +----+----+------------------+
        <BLANKLINE>
    """
    check_column("violations_column", violations_column)
    return lambda frame: _plan_invalid(frame, find_violations(frame, violations_column))


@step_that_writes
def quarantine(*, into: Transform, violations_column: str = "_violations") -> Planner:
    """Write the rows that violate a rule elsewhere, and return the valid ones. Runs a Spark job.

    The rows are computed once for the quarantine and once more for what follows. Where that is expensive, or where
    computing twice may give different rows, as with ``rand()``, write the flagged rows first (``write_partitioned``)
    and quarantine from the table that it returns.

    Args:
        into: The step that writes the invalid rows, with the violations column: such as ``write_partitioned(...)``,
            ``pipeline(audit.count("quarantined"), write_partitioned(...))``, or any function of a DataFrame. Its
            result is not used.
        violations_column: The column that ``flag_violations`` added.

    Returns:
        A Transform whose result has the valid rows, without the violations column.

    Raises:
        InvalidArgumentError: ``into`` is a step that writes nothing.
        ColumnNotFoundError: The column does not exist.
        ColumnTypeError: It is not an array of strings.
        UnsupportedError: The DataFrame is a stream, or the session is on Sail.
        ShopSmartError: What ``into`` raises. Nothing is written if its columns are wrong.

    Example:
        >>> path = new_path()
        >>> logs = spark.createDataFrame(
        ...     [(1, "IE", ["x"]), (None, "GB", [])], "paid int, country string, tags array<string>")
        >>> checked = logs.transform(flag_violations(rules.not_null("paid")))
        >>> checked.transform(quarantine(into=write_partitioned(path, by="country"))).show()
        +----+-------+----+
        |paid|country|tags|
        +----+-------+----+
        |   1|     IE| [x]|
        +----+-------+----+
        <BLANKLINE>
        >>> spark.read.parquet(path).show(truncate=False)
        +----+----+------------------+-------+
        |paid|tags|_violations       |country|
        +----+----+------------------+-------+
        |NULL|[]  |[paid is not null]|GB     |
        +----+----+------------------+-------+
        <BLANKLINE>
    """
    check_step("into", into)
    check_column("violations_column", violations_column)
    parts: list[Transform] = into.parts if isinstance(into, Step) else [into]
    if all(isinstance(part, Step) and not part.writes for part in parts):
        raise InvalidArgumentError("into", expected="a step that writes, such as write_partitioned(...)", got=into)

    def plan(frame: Frame) -> Plan:
        if frame.is_streaming:
            raise UnsupportedError(
                "quarantine writes one batch; on a stream, write keep_invalid() and keep_valid() as two queries"
            )
        index = find_violations(frame, violations_column)
        valid, invalid = _plan_valid(frame, index), _plan_invalid(frame, index)
        if isinstance(into, Step) and all(isinstance(part, Step) for part in parts):
            # Columns that a later part of it refuses, before an earlier one writes.
            into.plan(frame.with_schema(invalid.schema))

        def apply(df: DataFrame) -> DataFrame:
            refuse_writing_on_sail(df.sparkSession, "quarantine")
            into(invalid.apply(df))
            return valid.apply(df)

        return Plan(valid.schema, apply, valid.sources)

    return plan


def check_rules(argument: str, rules: Sequence[object]) -> None:
    """Check that values are rules, at least one, each with another name.

    Raises:
        InvalidArgumentError: They are not.
    """
    for rule in rules:
        if not isinstance(rule, Rule):
            raise InvalidArgumentError(
                argument, expected="rules, such as rules.not_null('user') or Rule('paid', 'paid > 0')", got=rule
            )
    names = [rule.name for rule in rules if isinstance(rule, Rule)]
    if not names or len(set(names)) < len(names):
        raise InvalidArgumentError(argument, expected="at least one rule, each with another name", got=names)


def find_violations(frame: Frame, column: str) -> int:
    """Find the position of the column that ``flag_violations`` added.

    Raises:
        ColumnNotFoundError: The column does not exist.
        ColumnTypeError: It is not an array of strings.
    """
    expected = "the array that flag_violations adds"
    index = frame.require(column, ArrayType, expected=expected)
    field = frame.schema.fields[index]
    assert isinstance(field.dataType, ArrayType)  # noqa: S101 - narrows the type; require checked it
    if not isinstance(field.dataType.elementType, StringType):
        raise ColumnTypeError(field.name, expected=expected, got=type_text(field.dataType))
    return index


def _plan_valid(frame: Frame, index: int) -> Plan:
    others = [frame.column(other) for other in range(len(frame.names)) if other != index]
    return frame.select(others, after=lambda df: df.where(_is_valid(str(index))))


def _plan_invalid(frame: Frame, index: int) -> Plan:
    names = frame.names
    name = names[index]

    def keep(column: str) -> Callable[[DataFrame], DataFrame]:
        return lambda df: df.where(f"NOT {_is_valid(column)}")

    if [other.lower() for other in names].count(name.lower()) > 1 or VARIABLE in name:
        return frame.by_position(keep(str(index)))
    # By name, so that Columns of the DataFrame, and those of its files' metadata, can still be used after it.
    return frame.unchanged(keep(name))


def _is_valid(column: str) -> str:
    """Write the SQL that is true for valid rows and never null: a null array was never checked."""
    return f"coalesce(size({quote(column)}) = 0, false)"
