"""A table that a catalog knows by name."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.errors import AnalysisException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import StructField, StructType

from shopsmart_etl._core.sql import quote, type_sql
from shopsmart_etl.errors import TargetExistsError, UnsupportedError
from shopsmart_etl.io._tables import There
from shopsmart_etl.typing import IfExists, TableFormat


class CatalogTable:
    """A table of Delta Lake or Iceberg."""

    def __init__(self, spark: SparkSession, name: str, table_format: TableFormat | None) -> None:
        """Keep its name, and the format that it is made in."""
        self.name = name
        self._spark = spark
        self._format = table_format
        self._columns: list[str] = []

    def find(self) -> There | None:
        """Look at what is there."""
        if not self._spark.catalog.tableExists(self.name):
            return None
        self._refuse_others()
        schema = self._spark.table(self.name).schema
        self._columns = schema.names
        partitions = [one.name for one in self._spark.catalog.listColumns(self.name) if one.isPartition]
        return There(schema, partitions)

    def misfits(self, partitions: Sequence[StructField]) -> list[str]:  # noqa: ARG002 - as for Parquet
        """Find none: the schema has the types of these columns too."""
        return []

    def write(self, rows: DataFrame, by: Sequence[str], if_exists: IfExists, options: dict[str, str]) -> None:
        """Write rows that fit, in one commit."""
        writer = rows.writeTo(self.name).options(**options)
        made = writer.using(self._format) if self._format else writer
        made = made.partitionedBy(*(F.col(quote(name)) for name in by))
        try:
            if if_exists == "replace_all":
                made.createOrReplace()
            elif not self._columns:
                made.create()
            else:
                self._add_columns(rows.schema)
                if if_exists == "append":
                    writer.append()
                else:
                    writer.options(**self._since()).overwritePartitions()
        except AnalysisException as error:
            if "TABLE_OR_VIEW_ALREADY_EXISTS" not in str(error):
                raise
            raise TargetExistsError(self.name) from None

    def stream(self, rows: DataFrame, by: Sequence[str], options: dict[str, str]) -> None:
        """Write what is new of a stream; a batch and its number are one commit."""
        if self._columns:
            self._add_columns(rows.schema)
        elif self._format is None:
            raise UnsupportedError(f"{self.name!r} is to be made by a stream: say format='delta' or 'iceberg'")
        writer = rows.writeStream.partitionBy(*by).options(**options)
        # Iceberg else wants each task's rows sorted by partition, which a stream's are not.
        writer = writer.option("fanout-enabled", "true")
        writer = writer.format(self._format) if self._format else writer
        writer.trigger(availableNow=True).toTable(self.name).awaitTermination()

    def read(self, schema: StructType) -> DataFrame:
        """Give the table."""
        return self._spark.table(self.name).selectExpr(*map(quote, schema.names))

    def _since(self) -> dict[str, str]:
        """Let Iceberg refuse to replace what another writer has added meanwhile; other formats do so by themselves."""
        try:
            main = self._spark.table(f"{self.name}.refs").where("name = 'main'").select("snapshot_id").collect()
        except AnalysisException:
            return {}
        since = {"validate-from-snapshot-id": str(main[0][0])} if main else {}
        return {"isolation-level": "serializable", **since}

    def _refuse_others(self) -> None:
        """Other formats replace a table by dropping it, or lose sight of its rows when a stream writes to it."""
        detail = self._spark.sql(f"DESCRIBE TABLE EXTENDED {self.name}").where("col_name = 'Provider'").collect()
        if not detail or detail[-1]["data_type"].lower() not in ("delta", "iceberg"):
            raise UnsupportedError(
                f"{self.name!r} is a table whose format does not commit atomically; nothing was written: "
                "make it with format='delta' or 'iceberg', or write Parquet by path"
            )

    def _add_columns(self, schema: StructType) -> None:
        # Ahead of the write: a column of nulls, should that fail.
        new = [f"{quote(field.name)} {type_sql(field.dataType)}" for field in schema if field.name not in self._columns]
        if new:
            self._spark.sql(f"ALTER TABLE {self.name} ADD COLUMNS ({', '.join(new)})")
