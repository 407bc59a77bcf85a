"""Ready-made data quality rules, each a ``Rule``: ``rules.not_null("user")``.

A rule takes a column's name, or the dotted path of a nested field, such as ``customer.address.country``; names with a
dot need backticks there. Through an array of structs, as in ``items.price``, each element must satisfy the rule. An
empty or null array satisfies it, and so does a null element, which has no fields. The fields of any other null struct
are null.
"""

from __future__ import annotations

from pyspark.sql import DataFrame

from shopsmart_etl._core.checks import check_column, check_flag, check_text, is_dataframe
from shopsmart_etl._core.countries import COUNTRY_CODES
from shopsmart_etl._core.currencies import MINOR_UNITS
from shopsmart_etl.errors import InvalidArgumentError
from shopsmart_etl.quality._conditions import IsInRange, IsMatch, IsNotBlank, IsNotNull, IsOneOf
from shopsmart_etl.quality._row_conditions import IsInOrder, IsReference, IsUnique
from shopsmart_etl.quality._rule import Rule
from shopsmart_etl.quality._scalars import check_bounds, check_scalar, find_bound, have_one_type

__all__ = [
    "country_code",
    "currency_code",
    "in_order",
    "in_range",
    "matches",
    "not_blank",
    "not_null",
    "one_of",
    "references",
    "unique",
]


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


def not_blank(column: str, *, allow_null: bool = False) -> Rule:
    """Make the rule that a string has a visible character. Null violates it unless allowed.

    All white space of Unicode, control characters and invisible ones, such as the zero-width space, are blank.

    Args:
        column: The column's name, or the path of a nested field.
        allow_null: Whether null satisfies the rule.

    Example:
        >>> df = spark.createDataFrame([("ada", ["x"]), (" ", []), (None, [])], "user string, tags array<string>")
        >>> df.transform(flag_violations(rules.not_blank("user"))).transform(keep_valid()).collect()
        [Row(user='ada', tags=['x'])]
    """
    check_column("column", column)
    return Rule(_named(f"{column} is not blank", allow_null), IsNotBlank(column, allow_null), (column,))


def in_range(
    column: str,
    *,
    min_value: object = None,
    max_value: object = None,
    above: object = None,
    below: object = None,
    allow_null: bool = False,
) -> Rule:
    """Make the rule that a column is within bounds. NaN violates it, and so does null unless allowed.

    Args:
        column: The column's name, or the path of a nested field.
        min_value: The smallest value allowed: a number, text, bytes, a date or a time. None for no lower bound.
        max_value: The largest value allowed, likewise.
        above: A value that all values must be larger than, in place of ``min_value``.
        below: A value that all values must be smaller than, in place of ``max_value``.
        allow_null: Whether null satisfies the rule.

    Returns:
        The rule.

    Raises:
        InvalidArgumentError: There is no bound, there are two lower or two upper ones, a bound is no such value, the
            bounds are of two types, such as a number and text, or no value is within them.

    Example:
        >>> df = spark.createDataFrame([(1, ["x"]), (0, []), (None, [])], "paid int, tags array<string>")
        >>> df.transform(flag_violations(rules.in_range("paid", above=0))).transform(keep_valid()).collect()
        [Row(paid=1, tags=['x'])]
    """
    check_column("column", column)
    lower = find_bound(("min_value", ">=", min_value), ("above", ">", above))
    upper = find_bound(("max_value", "<=", max_value), ("below", "<", below))
    bounds = [bound for bound in (lower, upper) if bound is not None]
    if not bounds:
        raise InvalidArgumentError("min_value", expected="at least one bound, such as min_value= or below=", got=None)
    if lower and upper:
        check_bounds(lower, upper)
    comparisons = tuple((sign, value) for _, sign, value in bounds)
    bounded = f"{column} {' and '.join(f'{sign} {value}' for sign, value in comparisons)}"
    return Rule(_named(bounded, allow_null), IsInRange(column, allow_null, comparisons), (column,))


