"""Flag the rows that violate rules, and keep either side."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pyspark.sql import DataFrame
from pyspark.sql.types import ArrayType, StringType, StructField, StructType

from shopsmart_etl._core.checks import check_column
from shopsmart_etl._core.frame import Frame, Plan
from shopsmart_etl._core.session import is_connect
from shopsmart_etl._core.sql import VARIABLE, path_text, quote, type_text
from shopsmart_etl._core.step import Planner, is_planning_ahead, step
from shopsmart_etl.errors import ColumnTypeError, InvalidArgumentError
from shopsmart_etl.quality._conditions import ReadyCondition
from shopsmart_etl.quality._flagging import check_patterns, flag, ready_sql
from shopsmart_etl.quality._rule import Rule


@step
def flag_violations(*rules: Rule, violations_column: str = "_violations") -> Planner:
    """List for each row the rules that it violates. Every row is kept.

    A ready-made rule about a column of an exploded array is satisfied on rows without an element. Conditions of your
    own see these rows: begin them with ``NOT items_present OR``.

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
        ColumnTypeError: A column has another type than the values that a ready-made rule compares it with, such as text
            and a number.
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
    has_user_conditions = any(not isinstance(rule.condition, ReadyCondition) for rule in rules)

    def plan(frame: Frame) -> Plan:
        for rule in rules:
            if isinstance(rule.condition, ReadyCondition):
                ready_sql(rule.columns, rule.condition, frame, str)  # checks the columns and their types
            else:
                for column in rule.columns:
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
            return flag(df, frame, rules, violations_column, analyze=is_lazy and may_ask)

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
    return lambda frame: plan_valid(frame, find_violations(frame, violations_column))


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
    return lambda frame: plan_invalid(frame, find_violations(frame, violations_column))


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


def plan_valid(frame: Frame, index: int) -> Plan:
    """Keep the rows that violate no rule, without the violations, which are at an index."""
    others = [frame.column(other) for other in range(len(frame.names)) if other != index]
    return frame.select(others, after=lambda df: df.where(_is_valid(str(index))))


def plan_invalid(frame: Frame, index: int) -> Plan:
    """Keep the rows that violate a rule, or were never checked."""
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
