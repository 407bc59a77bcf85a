"""The Column that lists the rules a row violates, and errors that name the rule which Spark cannot analyze."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from pyspark.errors import AnalysisException
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from shopsmart_etl._core.checks import is_column
from shopsmart_etl._core.column_tags import find_presence, presence_sql
from shopsmart_etl._core.frame import Frame
from shopsmart_etl._core.nested_fields import find_field
from shopsmart_etl._core.spark_errors import error_summary, has_condition
from shopsmart_etl._core.sql import VARIABLE, all_of, call, if_, literal, positions, quote
from shopsmart_etl.errors import InvalidArgumentError
from shopsmart_etl.quality._conditions import ColumnSql, IsMatch, ReadyCondition
from shopsmart_etl.quality._row_conditions import IsReference
from shopsmart_etl.quality._rule import Rule

# The error of Spark 4 for a subquery in a lambda function.
_SUBQUERY_IN_LAMBDA = "UNSUPPORTED_SUBQUERY_EXPRESSION_CATEGORY.HIGHER_ORDER_FUNCTION"


def flag(df: DataFrame, frame: Frame, rules: Sequence[Rule], violations_column: str, *, analyze: bool) -> DataFrame:
    """Add the violations column.

    Args:
        df: The rows.
        frame: Their columns.
        rules: The rules.
        violations_column: Name of the new column.
        analyze: Whether to ask for the schema of the result, without which Spark Connect raises no error here.

    Raises:
        InvalidArgumentError: Spark cannot analyze the condition of a rule.
    """
    try:
        return _flagged(df, frame, rules, violations_column, analyze=analyze, catch=not frame.is_sail)
    except AnalysisException:
        _refuse_rule(df, frame, rules)
        raise


def _flagged(
    df: DataFrame, frame: Frame, rules: Sequence[Rule], violations_column: str, *, analyze: bool, catch: bool = False
) -> DataFrame:
    has_references = any(isinstance(rule.condition, IsReference) for rule in rules)
    add = _flag_by_name if _is_found_by_name(frame) and not has_references else _flag_by_position
    try:
        flagged = add(df, frame, rules, violations_column, catch=catch)
        if analyze:
            _ = flagged.schema
    except AnalysisException as error:
        if not catch or not has_condition(error, _SUBQUERY_IN_LAMBDA):
            raise
        return _flagged(df, frame, rules, violations_column, analyze=analyze)
    return flagged


def _is_found_by_name(frame: Frame) -> bool:
    """Return whether Spark finds each column by its name, in all sessions."""
    names = frame.names
    return len({name.lower() for name in names}) == len(names) and not any(VARIABLE in name for name in names)


def _flag_by_name(
    df: DataFrame, frame: Frame, rules: Sequence[Rule], violations_column: str, *, catch: bool
) -> DataFrame:
    satisfied = [
        F.expr(_ready_test(rule.columns, rule.condition, frame, lambda index: quote(frame.names[index])))
        if isinstance(rule.condition, ReadyCondition)
        else _own_test(rule, catch=catch)
        for rule in rules
    ]
    return df.select("*", _violations(rules, satisfied).alias(violations_column))


def _flag_by_position(
    df: DataFrame, frame: Frame, rules: Sequence[Rule], violations_column: str, *, catch: bool
) -> DataFrame:
    """Rename the columns to positions for ready-made rules, and compute the caller's conditions before, by name."""
    kept = positions(len(frame.names))
    own = {index: rule for index, rule in enumerate(rules) if not isinstance(rule.condition, ReadyCondition)}
    own_satisfied = (_own_test(rule, catch=catch).alias(_name(index)) for index, rule in own.items())
    rows = df.select("*", *own_satisfied).toDF(*kept, *map(_name, own))
    computed = [_name(index) for index in own]
    satisfied = []
    for index, rule in enumerate(rules):
        name, condition = quote(_name(index)), rule.condition
        sql = _ready_test(rule.columns, condition, frame, _position) if isinstance(condition, ReadyCondition) else name
        if isinstance(condition, IsReference):
            # A join for each table.
            joined = condition.joined(rows, frame, _position)
            rows = joined.selectExpr(*map(quote, [*kept, *computed]), f"{sql} AS {name}")
            computed.append(_name(index))
            sql = name
        satisfied.append(F.expr(sql))
    flagged = rows.select(*map(quote, kept), _violations(rules, satisfied).alias(violations_column))
    return flagged.toDF(*frame.names, violations_column)


def _position(index: int) -> str:
    return f"`{index}`"


def _name(index: int) -> str:
    """Name the column that tells whether the rule at an index is satisfied."""
    return f"rule {index}"


