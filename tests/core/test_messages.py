"""Messages show values of rows only where they may, and describe trouble with paths in one line."""

from __future__ import annotations

import ast
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from pyspark.sql import functions as F

import shopsmart_etl as etl
from shopsmart_etl._core.path_errors import path_trouble
from shopsmart_etl._shown import shown_value

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyspark.sql import DataFrame, SparkSession

pytestmark = pytest.mark.exhaustive

PACKAGE = Path(str(etl.__file__)).parent
SETTING = "SHOPSMART_ETL_SHOW_VALUES"
SECRET = "secret-" + "".join(f"{number:02}-" for number in range(20))
FAILING = {"fail_sql", "fail_column", "stop_write_sql", "shown_value"}


class Place(NamedTuple):
    """Where a value of the data could be in a message: the module, what raises it, and whether it is shown."""

    module: str
    action: Callable[[SparkSession, Path], Any]
    is_shown: bool = True


def secret(spark: SparkSession, columns: str = "'{}' AS v") -> DataFrame:
    return spark.sql(f"SELECT {columns.format(SECRET)}")


def write_files(folder: Path, *texts: str) -> Path:
    folder.mkdir()
    for number, text in enumerate(texts):
        (folder / f"{number}.txt").write_text(text, encoding="utf-8")
    return folder


def write_mismatch(spark: SparkSession, path: Path) -> None:
    secret(spark, "1 AS id, '{}' AS v").transform(etl.write_partitioned(path / "t", by="v"))
    spark.sql("SELECT 1 AS id, 2 AS v").transform(etl.write_partitioned(path / "t", by="v", if_exists="append"))


def rebuild_without_rows(spark: SparkSession, _: Path) -> None:
    tables = etl.relationalize(secret(spark, "'{}' AS id, array(1) AS items"), root="orders", key="id")
    none = {name: frame.where("false") if name != "orders" else frame for name, frame in tables.items()}
    etl.rebuild_documents(none, model=tables.model).collect()


def fill_inexactly(spark: SparkSession, _: Path) -> None:
    rows = spark.sql("SELECT CAST(NULL AS DECIMAL(10, 2)) AS paid, 0.12345BD AS tax FROM VALUES (1) AS t (x)")
    rows.transform(etl.impute_financials("paid", fill=F.col("tax"))).collect()


def convert_by_two_rates(spark: SparkSession, _: Path) -> None:
    rates = secret(spark, "'{}' AS from_currency, 'EUR' AS to_currency, DATE'2026-01-01' AS valid_from, 1.5BD AS rate")
    rows = rates.selectExpr("1.0BD AS paid", "from_currency AS currency", "valid_from AS day")
    euro = etl.convert_currency("paid", currency="currency", timestamp="day", rates=rates.unionAll(rates), to="EUR")
    rows.transform(euro).collect()


def write_partition(value: str) -> Callable[[SparkSession, Path], Any]:
    rows = f"'{value}' AS v, 1 AS id"
    return lambda spark, path: secret(spark, rows).transform(etl.write_partitioned(path / "t", by="v"))


