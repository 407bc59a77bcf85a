"""A table that a catalog knows by name, and what its formats have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from pyspark.errors import AnalysisException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import StructField, StructType

from shopsmart_etl._core.checks import check_table_name
from shopsmart_etl._core.spark_errors import error_condition
from shopsmart_etl._core.sql import VARIABLE, path_text, quote, type_sql
from shopsmart_etl.errors import TargetMismatchError, UnsupportedError
from shopsmart_etl.io._layout import rows_per_file
from shopsmart_etl.io._new_fields import NewField, new_fields, unreadable_in_parquet
from shopsmart_etl.io._targets import ExistingTable, WriteJob, check_checkpoint
from shopsmart_etl.typing import IfExists

# Other formats replace a table by dropping it, or hide its rows when a stream writes to it.
_ATOMIC = ("delta", "iceberg")


class CatalogTable:
    """A table in a catalog, in a format that only the catalog knows until the table is created."""

    format: ClassVar[str | None] = None

    def __init__(self, spark: SparkSession, name: str) -> None:
        """Keep the session and the name."""
        self.name = name
        self._identifier = check_table_name("table", name)
        self._spark = spark

    def find(self) -> ExistingTable | None:
        """Look the table up.

        Raises:
            UnsupportedError: Its format does not commit atomically.
            TargetMismatchError: It is of another format than this one.
        """
        if not self._spark.catalog.tableExists(self._identifier):
            return None
        found = provider(self._spark, self.name)
        if found not in _ATOMIC:
            raise UnsupportedError(
                f"{self.name!r}: expected a table of Delta Lake or Iceberg; got one of {found}, which does not commit "
                "atomically; nothing was written. Create it with format='delta' or 'iceberg', or write Parquet by path"
            )
        if self.format not in (None, found):
            raise TargetMismatchError(self.name, [f"format: the table is {found}, the call {self.format}"])
        partitions = [column.name for column in self._spark.catalog.listColumns(self._identifier) if column.isPartition]
        return ExistingTable(self._spark.table(self._identifier).schema, partitions)

    def incompatible_partition_values(self, existing: ExistingTable, partitions: Sequence[StructField]) -> list[str]:  # noqa: ARG002 - as for Parquet
        """Return none: the schema has the types of the partition columns too."""
        return []

    def unreadable_fields(self, new: Sequence[NewField]) -> list[str]:
        """Describe new fields inside columns that older rows of the table could not be read with."""
        return unreadable_in_parquet(self._spark, new)

    def write(self, job: WriteJob, if_exists: IfExists, existing: ExistingTable | None) -> None:
        """Write a batch in one commit."""
        writer = job.rows.writeTo(self._identifier).options(**self._options(job))
        if existing is None or if_exists == "replace_all":
            writer = writer.using(self.format) if self.format else writer
            writer = writer.partitionedBy(*(F.col(quote(name)) for name in job.by)) if job.by else writer
            if if_exists == "replace_all":
                writer.createOrReplace()
            else:
                writer.create()
            return
        self._add_columns(job.schema, existing)
        if if_exists == "append":
            writer.append()
        else:
            writer.options(**self._replacement_options()).overwritePartitions()

    def append_stream(self, job: WriteJob, checkpoint: str, existing: ExistingTable | None) -> None:
        """Append what is new of a stream; a batch and its number are one commit."""
        if self.format is None:
            raise UnsupportedError(f"format: expected 'delta' or 'iceberg' to create {self.name!r}; got None")
        check_checkpoint(self._spark, checkpoint, self.name, existing)
        if existing is not None:
            self._add_columns(job.schema, existing)
        writer = job.rows.writeStream.format(self.format).partitionBy(*job.by).options(**self._stream_options(job))
        writer = writer.option("checkpointLocation", checkpoint)
        writer.trigger(availableNow=True).toTable(self._identifier).awaitTermination()

    def read(self, schema: StructType) -> DataFrame:
        """Read the table back."""
        return self._spark.table(self._identifier).select(*(F.col(quote(name)) for name in schema.names))

    def _options(self, job: WriteJob) -> Mapping[str, Any]:
        """Return the options of a write."""
        options = {"maxRecordsPerFile": str(rows_per_file(job.schema, job.target_file_size))}
        # The catalog may make an Iceberg table.
        return {**options, **iceberg_options(job)} if self.format is None else options

    def _stream_options(self, job: WriteJob) -> Mapping[str, Any]:
        """Return the options of a stream's write."""
        return self._options(job)

    def _replacement_options(self) -> Mapping[str, Any]:
        """Return the options with which a concurrent write makes a replacement of partitions fail."""
        return {}

    def _add_columns(self, schema: StructType, existing: ExistingTable) -> None:
        # Before the write: if that fails, the table keeps a column or a field of nulls.
        columns = [((field.name,), field.dataType) for field in schema if field.name not in existing.columns.names]
        new = columns + [(field.sql_path, field.data_type) for field in new_fields(existing.columns, schema)]
        if new:
            added = ", ".join(f"{'.'.join(map(quote, path))} {type_sql(of)}" for path, of in new)
            if VARIABLE in added:
                raise UnsupportedError(
                    "on_new_columns='add': expected names without '${', which Spark's parser replaces; got "
                    f"{', '.join(path_text(path) for path, _ in new)}. Rename them"
                )
            self._spark.sql(f"ALTER TABLE {self._identifier} ADD COLUMNS ({added})")


def iceberg_options(job: WriteJob) -> dict[str, str]:
    """Return Iceberg's options: it knows the size of a file while it writes, and need not shuffle the rows again."""
    return {"target-file-size-bytes": str(job.target_file_size), "distribution-mode": "none"}


def provider(spark: SparkSession, name: str) -> str | None:
    """Return the format of a table; None where it does not exist, or has none, as a view."""
    try:
        described = spark.sql(f"DESCRIBE TABLE EXTENDED {check_table_name('table', name)}")
        rows = described.where("col_name = 'Provider'").collect()
    except AnalysisException as error:
        if error_condition(error) != "TABLE_OR_VIEW_NOT_FOUND":
            raise
        return None
    return str(rows[-1]["data_type"]).lower() if rows else None
