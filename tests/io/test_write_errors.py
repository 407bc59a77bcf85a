"""Spark's errors of a write, translated: one line each, and nothing half-written."""

from __future__ import annotations

import itertools
import warnings
from typing import TYPE_CHECKING

import pytest
from engines import configured
from pyspark.errors import PySparkException, StreamingQueryException
from pyspark.sql import functions as F

from shopsmart_etl import (
    PartitionError,
    RowRefusedError,
    SourceError,
    SourceNotFoundError,
    TargetExistsError,
    UnsupportedError,
    WriteConflictError,
    infer_schema,
    read_csv_logs,
    write_partitioned,
    write_stream,
    write_table,
)
from shopsmart_etl._core.spark_errors import error_condition, fail_column, translate_write_errors
from shopsmart_etl.io._layout import Layout

if TYPE_CHECKING:
    from pathlib import Path

    from pyspark.sql import DataFrame, SparkSession

    from shopsmart_etl import ShopSmartError, Transform
    from shopsmart_etl.typing import IfExists


def rows(spark: SparkSession) -> DataFrame:
    return spark.range(6).selectExpr("id", "concat('c', id % 2) AS country")


def refused(df: DataFrame) -> DataFrame:
    """Refuse a row as a step of the package does."""
    fail = fail_column("column 'id': expected less than 5; got ", F.col("id").cast("string"))
    return df.withColumn("id", F.when(F.col("id") < 5, F.col("id")).otherwise(fail))


def steps(path: Path) -> list[Transform]:
    return [
        write_table(path / "t", if_exists="append"),
        write_partitioned(path / "p", by="country", if_exists="append"),
    ]


def test_a_row_that_a_step_refuses_stops_the_write(spark: SparkSession, tmp_path: Path) -> None:
    for step, existing in itertools.product(steps(tmp_path), (False, True)):
        if existing:
            assert rows(spark).transform(step).count() == 6
        with pytest.raises(RowRefusedError) as caught:
            rows(spark).transform(refused).transform(step)
        assert caught.value.reason.startswith("column 'id': expected less than 5; got 5; nothing was written to")
        assert "\n" not in str(caught.value)
    assert spark.read.parquet(str(tmp_path / "t")).count() == 6
    assert spark.read.parquet(str(tmp_path / "p")).count() == 6


def test_a_row_that_a_step_refuses_stops_a_stream(spark: SparkSession, tmp_path: Path) -> None:
    rows(spark).write.parquet(str(tmp_path / "source"))
    stream = spark.readStream.schema("id BIGINT, country STRING").parquet(str(tmp_path / "source"))
    step = write_stream(tmp_path / "t", checkpoint=tmp_path / "checkpoint", by="country")
    with pytest.raises(RowRefusedError, match="column 'id': expected less than 5; got 5"):
        stream.transform(refused).transform(step)
    assert stream.transform(step).count() == 6


def test_a_stream_that_fails_at_something_else_says_so(spark: SparkSession, tmp_path: Path) -> None:
    rows(spark).write.parquet(str(tmp_path / "source"))
    stream = spark.readStream.schema("id BIGINT, country STRING").parquet(str(tmp_path / "source"))
    failing = stream.where("id < 5").transform(refused).withColumn("id", F.expr("id + raise_error('half-way')"))
    step = write_stream(tmp_path / "t", checkpoint=tmp_path / "checkpoint", by="country")
    with pytest.raises(StreamingQueryException, match="half-way"):
        failing.transform(step)


def test_a_stream_stops_at_a_value_that_folders_cannot_name(spark: SparkSession, tmp_path: Path) -> None:
    rows(spark).withColumn("country", F.lit("")).write.parquet(str(tmp_path / "source"))
    stream = spark.readStream.schema("id BIGINT, country STRING").parquet(str(tmp_path / "source"))
    with pytest.raises(
        PartitionError, match="partition column 'country': expected values that folders can tell from null"
    ):
        stream.transform(write_stream(tmp_path / "t", checkpoint=tmp_path / "checkpoint", by="country"))


