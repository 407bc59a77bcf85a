"""A Delta Lake table in a folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.errors import AnalysisException
from pyspark.sql.types import StructType

from shopsmart_etl.errors import TargetExistsError
from shopsmart_etl.schema import quote
from shopsmart_etl.tables import There

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyspark.sql import DataFrame, DataFrameWriter, SparkSession

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
            if "PATH_NOT_FOUND" in str(error) or "DELTA_TABLE_NOT_FOUND" in str(error):
                return None
            raise
        detail = self._spark.sql(f"DESCRIBE DETAIL delta.{quote(self.name)}").select("partitionColumns").collect()
        partitions = detail[0][0]
        return There(StructType([field for field in schema if field.name not in partitions]), partitions)

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
        writer = rows.writeStream.format("delta").partitionBy(*by).options(**options)
        writer.trigger(availableNow=True).start(self.name).awaitTermination()

    def read(self, schema: StructType) -> DataFrame:
        """Give the table."""
        return self._spark.read.format("delta").load(self.name).selectExpr(*map(quote, schema.names))


def _outcome(writer: DataFrameWriter, if_exists: IfExists) -> DataFrameWriter:
    if if_exists == "replace_partitions":
        return writer.mode("overwrite").option("partitionOverwriteMode", "dynamic")
    if if_exists == "replace_all":
        # Said, since a session may have made dynamic its default, which would keep the other partitions.
        return writer.mode("overwrite").option("partitionOverwriteMode", "static").option("overwriteSchema", "true")
    # Rows have no columns more than the table but those that the call takes.
    return writer.mode("error" if if_exists == "error" else "append").option("mergeSchema", "true")