def check_patterns(spark: SparkSession, rules: Sequence[Rule]) -> None:
    """Check the regular expressions of rules, which an executor would refuse at the first row. Runs no job.

    Raises:
        InvalidArgumentError: Java does not compile the pattern of a rule.
    """
    patterns = {rule.name: rule.condition.pattern for rule in rules if isinstance(rule.condition, IsMatch)}
    if not patterns or _compile(spark, patterns.values()):
        return
    for name, pattern in patterns.items():
        if not _compile(spark, [pattern]):
            raise InvalidArgumentError(
                f"pattern of rule {name!r}",
                expected="a regular expression of Java, whose syntax differs from Python's",
                got=pattern,
            )


def _compile(spark: SparkSession, patterns: Iterable[str]) -> bool:
    """Return whether Java compiles all patterns: Spark computes the values of an inline table when it analyzes it.

    Each pattern is compiled as it was written, so that one such as ``a)|(b`` does not close the group of the rule.
    """
    values = (f"'' RLIKE {literal(pattern)}" for pattern in patterns)
    try:
        _ = spark.sql(f"VALUES {call('', *values)}").schema
    except AnalysisException as error:
        if has_condition(error, "INVALID_INLINE_TABLE"):
            return False
        raise
    return True


def _violations(rules: Sequence[Rule], satisfied: Sequence[Column]) -> Column:
    # Valid rows, which are most, skip the array of all rules. Neither array_filter nor array_compact, which uses it, is
    # compiled by Spark.
    violated = F.array(*(F.when(~one, F.lit(rule.name)) for one, rule in zip(satisfied, rules, strict=True)))
    none = F.array().cast("array<string>")
    some = F.array_except(violated, F.array(F.lit(None).cast("string")))
    return F.when(_all_of(satisfied), none).otherwise(some)


def _all_of(conditions: Sequence[Column]) -> Column:
    """Join conditions in halves: Spark Connect refuses the deep expression of dozens that are joined one by one."""
    if len(conditions) == 1:
        return conditions[0]
    middle = len(conditions) // 2
    return _all_of(conditions[:middle]) & _all_of(conditions[middle:])


def ready_sql(columns: Sequence[str], condition: ReadyCondition, frame: Frame, column_sql: ColumnSql) -> str:
    """Write a ready-made condition, which is satisfied on rows without an element of an exploded column.

    Raises:
        SchemaError: A column or field does not exist, or has another type than the condition needs.
        UnsupportedError: The presence column of an exploded column is gone or ambiguous.
    """
    sql = condition.sql(frame, column_sql)
    found = {find_presence(frame, frame.schema.fields[find_field(frame, column).column]) for column in columns}
    elements = [presence_sql(frame, index, column_sql(index)) for index in found if index is not None]
    return f"NOT {all_of(elements)} OR ({sql})" if elements else sql


def _ready_test(columns: Sequence[str], condition: ReadyCondition, frame: Frame, column_sql: ColumnSql) -> str:
    """Write whether a ready-made rule is satisfied, never null.

    One text and one call to the engine, where Columns take one for each of their parts.
    """
    return if_(ready_sql(columns, condition, frame, column_sql), "true", "false")


def _own_test(rule: Rule, *, catch: bool) -> Column:
    """Make the Column that is true where a condition of the caller is satisfied, and never null.

    CASE takes nothing but a boolean, where coalesce would cast text to one in ANSI mode, and fail at a row.

    Args:
        rule: The rule.
        catch: Whether the condition is not satisfied where it fails, instead of failing the job.
    """
    made: Any = rule.condition() if callable(rule.condition) else rule.condition
    if isinstance(made, str):
        made = F.expr(made)
    elif not is_column(made):
        raise InvalidArgumentError(
            f"condition of rule {rule.name!r}", expected="a function that returns a Column", got=made
        )
    return _is_true_without_failure(made) if catch else F.when(made, F.lit(True)).otherwise(F.lit(False))  # noqa: FBT003 - Columns


def _is_true_without_failure(condition: Column) -> Column:
    """Make the Column that is true where a condition is true, and false where it is false, null or fails.

    Spark has no function that catches every error. In all versions, ``try_multiply`` of an interval catches those of
    its arguments. Spark computes parts that several expressions share beforehand, where they would fail outside of it,
    but no parts of a lambda function.
    """
    satisfied = F.expr("INTERVAL '1' SECOND")
    outcome = F.transform(
        F.array(F.lit(0)), lambda _: F.try_multiply(satisfied, F.when(condition, F.lit(1)).otherwise(F.lit(0)))
    )
    return outcome.getItem(0).eqNullSafe(satisfied)


def _refuse_rule(df: DataFrame, frame: Frame, rules: Sequence[Rule]) -> None:
    """Name the first rule that Spark cannot analyze."""
    for rule in rules:
        if error := _analysis_error(df, frame, rule):
            raise InvalidArgumentError(
                f"condition of rule {rule.name!r}",
                expected=f"a boolean condition that Spark can analyze ({error_summary(error)})",
                got=rule.condition,
            ) from error


def _analysis_error(df: DataFrame, frame: Frame, rule: Rule) -> AnalysisException | None:
    try:
        _flagged(df, frame, [rule], "violations", analyze=True)
    except AnalysisException as error:
        return error
    return None
