"""The walks over a schema, with no Spark session."""

from __future__ import annotations

import pytest
from pyspark.sql.types import LongType, StructField, StructType

from shopsmart_etl._core.columns import find_column, refuse_clashes
from shopsmart_etl._core.flattening import plan_flattening
from shopsmart_etl._core.sql import quote
from shopsmart_etl.errors import ColumnClashError, ColumnNotFoundError


def schema_of(*names: str) -> StructType:
    return StructType([StructField(name, LongType()) for name in names])


def never() -> bool:
    raise AssertionError("the session was asked without need")


def test_a_backtick_is_doubled_in_quotes() -> None:
    assert quote("a`b") == "`a``b`"


def test_an_exact_name_is_found_without_asking_the_session() -> None:
    assert find_column(schema_of("ID", "id"), "id", ignores_case=never) == 1


@pytest.mark.parametrize(("ignores", "found"), [(True, 1), (False, None)])
def test_another_case_is_found_where_the_session_ignores_case(*, ignores: bool, found: int | None) -> None:
    schema = schema_of("order", "Country")
    if found is None:
        with pytest.raises(ColumnNotFoundError, match="did you mean 'Country'"):
            find_column(schema, "country", ignores_case=lambda: ignores)
    else:
        assert find_column(schema, "country", ignores_case=lambda: ignores) == found


def test_an_unknown_column_names_the_nearest_and_what_there_is() -> None:
    with pytest.raises(ColumnNotFoundError) as caught:
        find_column(schema_of("order_id", "country"), "contry", ignores_case=never)
    assert str(caught.value) == "no column 'contry'; did you mean 'country'? Columns: order_id, country"
    assert (caught.value.column, caught.value.nearest) == ("contry", "country")
    assert caught.value.available == ("order_id", "country")


def test_a_dot_in_a_name_is_part_of_the_name() -> None:
    assert find_column(schema_of("a", "a.b"), "a.b", ignores_case=never) == 1


def test_two_columns_of_another_case_than_the_name_are_no_guess() -> None:
    with pytest.raises(ColumnNotFoundError):
        find_column(schema_of("ID", "id"), "Id", ignores_case=lambda: True)


@pytest.mark.parametrize("names", [["a", "a"], ["a", "A", "a"], ["a", "A", "A"]])
def test_equal_names_clash_in_every_session(names: list[str]) -> None:
    with pytest.raises(ColumnClashError, match=r"nr \d and nr \d would both be named '[aA]'\. Rename it"):
        refuse_clashes(
            [(name, f"nr {number}") for number, name in enumerate(names)],
            ignores_case=lambda: False,
            way_out="Rename it",
        )


def test_names_that_differ_in_case_clash_where_the_session_ignores_case() -> None:
    named = [("ID", "s.ID"), ("id", "s.id")]
    refuse_clashes(named, ignores_case=lambda: False, way_out="")
    with pytest.raises(ColumnClashError) as caught:
        refuse_clashes(named, ignores_case=lambda: True, way_out="")
    assert caught.value.paths == ("s.ID", "s.id")


def test_distinct_names_are_accepted_without_asking_the_session() -> None:
    refuse_clashes([("a", "a"), ("b", "b")], ignores_case=never, way_out="")


def test_deep_schemas_are_guarded_against_sparks_doubling_time() -> None:
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
