"""Ready-made data quality rules, each a ``Rule``: ``rules.not_null("user")``.

A rule takes a column's name, or the dotted path of a nested field, such as ``customer.address.country``; names with a
dot need backticks there. Through an array of structs, as in ``items.price``, each element must satisfy the rule. An
empty or null array satisfies it, and so does a null element, which has no fields. The fields of any other null struct
are null.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pyspark.sql import Column
from typing_extensions import override

from shopsmart_etl._core.checks import check_column, check_columns, check_flag, check_text, is_column
from shopsmart_etl._core.currencies import MINOR_UNITS
from shopsmart_etl.errors import InvalidArgumentError
from shopsmart_etl.quality._conditions import (
    IsInRange,
    IsMatch,
    IsNotNull,
    IsOneOf,
    IsUnique,
    ReadyCondition,
    comparable,
)
from shopsmart_etl.quality._scalars import check_scalar, have_one_type

__all__ = ["country_code", "currency_code", "in_range", "matches", "not_null", "one_of", "unique"]


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


def not_null(column: str) -> Rule:
    """Make the rule that a column is not null. NaN is not null.

    Args:
        column: The column's name, or the path of a nested field.

    Example:
        >>> df = spark.createDataFrame([(1, ["x"]), (None, [])], "paid int, tags array<string>")
        >>> df.transform(flag_violations(rules.not_null("paid"))).transform(keep_valid()).collect()
        [Row(paid=1, tags=['x'])]
    """
    check_column("column", column)
    return Rule(f"{column} is not null", IsNotNull(column, allow_null=False), (column,))


def in_range(column: str, *, min_value: object = None, max_value: object = None, allow_null: bool = False) -> Rule:
    """Make the rule that a column is within inclusive bounds. Null violates it unless allowed.

    Args:
        column: The column's name, or the path of a nested field.
        min_value: The smallest value allowed: a number, text, bytes, a date or a time. None for no lower bound.
        max_value: The largest value allowed, likewise.
        allow_null: Whether null satisfies the rule.

    Returns:
        The rule.

    Raises:
        InvalidArgumentError: There is no bound, a bound is no such value, the bounds are of two types, such as a number
            and text, or ``min_value`` is above ``max_value``.

    Example:
        >>> df = spark.createDataFrame([(1, ["x"]), (-1, []), (None, [])], "paid int, tags array<string>")
        >>> df.transform(flag_violations(rules.in_range("paid", min_value=0))).transform(keep_valid()).collect()
        [Row(paid=1, tags=['x'])]
    """
    check_column("column", column)
    if min_value is None and max_value is None:
        raise InvalidArgumentError("min_value", expected="at least one of min_value= and max_value=", got=None)
    expected = "a number, text, bytes, a date, a time or None"
    bounds = {
        argument: check_scalar(argument, value, expected=expected)
        for argument, value in {"min_value": min_value, "max_value": max_value}.items()
        if value is not None
    }
    lower, upper = bounds.get("min_value"), bounds.get("max_value")
    if len(bounds) == 2:  # noqa: PLR2004 - both
        if not have_one_type([lower, upper]):
            raise InvalidArgumentError("max_value", expected=f"the type of min_value, {min_value!r}", got=max_value)
        if lower > upper:  # type: ignore[operator]
            raise InvalidArgumentError("max_value", expected=f"at least min_value, {min_value!r}", got=max_value)
    signs = {"min_value": ">=", "max_value": "<="}
    bounded = f"{column} {' and '.join(f'{signs[argument]} {value}' for argument, value in bounds.items())}"
    return Rule(_named(bounded, allow_null), IsInRange(column, allow_null, lower, upper), (column,))


def one_of(column: str, *values: object, allow_null: bool = False) -> Rule:
    """Make the rule that a column is one of some values. Null violates it unless allowed.

    Args:
        column: The column's name, or the path of a nested field.
        *values: The values allowed, at least one, all of one type: numbers, text, bytes, booleans, dates or times.
        allow_null: Whether null satisfies the rule.

    Returns:
        The rule.

    Raises:
        InvalidArgumentError: There is no value, one is no such value, or they are of several types, such as numbers and
            text, which Spark would cast to each other.

    Example:
        >>> df = spark.createDataFrame([("new", ["x"]), ("old", []), (None, [])], "state string, tags array<string>")
        >>> df.transform(flag_violations(rules.one_of("state", "new", "paid"))).transform(keep_valid()).collect()
        [Row(state='new', tags=['x'])]
    """
    check_column("column", column)
    if not values:
        raise InvalidArgumentError("values", expected="at least one value", got=values)
    expected = "numbers, text, bytes, booleans, dates or times, one argument each"
    scalars = tuple(check_scalar("values", value, expected=expected, boolean=True) for value in values)
    if not have_one_type(scalars):
        raise InvalidArgumentError("values", expected="values of one type, such as numbers or text", got=values)
    name = f"{column} is one of {', '.join(map(str, scalars))}"
    return Rule(_named(name, allow_null), IsOneOf(column, allow_null, scalars), (column,))


def matches(column: str, pattern: str, *, allow_null: bool = False) -> Rule:
    """Make the rule that a string matches a Java regular expression from start to end. Null violates it unless allowed.

    Args:
        column: The column's name, or the path of a nested field.
        pattern: The regular expression, in Java's syntax, which differs from Python's. It is checked when the rule is
            applied to a DataFrame.
        allow_null: Whether null satisfies the rule.

    Returns:
        The rule.

    Raises:
        InvalidArgumentError: The pattern is no text, such as a ``re.Pattern``; or, when the rule is applied, Java does
            not compile it.

    Example:
        >>> df = spark.createDataFrame([("A1", ["x"]), ("A12", []), (None, [])], "sku string, tags array<string>")
        >>> df.transform(flag_violations(rules.matches("sku", "[A-Z][0-9]"))).transform(keep_valid()).collect()
        [Row(sku='A1', tags=['x'])]
    """
    check_column("column", column)
    check_text("pattern", pattern, expected="a regular expression of Java, as text", empty=True)
    return Rule(_named(f"{column} matches {pattern}", allow_null), IsMatch(column, allow_null, pattern), (column,))


def unique(*columns: str) -> Rule:
    """Make the rule that no two rows have the same values in some columns. All of the duplicates violate it.

    A row with a null in one of the columns is not a duplicate of any other. The rule shuffles the rows by the columns.

    Args:
        *columns: The names of columns, or the paths of fields of structs; at least one.

    Returns:
        The rule.

    Raises:
        InvalidArgumentError: There is no column.

    Example:
        >>> df = spark.createDataFrame([(1, ["x"]), (2, []), (2, []), (None, [])], "id int, tags array<string>")
        >>> checked = df.transform(flag_violations(rules.unique("id"), rules.not_null("id")))
        >>> checked.transform(keep_valid()).collect()
        [Row(id=1, tags=['x'])]
    """
    for column in columns:
        check_column("columns", column)
    if not columns:
        raise InvalidArgumentError("columns", expected="the columns of the key, at least one", got=columns)
    return Rule(f"{', '.join(columns)} is unique", IsUnique(columns), columns)


def country_code(column: str, *, allow_null: bool = False) -> Rule:
    """Make the rule that a column is an assigned ISO 3166-1 alpha-2 code in capitals. Null violates it unless allowed.

    Args:
        column: The column's name, or the path of a nested field.
        allow_null: Whether null satisfies the rule.

    Example:
        >>> df = spark.createDataFrame([("IE", ["x"]), ("UK", []), (None, [])], "country string, tags array<string>")
        >>> df.transform(flag_violations(rules.country_code("country"))).transform(keep_valid()).collect()
        [Row(country='IE', tags=['x'])]
    """
    check_column("column", column)
    codes = tuple(_COUNTRIES.split())
    return Rule(
        _named(f"{column} is an ISO 3166 country code", allow_null), IsOneOf(column, allow_null, codes), (column,)
    )


def currency_code(column: str, *, allow_null: bool = False) -> Rule:
    """Make the rule that a column is an ISO 4217 currency code in capitals. Null violates it unless allowed.

    Allowed are the codes in use that have a minor unit, and those withdrawn since 2020, such as HRK and BGN.

    Args:
        column: The column's name, or the path of a nested field.
        allow_null: Whether null satisfies the rule.

    Example:
        >>> df = spark.createDataFrame([("EUR", ["x"]), ("€", []), (None, [])], "currency string, tags array<string>")
        >>> df.transform(flag_violations(rules.currency_code("currency"))).transform(keep_valid()).collect()
        [Row(currency='EUR', tags=['x'])]
    """
    check_column("column", column)
    return Rule(
        _named(f"{column} is an ISO 4217 currency code", allow_null),
        IsOneOf(column, allow_null, tuple(MINOR_UNITS)),
        (column,),
    )


def _named(name: str, allow_null: bool) -> str:  # noqa: FBT001 - the parameter of the rules
    """Name a rule, and check the argument that says whether null satisfies it."""
    return f"{name} or null" if check_flag("allow_null", allow_null) else name


# ISO 3166-1 alpha-2, the 249 codes assigned.
_COUNTRIES = """
AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ CA CC CD
CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF
GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN
KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA
NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI
SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI
VN VU WF WS YE YT ZA ZM ZW
"""
