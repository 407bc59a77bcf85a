"""Fields that rows have inside their columns, and a Parquet table does not; test_lake has the other formats."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from engines import VERSION, configured
from pyspark.sql.types import StructType, _parse_datatype_string

from shopsmart_etl import TargetMismatchError, write_partitioned, write_stream, write_table
from shopsmart_etl.io._new_fields import is_extended, new_fields

if TYPE_CHECKING:
    from pathlib import Path

    from pyspark.sql import DataFrame, SparkSession

needs_a_session = pytest.mark.usefixtures("spark")  # which parses types
reads_new_fields = pytest.mark.needs("new fields in older files")

OLD = (
    "s struct<a int>, l array<struct<a int>>, m map<string, struct<a int>>, d array<map<string, array<struct<a int>>>>"
)
NEW = OLD.replace("a int", "a int, b int, `c.d` struct<e: string>")


def rows_of(spark: SparkSession, columns: str, number: int) -> DataFrame:
    """Make a row of columns, in which every field `a` is the number, and the second element of `l` is null."""
    struct = {"a": number, "b": number * 10, "c.d": {"e": "text"}}
    row: dict[str, Any] = {"s": struct, "l": [struct, None], "m": {"k": struct}, "d": [{"k": [struct]}]}
    return spark.createDataFrame([{"id": number, **row}], f"id int, {columns}")


@reads_new_fields
@pytest.mark.parametrize("if_exists", ["append", "replace_partitions"])
def test_fields_are_added_at_every_depth_and_null_in_older_rows(
    spark: SparkSession, tmp_path: Path, if_exists: Any
) -> None:
    old, new = rows_of(spark, OLD, 1), rows_of(spark, NEW, 2)
    old.transform(write_partitioned(tmp_path / "t", by="id"))
    returned = new.transform(write_partitioned(tmp_path / "t", by="id", if_exists=if_exists, on_new_columns="add"))
    schema = new.select(returned.columns).schema
    for table in (returned, spark.read.schema(schema).parquet(str(tmp_path / "t"))):
        first, second = (row.asDict(recursive=True) for row in table.orderBy("id").collect())
        without = {"a": 1, "b": None, "c.d": None}
        assert first == {"id": 1, "s": without, "l": [without, None], "m": {"k": without}, "d": [{"k": [without]}]}
        assert second == new.first().asDict(recursive=True)  # type: ignore[union-attr]
    # Only the new field is read, of files that do not have it.
    assert table.where("s IS NOT NULL").select("s.b").count() == 2
    assert sorted(map(str, table.selectExpr("id", "explode(l) AS one").select("id", "one.b").collect())) == [
        "Row(id=1, b=None)",
        "Row(id=1, b=None)",
        "Row(id=2, b=20)",
        "Row(id=2, b=None)",
    ]
    assert table.selectExpr("explode(m) AS (key, value)").select("value.b").count() == 2
    assert table.where("s.b IS NULL").count() == 1
    # Whichever file is looked at, the table has the fields: rows without them are refused, rows with them are not.
    with pytest.raises(TargetMismatchError, match="column 's' is struct"):
        old.transform(write_partitioned(tmp_path / "t", by="id", if_exists="append", on_new_columns="add"))
    assert new.transform(write_partitioned(tmp_path / "t", by="id", if_exists="append")).count() == 3


@reads_new_fields
def test_a_stream_adds_fields(spark: SparkSession, tmp_path: Path) -> None:
    for columns, number in ((OLD, 1), (NEW, 2)):
        rows = rows_of(spark, columns, number)
        rows.write.parquet(str(tmp_path / f"source {number}"))
        stream = spark.readStream.schema(rows.schema).parquet(str(tmp_path / "source *"))
        table = stream.transform(write_stream(tmp_path / "t", checkpoint=tmp_path / "checkpoint", on_new_columns="add"))
    assert sorted(row["b"] or 0 for row in table.select("s.b").collect()) == [0, 20]


@reads_new_fields
def test_fields_that_a_setting_makes_spark_misread_are_refused(spark: SparkSession, tmp_path: Path) -> None:
    table = rows_of(spark, OLD, 1).transform(write_table(tmp_path / "t"))
    append = write_table(tmp_path / "t", if_exists="append", on_new_columns="add")
    name = "spark.sql.legacy.parquet.returnNullStructIfAllFieldsMissing"
    with configured(spark, {name: "true"}):
        with pytest.raises(
            TargetMismatchError, match=rf"'s\.b' \(int\) is not in the table, and Spark with {name}=true"
        ):
            rows_of(spark, NEW, 2).transform(append)
        assert rows_of(spark, OLD, 2).transform(append).count() == 2
    assert table.sparkSession.read.parquet(str(tmp_path / "t")).count() == 2


@pytest.mark.skipif(VERSION >= (4, 1), reason="Spark from 4.1 on reads new fields in older files")
def test_fields_that_this_spark_misreads_are_refused(spark: SparkSession, tmp_path: Path) -> None:
    table = rows_of(spark, OLD, 1).transform(write_table(tmp_path / "t"))
    with pytest.raises(TargetMismatchError, match=r"field 's\.b' \(int\) is not in the table, and Spark .* would read"):
        rows_of(spark, NEW, 2).transform(write_table(tmp_path / "t", if_exists="append", on_new_columns="add"))
    assert table.count() == 1


def test_fields_are_not_added_unless_the_call_says_so(spark: SparkSession, tmp_path: Path) -> None:
    rows_of(spark, OLD, 1).transform(write_table(tmp_path / "t"))
    with pytest.raises(TargetMismatchError) as caught:
        rows_of(spark, NEW, 2).transform(write_table(tmp_path / "t", if_exists="append"))
    paths = [f"{column}.{name}" for column in "slmd" for name in ("b' (int)", "`c.d`' (struct<e:string>)")]
    assert list(caught.value.differences) == [
        f"field '{path} is not in the table; on_new_columns='add' adds it" for path in paths
    ]


@needs_a_session
@pytest.mark.parametrize("around", ["{}", "array<{}>", "map<string, {}>", "struct<x: int, y: array<map<int, {}>>>"])
@pytest.mark.parametrize(
    ("struct", "fits"),
    [
        ("struct<a: int, b: int>", True),
        ("struct<a: int, b: int, c: int>", True),
        ("struct<a: int, b: int, c: struct<d: array<int>>, e: int>", True),
        ("struct<a: int>", False),
        ("struct<a: int, c: int>", False),
        ("struct<b: int, a: int>", False),
        ("struct<a: int, c: int, b: int>", False),
        ("struct<a: bigint, b: int, c: int>", False),
        ("struct<A: int, b: int>", False),
        ("struct<a: int, b: int, B: int>", False),
        ("struct<a: int, b: int, c: int, C: int>", False),
        ("array<struct<a: int, b: int, c: int>>", False),
        ("string", False),
    ],
)
def test_only_fields_at_the_end_of_a_struct_are_new(around: str, struct: str, fits: bool) -> None:
    table, rows = (_parse_datatype_string(around.format(one)) for one in ("struct<a: int, b: int>", struct))
    assert is_extended(table, rows) is fits


@needs_a_session
def test_fields_of_a_key_are_not_added() -> None:
    table, rows = (_parse_datatype_string(f"map<struct<{one}>, int>") for one in ("a: int", "a: int, b: int"))
    assert not is_extended(table, rows)


@needs_a_session
def test_a_field_is_named_as_alter_table_names_it() -> None:
    table, rows = (_parse_datatype_string(columns) for columns in (OLD, NEW + ", z int"))
    assert isinstance(table, StructType)
    assert isinstance(rows, StructType)
    new = new_fields(table, rows)
    assert [(*one.sql_path, one.is_in_array) for one in new if one.path[-1] == "b"] == [
        ("s", "b", False),
        ("l", "element", "b", True),
        ("m", "value", "b", False),
        ("d", "element", "value", "element", "b", True),
    ]
    assert len(new) == 8
