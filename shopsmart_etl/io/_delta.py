"""A Delta Lake table, in a folder or in a catalog."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.errors import AnalysisException
from pyspark.sql import DataFrame, DataFrameWriter, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import StructField, StructType

from shopsmart_etl._core.spark_errors import has_condition
from shopsmart_etl._core.sql import quote
from shopsmart_etl.errors import UnsupportedError
from shopsmart_etl.io._catalog import CatalogTable
from shopsmart_etl.io._commits import is_parquet, job_ids
from shopsmart_etl.io._folders import STREAM_LOG, list_files
from shopsmart_etl.io._layout import rows_per_file
from shopsmart_etl.io._new_fields import NewField, unreadable_in_parquet
from shopsmart_etl.io._parquet import DELTA_LOG, ParquetFolder
from shopsmart_etl.io._targets import ExistingTable, WriteJob, check_checkpoint
from shopsmart_etl.typing import IfExists


class DeltaTable(CatalogTable):
    """A Delta Lake table in a catalog. It refuses replacements that a concurrent write conflicts with by itself."""

    format = "delta"


class DeltaFolder:
    """A folder of files, and the log that lists the files of the table."""

    def __init__(self, spark: SparkSession, path: str) -> None:
        """Keep the session and the path."""
        self.name = path
        self._spark = spark

    def find(self) -> ExistingTable | None:
        """Look the table up.

        Raises:
            UnsupportedError: The folder has Parquet files and no log.
        """
        try:
            schema = self._spark.read.format("delta").load(self.name).schema
        except AnalysisException as error:
            if not has_condition(error, "PATH_NOT_FOUND", "DELTA_TABLE_NOT_FOUND", "DELTA_PATH_DOES_NOT_EXIST"):
                raise
            return self._find_without_commit()
        detail = self._spark.sql(f"DESCRIBE DETAIL delta.{quote(self.name)}").select("partitionColumns").collect()
        return ExistingTable(schema, detail[0][0])

    def _find_without_commit(self) -> ExistingTable | None:
        """Look the table up where Delta has found no commit of one.

        Raises:
            UnsupportedError: The folder has Parquet files and no commit.
        """
        parquet = ParquetFolder(self._spark, self.name)
        if parquet.contains(DELTA_LOG):
            # In this order, since another writer may create the table meanwhile: its log only grows.
            if self._is_unfinished():
                return None
            if list_files(self._spark, f"{self.name}/{DELTA_LOG}"):
                return self.find()
            raise UnsupportedError(
                f"{self.name!r}: expected a Delta table; got Parquet files and a folder {DELTA_LOG} without a commit, "
                f"such as a killed CONVERT TO DELTA leaves. Delete {DELTA_LOG}, and convert again"
            )
        try:
            existing = parquet.find()
        except UnsupportedError:
            if parquet.contains(DELTA_LOG):  # since then
                return self._find_without_commit()
            raise
        if existing is not None and not existing.is_empty_folder:
            raise UnsupportedError(
                f"{self.name!r}: expected a Delta table; got Parquet files, whose rows Delta Lake would not read. Run "
                f"CONVERT TO DELTA parquet.`{self.name}` first, or write to another path"
            )
        return None

    def _is_unfinished(self) -> bool:
        """Return whether a first write was killed before its commit, so that no reader reads its files.

        Delta creates the folder of its log before it writes a file, and gives each file an identifier of its own. A
        Parquet table that Spark wrote has ``_SUCCESS`` or a stream's log, and one identifier for each job.
        """
        contains = ParquetFolder(self._spark, self.name).contains
        if not contains(DELTA_LOG) or list_files(self._spark, f"{self.name}/{DELTA_LOG}"):
            return False
        if any(map(contains, ("_SUCCESS", STREAM_LOG))):
            return False
        files = list(filter(is_parquet, list_files(self._spark, self.name)))
        return len(job_ids(files)) == len(files)

    def incompatible_partition_values(self, existing: ExistingTable, partitions: Sequence[StructField]) -> list[str]:  # noqa: ARG002 - as for Parquet
        """Return none: the schema has the types of the partition columns too."""
        return []

    def unreadable_fields(self, new: Sequence[NewField]) -> list[str]:
        """Describe new fields inside columns that older rows of the table could not be read with."""
        return unreadable_in_parquet(self._spark, new)

    def write(self, job: WriteJob, if_exists: IfExists, existing: ExistingTable | None) -> None:
        """Write a batch in one commit of the log."""
        writer = job.rows.write.format("delta").partitionBy(*job.by).options(**_options(job))
        # "error" where nothing was found, so that a table created since is not appended to.
        outcome = "error" if if_exists == "append" and existing is None else if_exists
        _with_outcome(writer, outcome).save(self.name)

    def append_stream(self, job: WriteJob, checkpoint: str, existing: ExistingTable | None) -> None:
        """Append what is new of a stream; a batch and its number are one commit of the log."""
        check_checkpoint(self._spark, checkpoint, self.name, existing)
        writer = job.rows.writeStream.format("delta").partitionBy(*job.by).options(**_options(job))
        writer = writer.option("checkpointLocation", checkpoint)
        writer.trigger(availableNow=True).start(self.name).awaitTermination()

    def read(self, schema: StructType) -> DataFrame:
        """Read the table back."""
        return self._spark.read.format("delta").load(self.name).select(*(F.col(quote(name)) for name in schema.names))


def _options(job: WriteJob) -> dict[str, str]:
    # The rows have no column that the table lacks unless the call adds it.
    return {"maxRecordsPerFile": str(rows_per_file(job.schema, job.target_file_size)), "mergeSchema": "true"}


def _with_outcome(writer: DataFrameWriter, if_exists: IfExists) -> DataFrameWriter:
    if if_exists == "replace_partitions":
        return writer.mode("overwrite").option("partitionOverwriteMode", "dynamic")
    if if_exists == "replace_all":
        # Named, since a session may have dynamic as its default, which would keep the other partitions.
        return writer.mode("overwrite").option("partitionOverwriteMode", "static").option("overwriteSchema", "true")
    return writer.mode("error" if if_exists == "error" else "append")
