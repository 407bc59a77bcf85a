"""What the readers share: schemas, files that are there, and where each row came from."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from pyspark.errors import AnalysisException, IllegalArgumentException, ParseException
from pyspark.sql import Column, DataFrame, DataFrameReader, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.streaming.readwriter import DataStreamReader
from pyspark.sql.types import StructType

from shopsmart_etl._core.engine import refuse_on_sail
from shopsmart_etl._core.session import path_exists, session_ignores_case
from shopsmart_etl.errors import ColumnClashError, InvalidArgumentError, SourceNotFoundError, UnsupportedError

# Fields in a CSV line. Spark's own limit of 20,480 fails the job at a line with more; each file that is read takes
# memory for as many, 8 bytes each.
MOST_FIELDS: Final = 100_000


class Extra(NamedTuple):
    """The names of the columns that a reader adds to those of the schema.

    Attributes:
        corrupt_record: Holds what could not be read.
        file_path: Says which file a row came from; None leaves it out.
        file_modified: Says when that was last changed; None leaves it out.
    """

    corrupt_record: str
    file_path: str | None
    file_modified: str | None

    @property
    def names(self) -> list[str]:
        """List the columns that are added, in their order."""
        return [self.corrupt_record, *(name for name in (self.file_path, self.file_modified) if name is not None)]

    def origin(self, df: DataFrame) -> list[Column]:
        """Give the columns that say where a row of files came from; their names are by position."""
        fields = {"file_path": self.file_path, "file_modification_time": self.file_modified}
        asked = [field for field, name in fields.items() if name is not None]
        return [_metadata(df)[field].alias(f"_{field}") for field in asked]


def _metadata(df: DataFrame) -> Column:
    """Give what Spark knows of each row's file, a column of the files by that name or not."""
    if hasattr(df, "metadataColumn"):
        return df.metadataColumn("_metadata")
    # Spark 3.5 lets a column hide it.
    if "_metadata" in (name.lower() for name in df.columns):
        raise UnsupportedError(
            "before Spark 4 a column named '_metadata' hides which file a row is from; "
            "rename it in the files, or read with file_path=None and file_modified=None"
        )
    return F.col("_metadata")


def refuse_sail(spark: SparkSession, reader: str) -> None:
    """Refuse to read on Sail what it cannot.

    Raises:
        UnsupportedError: The session is on Sail.
    """
    refuse_on_sail(
        spark,
        reader,
        why="fails a job at the first malformed record and knows no row's file",
        way_out="Read sound files there with spark.read",
    )


def as_columns(spark: SparkSession, schema: StructType | str, extra: Extra) -> StructType:
    """Take a schema, or its DDL, for the columns of files.

    Raises:
        InvalidArgumentError: It is neither.
        ColumnClashError: A column of it is named like one that the reader adds.
    """
    if isinstance(schema, str):
        try:
            schema = spark.createDataFrame([], schema).schema
        except ParseException as error:
            raise InvalidArgumentError("schema", wanted="DDL such as 'user STRING, price INT'", found=schema) from error
    if not isinstance(schema, StructType):
        raise InvalidArgumentError("schema", wanted="a StructType or its DDL", found=schema)
    origins = dict.fromkeys(schema.names, "the schema's column")
    for argument, name in extra._asdict().items():
        if name is None:
            continue
        twins = [other for other in origins if other.lower() == name.lower()]
        if name in origins or (twins and session_ignores_case(spark)):
            origin = origins.get(name) or origins[twins[0]]
            raise ColumnClashError(
                name,
                (origin, f"the {argument} column"),
                way_out=f"Leave it out of the schema, or give another {argument}",
            )
        origins[name] = f"the {argument} column"
    return schema


def refuse_encoding(encoding: str, *, multiline: bool) -> None:
    """Refuse a character set whose lines Spark takes apart in the middle of a character.

    Raises:
        InvalidArgumentError: It is UTF-16 or UTF-32, and the files are to be read by the line.
    """
    if not multiline and re.search("UTF.?(16|32)", encoding, re.IGNORECASE):
        raise InvalidArgumentError("encoding", wanted="multiline=True with UTF-16 and UTF-32", found=encoding)


def load(spark: SparkSession, reader: DataFrameReader | DataStreamReader, path: str) -> DataFrame:
    """Load files, but refuse a path that Spark would read as an empty table, or not at all.

    A stream may begin in a folder that holds no file yet.

    Args:
        spark: The session.
        reader: Its reader, with a format and options.
        path: A file, a folder or a glob.

    Raises:
        SourceNotFoundError: The path does not exist, or holds no file.
        InvalidArgumentError: Spark does not know the encoding.
    """
    no_file = SourceNotFoundError(path, "the folder holds no file; a glob such as logs/* reaches the folders in it")
    nothing = SourceNotFoundError(path, "there is no such file or folder")
    if not path_exists(spark, path):
        raise nothing
    try:
        raw = reader.load(path)
        files = raw.isStreaming or raw.inputFiles()
    except AnalysisException as error:
        if "PATH_NOT_FOUND" in str(error):
            raise nothing from None
        if "Unable to infer schema" in str(error):
            raise no_file from None
        raise
    except IllegalArgumentException as error:
        if "CHARSET" not in str(error):
            raise
        raise InvalidArgumentError(
            "encoding",
            wanted="one that Spark knows (UTF-8, ISO-8859-1, US-ASCII, UTF-16 or UTF-32), or any that Java knows, "
            "such as cp850, where the session has spark.sql.legacy.javaCharsets=true",
            found=str(error).splitlines()[0],
        ) from None
    if not files:
        raise no_file
    return raw
