"""A table of Parquet files in a folder, without losing what is there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.errors import AnalysisException

from shopsmart_etl.errors import TargetExistsError, UnsupportedError
from shopsmart_etl.schema import quote
from shopsmart_etl.tables import There

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyspark.sql import DataFrame, SparkSession
    from pyspark.sql.types import StructType

    from shopsmart_etl.typing import IfExists

# The log of a table that a stream writes. Spark reads the files that it lists, and no others.
STREAM_LOG = "_spark_metadata"
DELTA_LOG = "_delta_log"


class ParquetFolder:
    """A folder, with a folder inside for each value of a partition column."""

    def __init__(self, spark: SparkSession, path: str) -> None:
        """Keep where it is."""
        self.name = path
        self._spark = spark
        self._exists = False

    def find(self) -> There | None:
        """Look at what is there; a folder without files, such as a killed first write leaves, is no table."""
        self._exists = self.holds("")
        if not self._exists:
            return None
        if self.holds(DELTA_LOG):
            raise UnsupportedError(f"{self.name!r} is a Delta table: files of Parquet beside it would be lost in it")
        try:
            table = self._spark.read.parquet(self.name).schema
            # Without the folders: what the files themselves hold, of which some may be older than a column.
            reader = self._spark.read.option("recursiveFileLookup", value=True).option("mergeSchema", value=True)
            files = reader.parquet(self.name).schema
        except AnalysisException as error:
            if "UNABLE_TO_INFER_SCHEMA" in str(error):
                return None
            raise
        return There(files, [name for name in table.names if name not in files.names])

    def holds(self, folder: str) -> bool:
        """Tell whether there is something at a path inside, or with none at the folder itself."""
        try:
            # The analysis alone, which finds out whether the path is there.
            _ = self._spark.read.format("binaryFile").load(f"{self.name}/{folder}").schema
        except AnalysisException as error:
            if "PATH_NOT_FOUND" not in str(error):
                raise
            return False
        return True

    def write(self, rows: DataFrame, by: Sequence[str], if_exists: IfExists, options: dict[str, str]) -> None:
        """Write rows that fit; a partition is replaced when all rows are written, and no sooner."""
        if self.holds(STREAM_LOG):
            raise UnsupportedError(
                f"{self.name!r} was written by a stream, whose log lists the files that Spark reads: rows written "
                "beside it would not be seen. Read a stream and write it with checkpoint=, or write to another path"
            )
        if if_exists == "replace_partitions":
            writer = rows.write.mode("overwrite").option("partitionOverwriteMode", "dynamic")
        else:
            # Where nothing was there, a table that has come since is not added to.
            # The one name of it that Spark Connect knows.
            writer = rows.write.mode("append" if self._exists else "error")
        try:
            writer.partitionBy(*by).option("compression", "zstd").options(**options).parquet(self.name)
        except AnalysisException as error:
            if "PATH_ALREADY_EXISTS" not in str(error):
                raise
            raise TargetExistsError(self.name) from None

    def stream(self, rows: DataFrame, by: Sequence[str], options: dict[str, str]) -> None:
        """Write what is new of a stream; the files are in the table when the log of the stream lists them."""
        if self._exists and not self.holds(STREAM_LOG) and self.find() is not None:
            raise UnsupportedError(
                f"{self.name!r} was not written by a stream: once its log of files is there, Spark would not see the "
                "rows that are. Write to another path, or use format='delta'"
            )
        writer = rows.writeStream.format("parquet").partitionBy(*by).option("compression", "zstd").options(**options)
        writer.trigger(availableNow=True).start(self.name).awaitTermination()

    def read(self, schema: StructType) -> DataFrame:
        """Give the table; with its schema, or Spark would guess the partition columns' types from the folders."""
        table = self._spark.read.schema(schema).parquet(self.name)
        return table if table.columns == schema.names else table.selectExpr(*map(quote, schema.names))
