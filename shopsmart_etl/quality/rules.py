"""What rows must keep: rules, and ready-made ones for what e-commerce checks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from functools import partial
from typing import Any

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, StringType
from typing_extensions import override

from shopsmart_etl._core.columns import find_column
from shopsmart_etl._core.session import ignores_case
from shopsmart_etl._core.sql import literal, quote, type_text
from shopsmart_etl.errors import ColumnTypeError, InvalidArgumentError


@dataclass(frozen=True)
class Rule:
    """What every row must keep: a name, and a condition that is true where it is kept.

    A condition that is null is not kept: a rule about a missing value is broken, unless it allows the null by itself
    (``"price IS NULL OR price >= 0"``).

    Attributes:
        name: What a violation is called.
        condition: SQL text, a boolean Column, or a function that makes the Column when the rule meets a DataFrame.
        columns: Columns that must be there, by their literal names; what the condition names besides, Spark checks.

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
    condition: str | Column | Callable[[], Column]
    columns: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a rule without a name, or with a condition that is none."""
        if not isinstance(self.name, str) or not self.name:
            raise InvalidArgumentError("name", wanted="what a violation is called", found=self.name)
        condition: Any = self.condition
        if (
            not (isinstance(condition, str) and condition)
            and not hasattr(condition, "cast")
            and not callable(condition)
        ):
            raise InvalidArgumentError("condition", wanted="SQL text, a Column, or a function of one", found=condition)

    def kept(self) -> Column:
        """Make the Column that is true where the rule is kept, and never null."""
        if isinstance(self.condition, str):
            # One call to the engine, where Columns take one for each of their parts. Its line may end in a comment.
            return F.expr(f"coalesce(({self.condition}\n), false)")
        condition = self.condition() if callable(self.condition) else self.condition
        return F.coalesce(condition, F.lit(False))  # noqa: FBT003 - a Column

    @override
    def __repr__(self) -> str:
        return f"Rule({self.name!r}, {self.condition!r})" if isinstance(self.condition, str) else f"Rule({self.name!r})"


def not_null(column: str) -> Rule:
    """Make the rule that a column is not null; NaN is a value.

    Example:
        >>> df = spark.createDataFrame([(1, ["x"]), (None, [])], "paid int, tags array<string>")
        >>> df.transform(flag_violations(not_null("paid"))).transform(keep_valid()).collect()
        [Row(paid=1, tags=['x'])]
    """
    return Rule(f"{column} is not null", f"{quote(column)} IS NOT NULL", (column,))


def in_range(column: str, *, least: object = None, most: object = None) -> Rule:
    """Make the rule that a column is within bounds, both of them allowed; null breaks it.

    Args:
        column: Its name, literally.
        least: The smallest value allowed; None for no such bound.
        most: The largest value allowed; None for no such bound.

    Returns:
        The rule.

    Raises:
        InvalidArgumentError: There is no bound.

    Example:
        >>> df = spark.createDataFrame([(1, ["x"]), (-1, []), (None, [])], "paid int, tags array<string>")
        >>> df.transform(flag_violations(in_range("paid", least=0))).transform(keep_valid()).collect()
        [Row(paid=1, tags=['x'])]
    """
    if least is None and most is None:
        raise InvalidArgumentError("least", wanted="at least one of least= and most=", found=None)
    least, most = _plain(least), _plain(most)
    bounds = {sign: value for sign, value in {">=": least, "<=": most}.items() if value is not None}
    name = f"{column} {' and '.join(f'{sign} {value}' for sign, value in bounds.items())}"
    if all(map(_can_be_written, bounds.values())):
        written = (f"{quote(column)} {sign} {_written(value)}" for sign, value in bounds.items())
        return Rule(name, " AND ".join(written), (column,))

    def condition() -> Column:
        value = F.col(quote(column))
        over = F.lit(True) if least is None else value >= F.lit(least)  # noqa: FBT003 - a Column
        return over if most is None else over & (value <= F.lit(most))

    return Rule(name, condition, (column,))


def one_of(column: str, *values: object) -> Rule:
    """Make the rule that a column is one of some values; null breaks it.

    Example:
        >>> df = spark.createDataFrame([("new", ["x"]), ("old", []), (None, [])], "state string, tags array<string>")
        >>> df.transform(flag_violations(one_of("state", "new", "paid"))).transform(keep_valid()).collect()
        [Row(state='new', tags=['x'])]
    """
    if not values:
        raise InvalidArgumentError("values", wanted="at least one value", found=values)
    plain = [_plain(value) for value in values]
    name = f"{column} is one of {', '.join(map(str, plain))}"
    if all(map(_can_be_written, plain)):
        return Rule(name, f"{quote(column)} IN ({', '.join(map(_written, plain))})", (column,))
    return Rule(name, lambda: F.col(quote(column)).isin(*plain), (column,))


def matches(column: str, pattern: str) -> Rule:
    """Make the rule that a string matches one of Java's regular expressions from beginning to end; null breaks it.

    Example:
        >>> df = spark.createDataFrame([("A1", ["x"]), ("A12", []), (None, [])], "sku string, tags array<string>")
        >>> df.transform(flag_violations(matches("sku", "[A-Z][0-9]"))).transform(keep_valid()).collect()
        [Row(sku='A1', tags=['x'])]
    """
    whole = literal(rf"\A(?:{pattern})\z")
    return Rule(f"{column} matches {pattern}", f"{quote(column)} RLIKE {whole}", (column,))


def unique(*columns: str) -> Rule:
    """Make the rule that no two rows agree in some columns: every one of those that do breaks it.

    A row that has a null in one of them agrees with none. The rule shuffles the rows by these columns.

    Args:
        *columns: Their names, literally; at least one.

    Returns:
        The rule.

    Example:
        >>> df = spark.createDataFrame([(1, ["x"]), (2, []), (2, []), (None, [])], "id int, tags array<string>")
        >>> df.transform(flag_violations(unique("id"), not_null("id"))).transform(keep_valid()).collect()
        [Row(id=1, tags=['x'])]
    """
    if not columns:
        raise InvalidArgumentError("columns", wanted="the columns of the key, at least one", found=columns)
    names = [quote(column) for column in columns]

    def condition() -> Column:
        known = F.lit(True)  # noqa: FBT003 - a Column
        for name in names:
            known = known & F.col(name).isNotNull()
        return ~known | (F.count(F.lit(1)).over(Window.partitionBy(*names)) == 1)

    return Rule(f"{', '.join(columns)} is unique", condition, columns)


def country_code(column: str) -> Rule:
    """Make the rule that a column is an assigned ISO 3166-1 alpha-2 code, in capitals; null breaks it.

    Example:
        >>> df = spark.createDataFrame([("IE", ["x"]), ("UK", []), (None, [])], "country string, tags array<string>")
        >>> df.transform(flag_violations(country_code("country"))).transform(keep_valid()).collect()
        [Row(country='IE', tags=['x'])]
    """
    codes = ", ".join(map(literal, _COUNTRIES.split()))
    return Rule(f"{column} is an ISO 3166 country code", f"{quote(column)} IN ({codes})", (column,))


def valid(violations: str) -> str:
    """Write the SQL that is true for rows that break no rule, and never null: a null array was never checked."""
    return f"coalesce(size({quote(violations)}) = 0, false)"


def find_violations(df: DataFrame, name: str) -> str:
    """Find the column that ``flag_violations`` added, and give its name."""
    schema = df.schema
    field = schema.fields[find_column(schema, name, ignores_case=partial(ignores_case, df))]
    if not isinstance(field.dataType, ArrayType) or not isinstance(field.dataType.elementType, StringType):
        raise ColumnTypeError(field.name, wanted="the array that flag_violations adds", found=type_text(field.dataType))
    return field.name


def _plain(value: object) -> object:
    """Take an enum for its value; Spark takes one for either that or its name, depending on the engine."""
    return value.value if isinstance(value, Enum) else value


def _can_be_written(value: object) -> bool:
    """Tell whether a value has the same meaning as SQL text; a time's depends on the session."""
    return type(value) in (int, str) or (type(value) is Decimal and value.is_finite())


def _written(value: object) -> str:
    if isinstance(value, str):
        return literal(value)
    return f"{value:f}BD" if isinstance(value, Decimal) else str(value)


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
