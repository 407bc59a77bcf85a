"""Delta Lake and Iceberg, the real ones: the same call, each write in one commit.

They need their jars and a Spark that they are made for: ``make test-lake`` brings both.
"""

from __future__ import annotations

import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from chispa import assert_df_equality
from lake_session import JARS, lake_session
from pyspark.sql import functions as F

from shopsmart_etl import (
    Audit,
    ColumnTypeError,
    FileOptions,
    RowRefusedError,
    SourceNotFoundError,
    TargetExistsError,
    TargetMismatchError,
    UnsupportedError,
    WriteConflictError,
    compact_table,
    pipeline,
    write_partitioned,
    write_stream,
    write_table,
)
from shopsmart_etl._core.spark_errors import fail_column
from shopsmart_etl.io._commits import job_ids

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pyspark.sql import DataFrame, SparkSession

    from shopsmart_etl import Transform
    from shopsmart_etl.typing import IfExists

pytestmark = [
    pytest.mark.lake,
    pytest.mark.skipif(not JARS, reason="the jars of Delta Lake and Iceberg are not here: make test-lake"),
]
PLACES = ["delta folder", "delta table", "iceberg table"]


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    session = lake_session(tmp_path_factory.mktemp("lake"))
    yield session
    session.stop()


@pytest.fixture(params=PLACES)
def write(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[..., Transform]:
    """Give a function that builds a step which writes to a table of the test's own."""
    table = f"t_{abs(hash(request.node.name))}"
    places: dict[str, dict[str, Any]] = {
        "delta folder": {"path": str(tmp_path / "t"), "format": "delta"},
        "delta table": {"table": f"default.{table}", "format": "delta"},
        "iceberg table": {"table": f"ice.shop.{table}", "format": "iceberg"},
    }

    def build(**arguments: Any) -> Transform:
        given = {"by": "country", **places[request.param], **arguments}
        if given["by"] is None:
            del given["by"]
            return write_table(**given)
        return write_stream(**given) if "checkpoint" in given else write_partitioned(**given)

    return build


@pytest.fixture
def logs(lake: SparkSession) -> DataFrame:
    rows = [(1, "007", [1]), (2, "01", []), (3, "1", None), (4, None, [None]), (5, "../x=%2F\n", [5])]
    return lake.createDataFrame(rows, "id int, country string, tags array<int>")


def ids(df: DataFrame) -> list[tuple[Any, ...]]:
    return sorted((row["country"] or "", row["id"]) for row in df.collect())


def test_the_table_comes_back_as_it_was_written(logs: DataFrame, write: Callable[..., Transform]) -> None:
    assert_df_equality(logs.transform(write()), logs, ignore_row_order=True)
    with pytest.raises(TargetExistsError):
        logs.transform(write())


def test_an_audit_has_the_metrics_of_each_write(
    lake: SparkSession, logs: DataFrame, write: Callable[..., Transform], tmp_path: Path
) -> None:
    source = str(tmp_path / "source")
    logs.write.parquet(source)

    def counted(*outcomes: str) -> Audit:
        one = Audit()
        for outcome in outcomes:
            lake.read.parquet(source).transform(pipeline(one.count("in"), write(if_exists=outcome)))
        return one

    # Spark returns no metrics of a write that creates or replaces a Delta table by name: the report computes them.
    assert [report.rows for report in counted("error", "replace_all").reports()] == [{"in": 5}] * 2
    one = counted("append", "replace_partitions")
    # An aggregation would not find the rows any more.
    shutil.rmtree(source)
    assert [report.rows for report in one.reports()] == [{"in": 5}] * 2


def test_append_adds_rows_and_columns_where_the_call_says_so(logs: DataFrame, write: Callable[..., Transform]) -> None:
    logs.transform(write())
    assert ids(logs.transform(write(if_exists="append"))) == sorted(ids(logs) * 2)
    wider = logs.withColumn("text", F.col("id").cast("string"))
    with pytest.raises(
        TargetMismatchError, match=r"column 'text' \(string\) is not in the table; on_new_columns='add'"
    ):
        wider.transform(write(if_exists="append"))
    table = wider.transform(write(if_exists="append", on_new_columns="add"))
    assert (table.count(), table.where("text IS NULL").count()) == (15, 10)


@pytest.mark.parametrize("void", ["NULL", "array()", "struct(1 AS a, NULL AS b)", "map('k', array(NULL))"])
def test_a_column_without_a_type_is_refused_before_the_commit(
    logs: DataFrame, write: Callable[..., Transform], void: str
) -> None:
    with pytest.raises(ColumnTypeError, match="Nothing was written"):
        logs.selectExpr("*", f"{void} AS v").transform(write())
    # Nothing exists: a default write is not refused.
    logs.transform(write())
    with pytest.raises(ColumnTypeError, match="Nothing was written"):
        logs.selectExpr("*", f"{void} AS v").transform(write(if_exists="append", on_new_columns="add"))
    assert ids(logs.limit(0).transform(write(if_exists="append"))) == ids(logs)


@pytest.mark.parametrize("inner_format", ["parquet", "delta"])
def test_a_folder_with_another_table_inside_is_refused(logs: DataFrame, tmp_path: Path, inner_format: str) -> None:
    logs.write.format(inner_format).save(f"{tmp_path}/lake/orders")
    for own_format in ("parquet", "delta"):
        with pytest.raises(UnsupportedError, match="lake/orders', which is no partition; nothing was written"):
            logs.transform(write_partitioned(tmp_path / "lake", by="country", format=own_format))
    assert [entry.name for entry in (tmp_path / "lake").iterdir()] == ["orders"]


def test_columns_are_added_by_a_replacement_and_by_a_stream(
    lake: SparkSession, logs: DataFrame, write: Callable[..., Transform], tmp_path: Path
) -> None:
    logs.transform(write())
    wider = logs.where("country = '01'").withColumn("text", F.lit("x"))
    table = wider.transform(write(if_exists="replace_partitions", on_new_columns="add"))
    assert (table.count(), table.where("text = 'x'").count()) == (5, 1)
    wider.withColumn("more", F.lit(1)).write.parquet(str(tmp_path / "source"))
    stream = lake.readStream.schema("id INT, country STRING, tags ARRAY<INT>, text STRING, more INT")
    append = write(checkpoint=tmp_path / "checkpoint", on_new_columns="add")
    table = stream.parquet(str(tmp_path / "source")).transform(append)
    assert (table.count(), table.where("more = 1").count()) == (6, 1)


OLD_FIELDS = "named_struct('a', id) AS `the-s`, map('k', named_struct('t', named_struct('a', id))) AS m"
NEW_FIELDS = (
    "named_struct('a', id, 'x.b', id + 10, 'c', array(named_struct('d', id))) AS `the-s`, "
    "map('k', named_struct('t', named_struct('a', id, 'b', id + 10))) AS m"
)
OLD_ARRAYS = "array(named_struct('a', id), named_struct('a', id)) AS l, map('k', array(named_struct('a', id))) AS ml"
NEW_ARRAYS = (
    "array(named_struct('a', id, 'b', id + 10), named_struct('a', id, 'b', id + 10)) AS l, "
    "map('k', array(named_struct('a', id, 'b', id + 10))) AS ml"
)


def test_fields_are_added_inside_columns_and_null_in_older_rows(
    lake: SparkSession, logs: DataFrame, write: Callable[..., Transform], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    in_arrays = "iceberg" not in request.node.name
    old_fields = [OLD_FIELDS, OLD_ARRAYS] if in_arrays else [OLD_FIELDS]
    new_fields = [NEW_FIELDS, NEW_ARRAYS] if in_arrays else [NEW_FIELDS]
    old = logs.selectExpr("id", "country", f"inline(array(struct({', '.join(old_fields)})))")
    new = logs.where("country = '01'").selectExpr("id", "country", f"inline(array(struct({', '.join(new_fields)})))")
    old.transform(write())
    with pytest.raises(TargetMismatchError, match=r"field 'm\.t\.b' \(int\) is not in the table; on_new_columns='add'"):
        new.transform(write(if_exists="append"))
    table = new.transform(write(if_exists="replace_partitions", on_new_columns="add"))
    assert table.schema == new.select(table.columns).transform(write(if_exists="append")).schema
    assert sorted(
        map(tuple, table.selectExpr("id", "`the-s`.a", "`the-s`.`x.b`", "m.k.t.a", "m.k.t.b").collect()), key=str
    ) == sorted([(2, 2, 12, 2, 12)] * 2 + [(at, at, None, at, None) for at in (1, 3, 4, 5)], key=str)
    # Only the new field is read, of files that do not have it.
    assert table.where("`the-s` IS NOT NULL").selectExpr("`the-s`.`x.b`").count() == 6
    assert table.selectExpr("inline(map_values(m))").select("t.b").count() == 6
    if in_arrays:
        assert table.selectExpr("explode(l) AS one").select("one.b").count() == 12
        assert table.selectExpr("explode(ml.k) AS one").where("one.b IS NULL").count() == 4
    # A stream adds fields too.
    wider = new.withColumn("the-s", F.col("the-s").withField("e", F.lit(1)))
    wider.write.parquet(str(tmp_path / "source"))
    stream = lake.readStream.schema(wider.schema).parquet(str(tmp_path / "source"))
    table = stream.transform(write(checkpoint=tmp_path / "checkpoint", on_new_columns="add"))
    assert (table.count(), table.where("`the-s`.e = 1").count()) == (7, 1)


def test_fields_in_arrays_that_iceberg_reads_as_empty_are_refused(lake: SparkSession, logs: DataFrame) -> None:
    old, new = (logs.selectExpr("id", one.split(" AS l, ")[0] + " AS l") for one in (OLD_ARRAYS, NEW_ARRAYS))
    table = old.transform(write_table(table="ice.shop.arrays", format="iceberg"))
    with pytest.raises(
        TargetMismatchError, match=r"field 'l\.b' \(int\) is not in the table, and Iceberg would read empty"
    ):
        new.transform(write_table(table="ice.shop.arrays", if_exists="append", on_new_columns="add"))
    assert table.count() == 5
    assert lake.table("ice.shop.arrays").schema == table.schema


def test_rows_that_do_not_fit_are_refused(logs: DataFrame, write: Callable[..., Transform]) -> None:
    table = logs.transform(write())
    with pytest.raises(TargetMismatchError, match="column 'id' is int in the table and string in the rows"):
        logs.withColumn("id", F.col("id").cast("string")).transform(write(if_exists="append"))
    with pytest.raises(TargetMismatchError, match=r"partition columns: the table has \(country\), the rows \(id\)"):
        logs.transform(write(if_exists="append", by="id"))
    assert ids(table) == ids(logs)


def test_replace_partitions_replaces_those_present_and_no_others(
    logs: DataFrame, write: Callable[..., Transform]
) -> None:
    logs.transform(write())
    new = logs.where("country = '01' OR country IS NULL").withColumn("id", F.col("id") + 10)
    expected = [row for row in ids(logs) if row[0] not in ("01", "")] + [("01", 12), ("", 14)]
    for _ in range(2):
        assert ids(new.transform(write(if_exists="replace_partitions"))) == sorted(expected)


def test_replace_all_replaces_the_table_whatever_it_had(logs: DataFrame, write: Callable[..., Transform]) -> None:
    logs.transform(write())
    other = logs.where("id = 1").selectExpr("country", "CAST(id AS STRING) AS id", "1.5BD AS price")
    assert_df_equality(other.transform(write(if_exists="replace_all")), other, ignore_nullable=True)


def test_a_row_that_a_step_refuses_leaves_the_table_whole(logs: DataFrame, write: Callable[..., Transform]) -> None:
    refused = logs.withColumn("id", F.when(F.col("id") < 5, F.col("id")).otherwise(fail_column("expected less")))
    table = logs.transform(write())
    for if_exists in ("append", "replace_partitions", "replace_all"):
        with pytest.raises(RowRefusedError, match=r"^expected less; nothing was written to "):
            refused.transform(write(if_exists=if_exists))
        assert ids(table) == ids(logs)


def test_a_replace_that_fails_half_way_leaves_the_table_whole(logs: DataFrame, write: Callable[..., Transform]) -> None:
    table = logs.transform(write())
    failing = logs.withColumn("id", F.expr("if(id = 5, raise_error('half-way'), id + 10)"))
    for if_exists in ("replace_partitions", "replace_all", "append"):
        with pytest.raises(Exception, match="half-way"):
            failing.transform(write(if_exists=if_exists))
        assert ids(table) == ids(logs)


def test_a_writer_that_was_overtaken_says_so_and_changes_nothing(
    lake: SparkSession, logs: DataFrame, write: Callable[..., Transform], tmp_path: Path
) -> None:
    logs.transform(write())
    begun, go_on = str(tmp_path / "begun"), str(tmp_path / "go on")

    def waits(value: int) -> int:
        Path(begun).touch()
        for _ in range(600):
            if Path(go_on).exists():
                return value + 100
            time.sleep(0.1)
        raise TimeoutError

    slow = logs.where("country = '01'").withColumn("id", F.udf(waits, "int")("id"))
    with ThreadPoolExecutor() as pool:
        overtaken = pool.submit(lambda: slow.transform(write(if_exists="replace_partitions")))
        while not Path(begun).exists() and not overtaken.done():
            time.sleep(0.1)
        quick = lake.createDataFrame([(20, "01", None)], logs.schema)
        quick.transform(write(if_exists="append"))
        Path(go_on).touch()
        with pytest.raises(WriteConflictError, match="was changed by another writer meanwhile; nothing was written"):
            overtaken.result()
    table = logs.limit(0).transform(write(if_exists="append"))
    assert ids(table) == sorted([*ids(logs), ("01", 20)])


def test_a_stream_writes_what_is_new_once(
    lake: SparkSession, logs: DataFrame, write: Callable[..., Transform], tmp_path: Path
) -> None:
    source, checkpoint = str(tmp_path / "source"), str(tmp_path / "checkpoint")
    logs.limit(0).transform(write(files=FileOptions(max_partitions=None)))
    for times in (1, 2):
        logs.write.mode("append").parquet(source)
        for _ in range(2):
            stream = lake.readStream.schema(logs.schema).parquet(source)
            table = stream.transform(write(checkpoint=checkpoint))
            assert ids(table) == sorted(ids(logs) * times)


@pytest.mark.parametrize(
    "other", [{"path": "other", "format": "delta"}, {"table": "ice.shop.other", "format": "iceberg"}]
)
def test_a_new_table_with_the_checkpoint_of_another_is_refused(
    lake: SparkSession, logs: DataFrame, tmp_path: Path, other: dict[str, Any]
) -> None:
    source, checkpoint = str(tmp_path / "source"), tmp_path / "checkpoint"
    logs.write.parquet(source)
    stream = lake.readStream.schema(logs.schema).parquet(source)
    stream.transform(write_stream(tmp_path / "first", format="delta", checkpoint=checkpoint))
    given = {**other, **({"path": tmp_path / "other"} if "path" in other else {})}
    with pytest.raises(UnsupportedError, match="does not exist; got one with batches of another table"):
        stream.transform(write_stream(**given, checkpoint=checkpoint))
    assert stream.transform(write_stream(**given, checkpoint=tmp_path / "new")).count() == logs.count()


@pytest.mark.parametrize(("table", "kind"), [("default.never_null", "delta"), ("ice.shop.never_null", "iceberg")])
def test_rows_without_nulls_fit_a_table_that_takes_none(lake: SparkSession, table: str, kind: str) -> None:
    columns = "id BIGINT NOT NULL, country STRING NOT NULL"
    lake.sql(f"CREATE TABLE {table} ({columns}) USING {kind} PARTITIONED BY (country)")
    rows = lake.range(3).selectExpr("id", "concat('c', id) AS country")
    assert rows.transform(write_partitioned(table=table, by="country", if_exists="append")).count() == 3
    assert rows.transform(write_partitioned(table=table, by="country", if_exists="replace_partitions")).count() == 3
    for null in ("CAST(NULL AS BIGINT) AS id, country", "id, IF(id = 1, NULL, country) AS country"):
        column = "id" if "AS id" in null else "country"
        with pytest.raises(RowRefusedError, match=rf"column '{column}' of '{table}': expected a value; got null"):
            rows.selectExpr(*null.split(", ", 1)).transform(
                write_partitioned(table=table, by="country", if_exists="append")
            )
    assert lake.table(table).count() == 3


def test_a_filter_reads_one_partition(logs: DataFrame, write: Callable[..., Transform]) -> None:
    table = logs.transform(write())
    files = table.where("country = '01'").select(F.input_file_name()).distinct().collect()
    assert len(files) == 1
    assert len(table.select(F.input_file_name()).distinct().collect()) == 5


COMPACTED: list[dict[str, Any]] = [
    {"format": "delta"},
    {"table": "default.small_files", "format": "delta"},
    {"table": "ice.shop.`small'files`", "format": "iceberg"},
]


@pytest.mark.parametrize("place", COMPACTED, ids=["delta folder", "delta table", "iceberg table"])
def test_a_compaction_leaves_each_row_once_beside_a_writer(
    lake: SparkSession, logs: DataFrame, tmp_path: Path, place: dict[str, Any]
) -> None:
    where = place if "table" in place else {**place, "path": str(tmp_path / "t")}
    target = {key: value for key, value in where.items() if key != "format"}
    append = write_partitioned(**where, by="country", if_exists="append")
    for _ in range(3):
        table = logs.transform(append)
    with ThreadPoolExecutor(2) as pool:
        appended, done = pool.submit(logs.transform, append), pool.submit(compact_table, lake, **target)
        assert appended.result().columns == logs.columns
        assert done.result().files_removed >= 15
    again = compact_table(lake, **target)
    assert again.files_removed in {0, 10}  # the files of the append, if they came after the first one
    table = lake.table(where["table"]) if "table" in where else lake.read.format("delta").load(where["path"])
    assert ids(table) == sorted(ids(logs) * 4)
    assert repr(compact_table(lake, **target)) == f"{where.get('table') or where['path']}: 0 files are now 0"


def test_what_cannot_be_compacted_in_one_commit_is_refused(lake: SparkSession, tmp_path: Path) -> None:
    lake.sql("CREATE TABLE default.of_parquet (id INT) USING parquet")
    with pytest.raises(
        UnsupportedError,
        match="expected a table of Delta Lake or Iceberg, which compact in one commit; got one of parquet",
    ):
        compact_table(lake, table="default.of_parquet")
    with pytest.raises(SourceNotFoundError, match="there is no such table"):
        compact_table(lake, table="default.nothing")
    with pytest.raises(SourceNotFoundError, match="there is no table"):
        compact_table(lake, tmp_path / "nothing")


@pytest.mark.parametrize("if_exists", ["error", "append", "replace_partitions", "replace_all"])
def test_what_a_killed_first_write_left_in_a_delta_folder_is_no_table(
    logs: DataFrame, tmp_path: Path, if_exists: IfExists
) -> None:
    """Delta creates the folder of its log, writes the files, and commits them."""
    path = tmp_path / "t"
    logs.write.partitionBy("country").parquet(str(path))
    (path / "_delta_log").mkdir()
    write = write_partitioned(path, by="country", format="delta", if_exists=if_exists)
    # The rows of a Parquet table, which a Delta table would hide, are in files of one job.
    for _ in range(2):
        with pytest.raises(UnsupportedError, match="got Parquet files and a folder _delta_log without a commit"):
            logs.transform(write)
        (path / "_SUCCESS").unlink(missing_ok=True)
    # Delta gives each file an identifier of its own.
    for file in path.glob("*/*.parquet"):
        file.rename(file.with_name(f"part-00000-{uuid4()}.c000.snappy.parquet"))
    assert_df_equality(logs.transform(write), logs, ignore_row_order=True)
    files = [str(file) for file in path.glob("*/*.parquet")]
    assert len(files) > 2
    assert len(job_ids(files)) == len(files)


def test_parquet_files_are_not_hidden_by_a_delta_log(logs: DataFrame, tmp_path: Path) -> None:
    logs.transform(write_partitioned(str(tmp_path / "t"), by="country"))
    with pytest.raises(UnsupportedError, match="expected a Delta table; got Parquet files"):
        logs.transform(write_partitioned(str(tmp_path / "t"), by="country", format="delta", if_exists="append"))


def test_partition_columns_of_another_type_are_refused(logs: DataFrame, write: Callable[..., Transform]) -> None:
    logs.selectExpr("id", "7 AS country").transform(write())
    with pytest.raises(TargetMismatchError, match="column 'country' is int in the table and string in the rows"):
        logs.selectExpr("id", "'7' AS country").transform(write(if_exists="replace_partitions"))


def test_a_table_without_partitions_is_written_in_each_format(logs: DataFrame, write: Callable[..., Transform]) -> None:
    table = logs.transform(write(by=None))
    assert_df_equality(table, logs, ignore_row_order=True)
    with pytest.raises(TargetExistsError, match="if_exists='append' or if_exists='replace_all'"):
        logs.transform(write(by=None))
    assert logs.transform(write(by=None, if_exists="append")).count() == 10
    wider = logs.limit(2).selectExpr("id", "1.5BD AS price")
    assert_df_equality(wider.transform(write(by=None, if_exists="replace_all")), wider, ignore_nullable=True)


def test_the_format_of_a_table_is_found_and_another_is_refused(lake: SparkSession, logs: DataFrame) -> None:
    for name, kind, other in [("default.`of_delta`", "delta", "iceberg"), ("ice.shop.`of-ice`", "iceberg", "delta")]:
        logs.transform(write_partitioned(table=name, by="country", format=kind))  # type: ignore[arg-type]
        for if_exists in ("append", "replace_partitions"):
            step = write_partitioned(table=name, by="country", if_exists=if_exists)
            assert logs.transform(step).count() == 10 if if_exists == "append" else 5
        with pytest.raises(TargetMismatchError, match=f"format: the table is {kind}, the call {other}"):
            logs.transform(write_table(table=name, format=other, if_exists="append"))  # type: ignore[arg-type]
    properties = {row["key"] for row in lake.sql("SHOW TBLPROPERTIES ice.shop.`of-ice`").collect()}
    assert "maxRecordsPerFile" not in properties
    made = logs.transform(write_table(table="ice.shop.made_by_the_catalog"))
    assert made.count() == 5


def test_a_table_whose_format_commits_file_by_file_is_refused(lake: SparkSession, logs: DataFrame) -> None:
    logs.write.partitionBy("country").format("parquet").saveAsTable("default.plain")
    ordered = lake.table("default.plain")
    for if_exists in ("append", "replace_partitions", "replace_all"):
        with pytest.raises(
            UnsupportedError, match=r"'default\.plain': expected a table of Delta Lake or Iceberg; got one of"
        ):
            ordered.transform(write_partitioned(table="default.plain", by="country", if_exists=if_exists))
    assert lake.table("default.plain").count() == 5