PLACES = {
    "conform": Place(
        "cleaning/_conform_planner", lambda spark, _: secret(spark).transform(etl.conform("v INT")).collect()
    ),
    "parse_money": Place(
        "cleaning/money",
        lambda spark, _: secret(spark).transform(etl.parse_money("v", on_unreadable="error")).collect(),
    ),
    "key of a JSON object": Place(
        "io/_json_columns",
        lambda spark, path: etl.read_json_payloads(
            spark, write_files(path / "s", f'{{"id": 1, "{SECRET}": 2}}'), schema="id INT", on_extra="error"
        ).collect(),
    ),
    "header of the files": Place(
        "errors",
        lambda spark, path: etl.read_csv_logs(
            spark, write_files(path / "s", f"id,{SECRET}\n1,2\n"), schema="id INT", on_extra="error"
        ),
    ),
    "header of a later file": Place(
        "io/_csv_lines",
        lambda spark, path: etl.read_csv_logs(
            spark,
            write_files(path / "s", "id\n" + "1\n" * 100, f"{SECRET}\n1\n"),
            schema="id INT",
            on_extra="drop",
            multiline=True,
        ).collect(),
    ),
    "check_key": Place(
        "errors",
        lambda spark, _: etl.relationalize(
            secret(spark, "'{0}' AS id, array(1) AS items UNION ALL SELECT '{0}', array(2)"), root="orders", key="id"
        ).check_key(),
    ),
    "lookup": Place(
        "cleaning/lookups",
        lambda spark, _: (
            secret(spark)
            .transform(etl.lookup(secret(spark, "'{0}' AS v, 1 AS n UNION ALL SELECT '{0}', 2"), on="v", columns="n"))
            .collect()
        ),
    ),
    "partition of a table": Place("io/_parquet", write_mismatch),
    "rebuild_documents": Place("nested/rebuild", rebuild_without_rows, is_shown=False),
    "convert_currency": Place("cleaning/conversion", convert_by_two_rates),
    "fill": Place("cleaning/fills", fill_inexactly, is_shown=False),
    "hidden partition": Place("io/_layout", write_partition("{}._COPYING_"), is_shown=False),
    "long partition": Place("io/_layout", write_partition(SECRET * 5), is_shown=False),
}
# Their messages have no value of a row: the nullability of a schema, the type of a sum, its columns.
WITHOUT_VALUES = {"nested/_nesting", "gold/_amounts"}


def message_of(place: Place, spark: SparkSession, path: Path) -> str:
    with pytest.raises(etl.ShopSmartError) as caught, etl.translate_errors():
        place.action(spark, path)
    return str(caught.value)


@pytest.mark.parametrize("name", PLACES)
def test_a_value_of_a_row_is_truncated_and_can_be_hidden(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    place = PLACES[name]
    for setting, is_shown in (("true", place.is_shown), ("false", False)):
        monkeypatch.setenv(SETTING, setting)
        folder = tmp_path / setting
        folder.mkdir()
        message = message_of(place, spark, folder)
        assert (SECRET[:30] in message) == is_shown, message
        assert SECRET[:41] not in message
        assert "0.12345" not in message
        assert ("secret" in message) == is_shown, message
        assert ("(hidden)" in message) == (setting == "false" and place.is_shown), message


def test_every_message_with_a_value_of_a_row_is_tested() -> None:
    found = set()
    for path in PACKAGE.rglob("*.py"):
        calls = (node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call))
        if any(isinstance(call.func, ast.Name) and call.func.id in FAILING for call in calls):
            found.add(str(path.relative_to(PACKAGE).with_suffix("")))
    assert found == {place.module for place in PLACES.values()} | WITHOUT_VALUES


@pytest.mark.parametrize(
    ("setting", "is_shown"),
    [(None, True), ("", True), ("1", True), (" TRUE ", True), ("0", False), ("false", False), ("no", False)],
)
def test_a_setting_that_is_no_yes_hides_values(
    monkeypatch: pytest.MonkeyPatch, setting: str | None, *, is_shown: bool
) -> None:
    monkeypatch.delenv(SETTING, raising=False)
    if setting is not None:
        monkeypatch.setenv(SETTING, setting)
    for value in ("a", None, Decimal(1), "x" * 100):
        expected = repr(value) if len(repr(value)) <= 40 else f"{repr(value)[:40]}..."
        assert shown_value(value) == (expected if is_shown else "(hidden)")