@pytest.mark.parametrize("if_exists", ["error", "append"])
def test_a_table_that_another_writer_has_created_is_kept(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, if_exists: IfExists
) -> None:
    path, arrange = tmp_path / "t", Layout.arrange

    def create_before_the_write(layout: Layout, df: DataFrame) -> DataFrame:
        rows(spark).write.parquet(str(path))
        return arrange(layout, df)

    monkeypatch.setattr(Layout, "arrange", create_before_the_write)
    with pytest.raises(TargetExistsError, match="already exists and nothing was written"):
        rows(spark).transform(write_table(path, if_exists=if_exists))
    assert spark.read.parquet(str(path)).count() == 6


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("[DELTA_CONCURRENT_APPEND.WITH_HINT] files were added", WriteConflictError, "changed by another writer"),
        ("org.apache.iceberg.exceptions.CommitFailedException: x", WriteConflictError, "changed by another writer"),
        ("[DELTA_PROTOCOL_CHANGED.EMPTY_DIRECTORY_WRITE] x", WriteConflictError, "changed by another writer"),
        ("[DELTA_METADATA_CHANGED] x", WriteConflictError, "changed by another writer"),
        (
            "Cannot commit rewrite because of a ValidationException or CommitFailedException. This usually means",
            WriteConflictError,
            "changed by another writer",
        ),
        ("[DELTA_PATH_EXISTS] x", TargetExistsError, "already exists"),
        ("[TABLE_OR_VIEW_ALREADY_EXISTS] x", TargetExistsError, "already exists"),
        ("[DATA_SOURCE_NOT_FOUND] x", UnsupportedError, "this session has no such format"),
        (
            "[NOT_NULL_ASSERT_VIOLATION] NULL value appeared in non-nullable field: \nid\nIf the schema is inferred",
            RowRefusedError,
            "column 'id' of 't': expected a value; got null",
        ),
        (
            "[DELTA_NOT_NULL_CONSTRAINT_VIOLATED] NOT NULL constraint violated for column: id.\n",
            RowRefusedError,
            "column 'id' of 't': expected a value; got null",
        ),
    ],
)
def test_an_error_condition_in_the_text_of_a_cause_is_read(
    text: str, error: type[ShopSmartError], message: str
) -> None:
    with pytest.raises(error, match=message), translate_write_errors("t"):
        raise RuntimeError(text)


def test_other_errors_and_those_of_the_package_pass_as_they_are() -> None:
    for error in (RuntimeError("the condition [X] is not known"), SourceNotFoundError("a", "b")):
        with pytest.raises(type(error)) as caught, translate_write_errors("t"):
            raise error
        assert caught.value is error


@pytest.mark.needs("names of unreadable files")
def test_a_file_that_cannot_be_read_is_one_line(spark: SparkSession, tmp_path: Path) -> None:
    (tmp_path / "logs.csv.gz").write_bytes(b"no gzip")
    for read in (
        lambda: read_csv_logs(spark, tmp_path, schema="id INT"),
        lambda: infer_schema(spark, tmp_path, format="csv"),
    ):
        with pytest.raises(SourceError, match=r"a file cannot be read: .*FAILED_READ_FILE.*logs\.csv\.gz") as caught:
            read()
        assert len(str(caught.value).splitlines()) == 1


@pytest.mark.needs("names of unreadable files")
def test_a_table_with_a_file_that_cannot_be_read_is_one_line(spark: SparkSession, tmp_path: Path) -> None:
    (tmp_path / "t" / "country=GB").mkdir(parents=True)
    (tmp_path / "t" / "country=GB" / "a.parquet").write_bytes(b"no parquet")
    with pytest.raises(SourceError, match="a file cannot be read"):
        rows(spark).transform(write_partitioned(tmp_path / "t", by="country", if_exists="append"))


def test_text_of_the_data_is_not_taken_for_a_condition(spark: SparkSession, tmp_path: Path) -> None:
    for text in ("[PATH_ALREADY_EXISTS] x", "shopsmart_etl refuses a row: x", "[DELTA_CONCURRENT_WRITE] x"):
        texts = spark.createDataFrame([(text,)], "value string")
        with (
            configured(spark, {"spark.sql.ansi.enabled": "true"}),
            pytest.raises(Exception, match="CAST_INVALID"),
        ):
            texts.selectExpr("CAST(value AS INT) AS value", "1 AS id").transform(write_table(tmp_path / "t"))


def test_an_error_without_a_condition_causes_no_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert error_condition(PySparkException("anything")) == ""
        assert error_condition(ValueError("anything")) == ""
