"""Column look-up and the plan of a flatten, without a Spark session."""

from __future__ import annotations

import pytest
from pyspark.sql.types import LongType, StructField, StructType

from shopsmart_etl._core.columns import check_clashes, find_column
from shopsmart_etl._core.flattening import plan_flattening
from shopsmart_etl._core.sql import quote
from shopsmart_etl.errors import ColumnClashError, ColumnNotFoundError


def schema_of(*names: str) -> StructType:
    return StructType([StructField(name, LongType()) for name in names])


def never() -> bool:
    raise AssertionError("an unnecessary request to the session")


def test_a_backtick_in_a_quoted_name_is_doubled() -> None:
    assert quote("a`b") == "`a``b`"


def test_an_exact_name_is_found_without_a_request_to_the_session() -> None:
    assert find_column(schema_of("ID", "id"), "id", ignores_case=never) == 1


@pytest.mark.parametrize(("ignores", "index"), [(True, 1), (False, None)])
def test_a_name_in_another_case_is_found_if_the_session_ignores_case(*, ignores: bool, index: int | None) -> None:
    schema = schema_of("order", "Country")
    if index is None:
        with pytest.raises(ColumnNotFoundError, match="did you mean 'Country'"):
            find_column(schema, "country", ignores_case=lambda: ignores)
    else:
        assert find_column(schema, "country", ignores_case=lambda: ignores) == index


def test_the_error_for_a_name_that_several_columns_have_tells_so() -> None:
    with pytest.raises(ColumnNotFoundError) as caught:
        find_column(schema_of("id", "price", "id", "price", "Price"), "price", ignores_case=never)
    expected = "expected one column 'price'; got 2. Rename or drop the others. Columns: id, price, id, price, Price"
    assert str(caught.value) == expected


def test_the_error_for_an_unknown_column_has_the_nearest_name_and_all_names() -> None:
    with pytest.raises(ColumnNotFoundError) as caught:
        find_column(schema_of("order_id", "country"), "contry", ignores_case=never)
    assert str(caught.value) == "no column 'contry'; did you mean 'country'? Columns: order_id, country"
    assert (caught.value.column, caught.value.nearest) == ("contry", "country")
    assert caught.value.available == ("order_id", "country")


def test_a_dot_in_a_name_is_part_of_the_name() -> None:
    assert find_column(schema_of("a", "a.b"), "a.b", ignores_case=never) == 1


def test_a_name_that_matches_two_columns_in_another_case_is_not_found() -> None:
    with pytest.raises(ColumnNotFoundError):
        find_column(schema_of("ID", "id"), "Id", ignores_case=lambda: True)


@pytest.mark.parametrize("names", [["a", "a"], ["a", "A", "a"], ["a", "A", "A"]])
def test_equal_names_clash_in_every_session(names: list[str]) -> None:
    with pytest.raises(ColumnClashError, match=r"nr \d and nr \d would both be named '[aA]'\. Rename it"):
        check_clashes(
            [(name, f"nr {number}") for number, name in enumerate(names)],
            ignores_case=lambda: False,
            hint="Rename it",
        )


def test_names_that_differ_only_in_case_clash_if_the_session_ignores_case() -> None:
    named = [("ID", "s.ID"), ("id", "s.id")]
    check_clashes(named, ignores_case=lambda: False, hint="")
    with pytest.raises(ColumnClashError) as caught:
        check_clashes(named, ignores_case=lambda: True, hint="")
    assert caught.value.paths == ("s.ID", "s.id")


def test_distinct_names_are_accepted_without_a_request_to_the_session() -> None:
    check_clashes([("a", "a"), ("b", "b")], ignores_case=never, hint="")


def test_the_plan_of_a_deep_schema_has_a_guard_at_least_every_8_levels() -> None:
    inner = StructType([StructField("v", LongType())])
    for _ in range(40):
        inner = StructType([StructField("n", inner)])
    levels = plan_flattening(inner, range(1)).levels
    unguarded = longest = 0
    for level in levels:
        unguarded = 0 if any("isnull" in expression for expression in level.sql) else unguarded + 1
        longest = max(longest, unguarded)
    assert longest <= 8
    assert len(levels) > 40
