"""A Delta Lake table in a folder."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.errors import AnalysisException
from pyspark.sql import DataFrame, DataFrameWriter, SparkSession
from pyspark.sql.types import StructField, StructType

from shopsmart_etl._core.sql import quote
from shopsmart_etl.errors import TargetExistsError, UnsupportedError
from shopsmart_etl.io._parquet import ParquetFolder
from shopsmart_etl.io._tables import There
from shopsmart_etl.typing import IfExists


class DeltaFolder:
    """A folder of files and the log that says which of them are the table."""

    def __init__(self, spark: SparkSession, path: str) -> None:
        """Keep where it is."""
        self.name = path
        self._spark = spark

    def find(self) -> There | None:
        """Look at what is there."""
        try:
            schema = self._spark.read.format("delta").load(self.name).schema
        except AnalysisException as error:
            if "PATH_NOT_FOUND" not in str(error) and "DELTA_TABLE_NOT_FOUND" not in str(error):
                raise
            if ParquetFolder(self._spark, self.name).find() is not None:
                raise UnsupportedError(
                    f"{self.name!r} holds Parquet files and no log of Delta Lake, which would not see their rows: "
                    f"run CONVERT TO DELTA parquet.`{self.name}` first, or write to another path"
                ) from None
            return None
        detail = self._spark.sql(f"DESCRIBE DETAIL delta.{quote(self.name)}").select("partitionColumns").collect()
        return There(schema, detail[0][0])

    def misfits(self, partitions: Sequence[StructField]) -> list[str]:  # noqa: ARG002 - as for Parquet
        """Find none: the schema has the types of these columns too."""
        return []

    def write(self, rows: DataFrame, by: Sequence[str], if_exists: IfExists, options: dict[str, str]) -> None:
        """Write rows that fit, in one commit of the log."""
        writer = rows.write.format("delta").partitionBy(*by).options(**options)
        try:
            _outcome(writer, if_exists).save(self.name)
        except AnalysisException as error:
            if "DELTA_PATH_EXISTS" not in str(error):
                raise
            raise TargetExistsError(self.name) from None

    def stream(self, rows: DataFrame, by: Sequence[str], options: dict[str, str]) -> None:
        """Write what is new of a stream; a batch and its number are one commit of the log."""
        writer = rows.writeStream.format("delta").partitionBy(*by).options(**options).option("mergeSchema", "true")
        writer.trigger(availableNow=True).start(self.name).awaitTermination()

    def read(self, schema: StructType) -> DataFrame:
        """Give the table."""
        return self._spark.read.format("delta").load(self.name).selectExpr(*map(quote, schema.names))


def _outcome(writer: DataFrameWriter, if_exists: IfExists) -> DataFrameWriter:
    # Rows have no columns more than the table but those that the call takes.
    writer = writer.option("mergeSchema", "true")
    if if_exists == "replace_partitions":
        return writer.mode("overwrite").option("partitionOverwriteMode", "dynamic")
    if if_exists == "replace_all":
        # Said, since a session may have made dynamic its default, which would keep the other partitions.
        return writer.mode("overwrite").option("partitionOverwriteMode", "static").option("overwriteSchema", "true")
    return writer.mode("error" if if_exists == "error" else "append")