def verbs(spark: SparkSession, path: str, folder: Path) -> dict[str, Callable[[], Any]]:
    rows = spark.range(3).selectExpr("id", "'x' AS c")

    def stream() -> DataFrame:
        source = folder / "source"
        if not source.exists():
            write_files(source, '{"id": 1}')
        return spark.readStream.schema("id INT").json(str(source))

    return {
        "read_csv_logs": lambda: etl.read_csv_logs(spark, path, schema="id INT"),
        "read_json_payloads": lambda: etl.read_json_payloads(spark, path, schema="id INT"),
        "infer_schema": lambda: etl.infer_schema(spark, path, format="csv"),
        "write_table": lambda: rows.transform(etl.write_table(path, if_exists="append")),
        "write_partitioned": lambda: rows.transform(
            etl.write_partitioned(path, by="c", if_exists="replace_partitions")
        ),
        "write_stream": lambda: stream().transform(etl.write_stream(path, checkpoint=folder / "checkpoint")),
        "checkpoint": lambda: stream().transform(etl.write_stream(folder / "new", checkpoint=path)),
    }


READS = {"read_csv_logs", "read_json_payloads", "infer_schema"}
PATHS = {
    "file": ("{}/file", "expected (the folder of a table|a folder); got (a|the) file", READS),
    "Parquet file": ("{}/parquet", "expected (the folder of a table|a folder); got (a|the) file", READS),
    "below a file": ("{}/file/t", "expected a folder; got the file|nothing to read at", set()),
    "no jar": ("s3a://bucket/t", r"this session has no class org\.apache\.hadoop\.fs\.s3a\.S3AFileSystem", set()),
    "no scheme": ("foo://bucket/t", "this session has no file system for the scheme .?foo", set()),
    "no URI": ("a:b:c", "expected a path; got Relative path in absolute URI: a:b:c", set()),
    "long name": ("{}/" + "n" * 256, ": expected names of at most 255 bytes; got ", set()),
    "long path": ("{}" + "/n" * 2048, ": expected a path of at most 4095 bytes; got ", set()),
    "NUL": ("{}/a\0b", r": expected a path without the character NUL; got '.*\\x00b'", set()),
}


@pytest.mark.parametrize("name", PATHS)
def test_trouble_with_a_path_is_an_error_of_one_line(spark: SparkSession, tmp_path: Path, name: str) -> None:
    template, message, fine = PATHS[name]
    (tmp_path / "file").write_text("id\n1\n", encoding="utf-8")
    if name == "Parquet file":
        spark.range(1).coalesce(1).write.parquet(str(tmp_path / "p"))
        next((tmp_path / "p").glob("*.parquet")).rename(tmp_path / "parquet")
    for verb, action in verbs(spark, template.format(tmp_path), tmp_path).items():
        if verb not in fine:
            with pytest.raises(etl.ShopSmartError, match=message) as caught:
                action()
            assert len(str(caught.value).splitlines()) == 1, verb
            assert "\tat " not in str(caught.value), verb


@pytest.mark.sample
def test_a_glob_may_be_longer_than_a_name(spark: SparkSession, tmp_path: Path) -> None:
    write_files(tmp_path / "a", '{"id": 1}')
    glob = f"{tmp_path}/{{a,{'b' * 300}}}"
    assert etl.read_json_payloads(spark, glob, schema="id INT").count() == 1


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            "x\n: java.lang.RuntimeException: java.lang.ClassNotFoundException: Class a.S3FileSystem not found\n\tat",
            "S3",
        ),
        ("(java.lang.RuntimeException) java.lang.ClassNotFoundException: Class a.S3FileSystem not found", "S3"),
        ("(java.lang.IllegalArgumentException) java.net.URISyntaxException: Relative path", "got Relative path"),
        ("Lost task 0.0 (x): java.io.IOException: Mkdirs failed to create file:/n (x)", "the folder file:/n; check"),
        ("[CAST_INVALID_INPUT] The value 'java.io.IOException: Mkdirs failed to create x' is no INT", None),
        ("java.lang.IllegalStateException: Expected x", None),
        ("x\n: java.lang.ClassNotFoundException: Class com.Source not found", None),
    ],
)
def test_trouble_with_a_path_is_read_from_the_exceptions_of_java_alone(text: str, reason: str | None) -> None:
    found = path_trouble(RuntimeError(text))
    assert (found is None) == (reason is None)
    assert (reason or "") in (found or "")
