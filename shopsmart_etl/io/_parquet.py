"""A table of Parquet files in a folder, without losing what is there."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import unquote
from uuid import uuid4

from pyspark.errors import AnalysisException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import StringType, StructField, StructType

from shopsmart_etl._core.session import path_exists
from shopsmart_etl._core.sql import quote
from shopsmart_etl.errors import TargetExistsError, UnsupportedError
from shopsmart_etl.io._tables import NULL_FOLDER, There
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
        return self._look()

    def _look(self, tries: int = 3) -> There | None:
        try:
            table = self._spark.read.parquet(self.name).schema
            # Without the folders: what the files themselves hold, of which some may be older than a column.
            reader = self._spark.read.option("recursiveFileLookup", value=True).option("mergeSchema", value=True)
            files = reader.parquet(self.name).schema
        except Exception as error:
            if "Unable to infer schema" in str(error):
                return None
            # Another writer has replaced a file since Spark listed it.
            if tries > 1 and any(sign in str(error) for sign in ("FILE_NOT_EXIST", "FileNotFoundException")):
                return self._look(tries - 1)
            raise
        return There(files, [name for name in table.names if name not in files.names])

    def holds(self, folder: str) -> bool:
        """Tell whether there is something at a path inside, or with none at the folder itself."""
        return path_exists(self._spark, f"{self.name}/{folder}")

    def misfits(self, partitions: Sequence[StructField]) -> list[str]:
        """List values of folders that the types do not have: ``007`` is no int, since that is written as 7."""
        typed = [(at, field) for at, field in enumerate(partitions) if not isinstance(field.dataType, StringType)]
        files = self._spark.read.parquet(self.name).inputFiles() if typed else []
        # Encoded twice: by Spark in the folder's name, and that in the file's address.
        folders = {
            tuple(unquote(unquote(part)) for part in file.split("/")[-1 - len(partitions) : -1]) for file in files
        }
        lines = []
        for at, field in typed:
            values = {folder[at].partition("=")[2] for folder in folders} - {NULL_FOLDER}
            rows = self._spark.createDataFrame([(value,) for value in sorted(values)], "value string")
            kind = field.dataType.simpleString()
            strange = rows.where(f"NOT (CAST(try_cast(value AS {kind}) AS STRING) <=> value)").limit(1).collect()
            lines += [
                f"partition column {field.name!r} is {kind} in the rows, and the table has {row['value']!r}"
                for row in strange
            ]
        return lines

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
            writer = rows.write.mode("append" if self._exists else "error").options(**_own_attempt())
        try:
            writer.partitionBy(*by).option("compression", "zstd").options(**options).parquet(self.name)
        except AnalysisException as error:
            if "PATH_ALREADY_EXISTS" not in str(error):
                raise
            raise TargetExistsError(self.name) from None

    def stream(self, rows: DataFrame, by: Sequence[str], options: dict[str, str]) -> None:
        """Write what is new of a stream; the files are in the table when the log of the stream lists them."""
        ours = self.holds(STREAM_LOG)
        begun, done = (self._has_entries(f"{options['checkpointLocation']}/{log}") for log in ("offsets", "commits"))
        # A stream notes a batch's offsets, then its files in the table's log, then its commit.
        if (ours and not begun and self._has_entries(self.name)) or (done and not ours):
            raise UnsupportedError(
                f"{self.name!r} and the checkpoint are not of one stream, whose batches Spark would take for written: "
                "give the checkpoint that the table was written with, or a new one and a new path"
            )
        if self._exists and not ours and self.find() is not None:
            raise UnsupportedError(
                f"{self.name!r} was not written by a stream: once its log of files is there, Spark would not see the "
                "rows that are. Write to another path, or use format='delta'"
            )
        writer = rows.writeStream.format("parquet").partitionBy(*by).option("compression", "zstd").options(**options)
        writer.trigger(availableNow=True).start(self.name).awaitTermination()

    def _has_entries(self, folder: str) -> bool:
        return path_exists(self._spark, folder) and bool(
            self._spark.read.format("binaryFile").load(folder).inputFiles()
        )

    def read(self, schema: StructType) -> DataFrame:
        """Give the table; with its schema, or Spark would guess the partition columns' types from the folders."""
        table = self._spark.read.schema(schema).parquet(self.name)
        return table if table.columns == schema.names else table.selectExpr(*map(quote, schema.names))


def _own_attempt() -> dict[str, str]:
    """Keep a job from the files of one that was killed: Hadoop's committer takes all in its folder for its own.

    Under a number of its own the folder is its own. In version 2 of the committer the files of a task are in the table
    before the job has succeeded.
    """
    return {
        "mapreduce.job.application.attempt.id": str(1 + uuid4().int % (2**31 - 2)),
        "mapreduce.fileoutputcommitter.algorithm.version": "1",
    }