def in_order(lower_column: str, upper_column: str, *, allow_equal: bool = True, allow_null: bool = False) -> Rule:
    """Make the rule that the values of two columns are in order. NaN violates it, and so does null unless allowed.

    Args:
        lower_column: The name of the column with the smaller value, or the path of a nested field.
        upper_column: The column with the larger value, likewise: of the same type, or both integers or decimals. Two
            fields inside an array must be inside the same one; then each element must be in order.
        allow_equal: Whether equal values satisfy the rule.
        allow_null: Whether a null in one of the two satisfies the rule.

    Returns:
        The rule.

    Example:
        >>> df = spark.createDataFrame([(1, 2, ["x"]), (3, 2, [])], "net int, gross int, tags array<string>")
        >>> df.transform(flag_violations(rules.in_order("net", "gross"))).transform(keep_valid()).collect()
        [Row(net=1, gross=2, tags=['x'])]
    """
    columns = check_column("lower_column", lower_column), check_column("upper_column", upper_column)
    sign = "<=" if check_flag("allow_equal", allow_equal) else "<"
    return Rule(
        _named(f"{lower_column} {sign} {upper_column}", allow_null), IsInOrder(columns, allow_null, sign), columns
    )


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


def unique(*columns: str, nulls_equal: bool = False) -> Rule:
    """Make the rule that no two rows have the same values in some columns. All of the duplicates violate it.

    The rule shuffles the rows by the columns.

    Args:
        *columns: The names of columns, or the paths of fields of structs; at least one.
        nulls_equal: Whether nulls are equal to each other. Otherwise, a row with a null in one of the columns is not a
            duplicate of any other.

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
    name = f"{', '.join(columns)} is unique" + (", nulls too" if check_flag("nulls_equal", nulls_equal) else "")
    return Rule(name, IsUnique(columns, nulls_equal), columns)


def references(
    column: str, table: DataFrame, key: str, *, table_name: str = "the table", allow_null: bool = False
) -> Rule:
    """Make the rule that a table has a row for each value of a column. Null violates it unless allowed.

    Spark joins the rows with the distinct keys of the table, which never drops or multiplies rows; ``broadcast(table)``
    asks for a broadcast join. The rule does not pickle, as no DataFrame does.

    Args:
        column: The column's name, or the path of a field of structs.
        table: The table. It may not be a stream.
        key: The column of the table, or the path of a field of structs: of the same type, or both integers. It may have
            duplicates and nulls.
        table_name: What the rule's name calls the table, so that a column can reference several: ``"users"``.
        allow_null: Whether null satisfies the rule.

    Returns:
        The rule.

    Raises:
        InvalidArgumentError: The table is no DataFrame, or is a stream.

    Example:
        >>> orders = spark.createDataFrame([("ada", ["x"]), ("eve", []), (None, [])], "user string, tags array<string>")
        >>> users = spark.createDataFrame([("ada",), ("bob",)], "name string")
        >>> orders.transform(flag_violations(rules.references("user", users, "name"))).transform(keep_valid()).collect()
        [Row(user='ada', tags=['x'])]
    """
    check_column("column", column)
    check_column("key", key)
    if not is_dataframe(table) or table.isStreaming:
        raise InvalidArgumentError("table", expected="a DataFrame that is not a stream", got=table)
    check_text("table_name", table_name, expected="the name of the table")
    name = _named(f"{column} is in {key} of {table_name}", allow_null)
    return Rule(name, IsReference(column, allow_null, table, key), (column,))


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
    name = _named(f"{column} is an ISO 3166 country code", allow_null)
    return Rule(name, IsOneOf(column, allow_null, COUNTRY_CODES), (column,))


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
    name = _named(f"{column} is an ISO 4217 currency code", allow_null)
    return Rule(name, IsOneOf(column, allow_null, tuple(MINOR_UNITS)), (column,))


def _named(name: str, allow_null: bool) -> str:  # noqa: FBT001 - the parameter of the rules
    """Name a rule, and check the argument that says whether null satisfies it."""
    return f"{name} or null" if check_flag("allow_null", allow_null) else name
