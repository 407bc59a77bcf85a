"""What the readers share: arguments, schemas, files that exist, and the file of each row."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from pyspark.sql import Column, DataFrame, DataFrameReader, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.streaming.readwriter import DataStreamReader
from pyspark.sql.types import StructType

from shopsmart_etl._core._sail import refuse_on_sail
from shopsmart_etl._core.checks import check_flag, check_path, check_schema, check_session, check_text
from shopsmart_etl._core.frame import Frame
from shopsmart_etl._core.session import path_exists
from shopsmart_etl._core.spark_errors import no_file_found, translate_read_errors
from shopsmart_etl._core.sql import quote
from shopsmart_etl.errors import InvalidArgumentError, SourceNotFoundError, UnsupportedError

# Fields in a CSV line. Spark's default of 20,480 fails the job at a line with more; each file that is read takes
# memory for as many, 8 bytes each.
MAX_FIELDS: Final = 100_000


class AddedColumns(NamedTuple):
    """The names of the columns that a reader adds to those of the schema.

    Attributes:
        corrupt_record_column: Keeps what could not be read.
        file_path_column: The file that a row came from; None leaves it out.
        file_modified_column: When that file was last changed; None leaves it out.
    """

    corrupt_record_column: str
    file_path_column: str | None
    file_modified_column: str | None

    @property
    def names(self) -> list[str]:
        """The columns that are added, in their order."""
        return [name for name in self if name is not None]

    def origin(self, df: DataFrame) -> list[Column]:
        """Return the columns that Spark knows of a row's file; their names are those of its metadata."""
        fields = {"file_path": self.file_path_column, "file_modification_time": self.file_modified_column}
        return [_metadata(df)[field].alias(f"_{field}") for field, name in fields.items() if name is not None]


def check_added_columns(**names: str | None) -> AddedColumns:
    """Check the names of the columns that a reader adds; all but that of corrupt records may be None.

    Raises:
        InvalidArgumentError: One is no name.
    """
    added = AddedColumns(**names)  # type: ignore[arg-type]
    check_text("corrupt_record_column", added.corrupt_record_column, expected="the name of a column")
    for argument in ("file_path_column", "file_modified_column"):
        if names[argument] is not None:
            check_text(argument, names[argument], expected="the name of a column, or None")
    return added


def check_source(spark: object, path: object, **flags: object) -> str:
    """Check the session, the path and the flags of a reader, and return the path as a string.

    Raises:
        InvalidArgumentError: One is of another type.
    """
    check_session("spark", spark)
    for argument, flag in flags.items():
        check_flag(argument, flag)
    return check_path("path", path, expected="a path or a glob: a string or a pathlib.Path")


def _metadata(df: DataFrame) -> Column:
    """Return what Spark knows of each row's file, whether the files have a column of that name or not."""
    if hasattr(df, "metadataColumn"):
        return df.metadataColumn("_metadata")
    # In Spark 3.5 a column hides it.
    if "_metadata" in (name.lower() for name in df.columns):
        raise UnsupportedError(
            "before Spark 4 a column named '_metadata' hides which file a row is from; "
            "rename it in the files, or read with file_path_column=None and file_modified_column=None"
        )
    return F.col("_metadata")


def refuse_sail(spark: SparkSession, reader: str) -> None:
    """Refuse to read on Sail.

    Raises:
        UnsupportedError: The session is on Sail.
    """
    refuse_on_sail(
        spark,
        reader,
        why="fails a job at the first malformed record and knows no row's file",
        hint="Read valid files there with spark.read",
    )


def read_schema(spark: SparkSession, schema: StructType | str, added: AddedColumns) -> StructType:
    """Return the schema of files, which may be DDL.

    Raises:
        InvalidArgumentError: It is neither a StructType nor DDL.
        ColumnClashError: A column of it has the name of one that the reader adds.
    """
    columns = Frame(StructType(), session=spark).as_schema("schema", check_schema("schema", schema))
    own = [(name, f"the schema's column {quote(name)}") for name in columns.names]
    others = [(name, f"the {argument}") for argument, name in added._asdict().items() if name is not None]
    hint = f"Leave it out of the schema, or give another {', '.join(f'{name}=' for name in added._fields)}"
    Frame(columns, session=spark).check_clashes([*own, *others], hint=hint)
    return columns


def check_encoding(encoding: object, *, multiline: bool) -> None:
    """Refuse a character set whose lines Spark splits in the middle of a character.

    Raises:
        InvalidArgumentError: It is UTF-16 or UTF-32, and the files are to be read by the line.
    """
    text = check_text("encoding", encoding, expected="the name of a character set, such as 'UTF-8'")
    if not multiline and re.search("UTF.?(16|32)", text, re.IGNORECASE):
        raise InvalidArgumentError("encoding", expected="multiline=True with UTF-16 and UTF-32", got=encoding)


def load(spark: SparkSession, reader: DataFrameReader | DataStreamReader, path: str) -> DataFrame:
    """Load files, but refuse a path that Spark would read as an empty table.

    A stream may begin in a folder without files.

    Args:
        spark: The session.
        reader: Its reader, with a format and options.
        path: A file, a folder or a glob.

    Raises:
        SourceNotFoundError: The path does not exist, or has no file.
        SourceError: A file cannot be read.
        InvalidArgumentError: Spark does not know the encoding.
    """
    if not path_exists(spark, path):
        raise SourceNotFoundError(path, "there is no such file or folder")
    with translate_read_errors(path):
        raw = reader.load(path)
        has_files = raw.isStreaming or bool(raw.inputFiles())
    if not has_files:
        raise no_file_found(path)
    return raw
