"""Rewrite the many small files of a table as few of good size."""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike

from pyspark.sql import Row, SparkSession
from typing_extensions import override

from shopsmart_etl._core._sail import refuse_writing_on_sail
from shopsmart_etl._core.checks import check_session, check_table_name
from shopsmart_etl._core.spark_errors import translate_write_errors
from shopsmart_etl._core.sql import literal, quote
from shopsmart_etl.errors import SourceNotFoundError, UnsupportedError
from shopsmart_etl.io._catalog import provider
from shopsmart_etl.io._parquet import DELTA_LOG, ParquetFolder
from shopsmart_etl.io._write_plan import check_target


@dataclass(frozen=True)
class Compaction:
    """What a compaction did; prints as text.

    Attributes:
        table: The table's path or name.
        files_removed: The number of files that were rewritten.
        files_added: The number of files that have their rows now.
    """

    table: str
    files_removed: int
    files_added: int

    @override
    def __repr__(self) -> str:
        return f"{self.table}: {self.files_removed:,} files are now {self.files_added:,}"


def compact_table(
    spark: SparkSession, path: str | PathLike[str] | None = None, *, table: str | None = None
) -> Compaction:
    """Rewrite the many small files of a Delta Lake or Iceberg table as few of good size, in one commit. Runs Spark.

    Readers see each row once, before, during and after; killed, it leaves the table as it was. Rows that others append
    meanwhile stay. The formats do the work (Delta's ``OPTIMIZE``, Iceberg's ``rewrite_data_files``), partition by
    partition, and a table's properties set the size of its files. A second run does nothing.

    A table of Parquet files is refused: Spark removes its old files before the new ones are in place, and with them the
    rows that others have appended. Read it, and write it to a new path with ``write_partitioned``.

    Args:
        spark: The session.
        path: The folder of a Delta Lake table.
        table: In place of ``path``, the table's name in a catalog.

    Returns:
        What was done: the table, with the number of files removed and added.

    Raises:
        SourceNotFoundError: There is no table.
        UnsupportedError: It is a table of Parquet files, or of another format; or the session is on Sail.
        WriteConflictError: Another writer replaced the files meanwhile; the table has its rows.
        InvalidArgumentError: An argument is wrong.

    Example:
        >>> path, logs = new_path(), spark.createDataFrame([("ada", "EIRE")], "user string, country string")
        >>> table = logs.transform(write_partitioned(path, by="country"))
        >>> try:
        ...     compact_table(spark, path)
        ... except UnsupportedError as error:
        ...     print(str(error).partition(": ")[2].partition(",")[0])
        expected a Delta table; got Parquet files
    """
    check_session("spark", spark)
    target = check_target(path, table, "delta" if table is None else None)
    refuse_writing_on_sail(spark, "compact_table")
    with translate_write_errors(target.name):
        if target.table is None:
            _check_is_delta(spark, target.name)
            return _optimize(spark, target.name, f"delta.{quote(target.name)}")
        identifier, kind = check_table_name("table", target.table), provider(spark, target.table)
        if kind == "delta":
            return _optimize(spark, target.name, identifier)
        if kind == "iceberg":
            return _rewrite_data_files(spark, target.name, identifier)
    if kind is None:
        raise SourceNotFoundError(target.name, "there is no such table")
    raise UnsupportedError(
        f"{target.name!r}: expected a table of Delta Lake or Iceberg, which compact in one commit; got one of {kind}"
    )


def _check_is_delta(spark: SparkSession, path: str) -> None:
    folder = ParquetFolder(spark, path)
    if folder.contains(DELTA_LOG):
        return
    if not folder.contains(""):
        raise SourceNotFoundError(path, "there is no table")
    raise UnsupportedError(
        f"{path!r}: expected a Delta table; got Parquet files, which cannot be compacted without a moment in which "
        "rows are missing. Read it, and write it to a new path with write_partitioned, or use Delta Lake or Iceberg"
    )


def _optimize(spark: SparkSession, name: str, identifier: str) -> Compaction:
    metrics = _only_row(spark, f"OPTIMIZE {identifier}")["metrics"]
    return Compaction(name, metrics["numFilesRemoved"], metrics["numFilesAdded"])


def _rewrite_data_files(spark: SparkSession, name: str, identifier: str) -> Compaction:
    first, others, _ = identifier.partition("`.`")
    catalogs = {quote(catalog.name): catalog.name for catalog in spark.catalog.listCatalogs()}
    catalog = f"{first}`" if others and f"{first}`" in catalogs else quote(spark.catalog.currentCatalog())
    # By default Iceberg leaves fewer than five small files as they are.
    options = "options => map('min-input-files', '2')"
    row = _only_row(spark, f"CALL {catalog}.system.rewrite_data_files(table => {literal(identifier)}, {options})")
    return Compaction(name, row["rewritten_data_files_count"], row["added_data_files_count"])


def _only_row(spark: SparkSession, statement: str) -> Row:
    (row,) = spark.sql(statement).collect()
    return row
