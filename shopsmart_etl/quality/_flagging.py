"""The Column that lists the rules a row violates, and errors that name the rule which Spark cannot analyze."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import reduce
from operator import and_
from typing import Any

from pyspark.errors import AnalysisException
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from shopsmart_etl._core.checks import is_column
from shopsmart_etl._core.spark_errors import error_summary, has_condition
from shopsmart_etl._core.sql import call, literal
from shopsmart_etl.errors import InvalidArgumentError
from shopsmart_etl.quality._conditions import IsMatch, ReadyCondition
from shopsmart_etl.quality.rules import Rule


def flag(df: DataFrame, rules: Sequence[Rule], violations_column: str, *, analyze: bool) -> DataFrame:
    """Add the violations column.

    Args:
        df: The rows.
        rules: The rules.
        violations_column: Name of the new column.
        analyze: Whether to ask for the schema of the result, without which Spark Connect raises no error here.

    Raises:
        InvalidArgumentError: Spark cannot analyze the condition of a rule.
    """
    try:
        flagged = df.select("*", _violations(rules).alias(violations_column))
        if analyze:
            _ = flagged.schema
    except AnalysisException:
        _refuse_rule(df, rules)
        raise
    return flagged


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


def _violations(rules: Sequence[Rule]) -> Column:
    satisfied = [_is_satisfied(rule) for rule in rules]
    # Valid rows, which are most, skip the array of all rules. Neither array_filter nor array_compact, which uses it, is
    # compiled by Spark.
    violated = F.array(*(F.when(~one, F.lit(rule.name)) for one, rule in zip(satisfied, rules, strict=True)))
    none = F.array().cast("array<string>")
    some = F.array_except(violated, F.array(F.lit(None).cast("string")))
    return F.when(reduce(and_, satisfied), none).otherwise(some)


def _is_satisfied(rule: Rule) -> Column:
    """Make the Column that is true where a rule is satisfied, and never null.

    CASE takes nothing but a boolean, where coalesce would cast text to one in ANSI mode, and fail at a row.
    """
    condition = rule.condition
    sql = condition.sql if isinstance(condition, ReadyCondition) else condition
    if isinstance(sql, str):
        # One call to the engine, where Columns take one for each of their parts. Its line may end in a comment.
        return F.expr(f"CASE WHEN ({sql}\n) THEN true ELSE false END")
    made: Any = condition() if callable(condition) else condition
    if not is_column(made):
        raise InvalidArgumentError(
            f"condition of rule {rule.name!r}", expected="a function that returns a Column", got=made
        )
    return F.when(made, F.lit(True)).otherwise(F.lit(False))  # noqa: FBT003 - Columns


def _refuse_rule(df: DataFrame, rules: Sequence[Rule]) -> None:
    """Name the first rule that Spark cannot analyze."""
    for rule in rules:
        if error := _analysis_error(df, rule):
            raise InvalidArgumentError(
                f"condition of rule {rule.name!r}",
                expected=f"a boolean condition that Spark can analyze ({error_summary(error)})",
                got=rule.condition,
            ) from error


def _analysis_error(df: DataFrame, rule: Rule) -> AnalysisException | None:
    try:
        _ = df.select("*", _is_satisfied(rule).alias("satisfied")).schema
    except AnalysisException as error:
        return error
    return None
