"""The rule, a named condition that every row must satisfy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pyspark.sql import Column
from typing_extensions import override

from shopsmart_etl._core.checks import check_columns, check_text, is_column
from shopsmart_etl.errors import InvalidArgumentError
from shopsmart_etl.quality._conditions import ReadyCondition, comparable


@dataclass(frozen=True, eq=False, repr=False)
class Rule:
    """A named condition that every row must satisfy.

    A null condition counts as violated: a rule about a missing value has to allow the null itself
    (``"price IS NULL OR price >= 0"``).

    A rule is a value: rules with equal parts are equal and hash alike, and a rule pickles unless its condition is a
    Column or a function that does not pickle. Columns are compared by identity.

    Attributes:
        name: The name of the rule, which the violations column and the audit list.
        condition: SQL text, a boolean Column, or a function without parameters that returns the Column. A function is
            called each time that the rule is applied to a DataFrame. Ready-made rules have conditions of their own.
        columns: Columns that must exist, by their literal names; ready-made rules also have paths. Spark resolves the
            other names in the condition.

    Example:
        >>> logs = spark.createDataFrame(
        ...     [("a", 5, ["x"]), ("b", None, [])], "user string, paid int, tags array<string>")
        >>> logs.transform(flag_violations(Rule("paid is positive", "paid > 0"))).show()
        +----+----+----+------------------+
        |user|paid|tags|       _violations|
        +----+----+----+------------------+
        |   a|   5| [x]|                []|
        |   b|NULL|  []|[paid is positive]|
        +----+----+----+------------------+
        <BLANKLINE>
    """

    name: str
    condition: str | Column | Callable[[], Column] | ReadyCondition
    columns: str | Sequence[str] = ()

    def __post_init__(self) -> None:
        """Check the parts."""
        check_text("name", self.name, expected="the name of the rule")
        condition: object = self.condition
        has_text = isinstance(condition, str) and bool(condition.strip())
        is_made = is_column(condition) or isinstance(condition, ReadyCondition) or callable(condition)
        if not has_text and (isinstance(condition, str) or not is_made):
            raise InvalidArgumentError(
                "condition", expected="SQL text, a Column, or a function that returns a Column", got=condition
            )
        object.__setattr__(self, "columns", tuple(check_columns("columns", self.columns)))

    def _key(self) -> tuple[object, ...]:
        return self.name, comparable(self.condition), self.columns

    @override
    def __eq__(self, other: object) -> bool:
        return self._key() == other._key() if isinstance(other, Rule) else NotImplemented

    @override
    def __hash__(self) -> int:
        return hash(self._key())

    @override
    def __repr__(self) -> str:
        return f"Rule({self.name!r}, {self.condition!r})" if isinstance(self.condition, str) else f"Rule({self.name!r})"
