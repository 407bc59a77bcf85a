"""What the readers share: files that exist, folders that become columns, and the file of each row."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable
from typing import NamedTuple
from urllib.parse import unquote

from pyspark.sql import Column, DataFrame, DataFrameReader, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.streaming.readwriter import DataStreamReader
from pyspark.sql.types import DataType, StringType, StructField, StructType

from shopsmart_etl._core._sail import refuse_on_sail
from shopsmart_etl._core.checks import check_flag, check_path, check_schema, check_session
from shopsmart_etl._core.frame import Frame
from shopsmart_etl._core.session import path_exists
from shopsmart_etl._core.spark_errors import no_file_found, translate_read_errors
from shopsmart_etl._core.sql import literal, quote
from shopsmart_etl.errors import InvalidArgumentError, SourceError, SourceNotFoundError, UnsupportedError
from shopsmart_etl.io._folders import names_below
from shopsmart_etl.io.read_options import ReadSettings

_MAX_SHOWN = 3


class Folders(NamedTuple):
    """The folders named ``key=value`` below a path.

    Attributes:
        names: Their keys, each the name of a column.
    """

    names: list[str]

    @property
    def fields(self) -> list[StructField]:
        """Their columns, as text: Spark would read ``007`` as 7."""
        return [StructField(name, StringType()) for name in self.names]


def check_source(spark: object, path: object, **flags: object) -> str:
    """Check the session, the path and the flags of a reader, and return the path as a string.

    Raises:
        InvalidArgumentError: One is of another type.
    """
    check_session("spark", spark)
    for argument, flag in flags.items():
        check_flag(argument, flag)
    return check_path("path", path, expected="a path or a glob: a string or a pathlib.Path")


def check_encoding(encoding: str, *, multiline: bool) -> None:
    """Refuse a character set whose lines Spark splits in the middle of a character.

    Raises:
        InvalidArgumentError: It is UTF-16 or UTF-32, and the files are to be read by the line.
    """
    if not multiline and re.search("UTF.?(16|32)", encoding, re.IGNORECASE):
        raise InvalidArgumentError("encoding", expected="multiline=True with UTF-16 and UTF-32", got=encoding)


def check_charset(spark: SparkSession, settings: ReadSettings) -> None:
    """Refuse a character set that the session does not support; for UTF-8, without asking it.

    Raises:
        InvalidArgumentError: Spark does not support it.
    """
    if not settings.is_utf8:
        try:
            codecs.lookup(settings.encoding)
        except LookupError:
            expected = "the name of a character set, such as 'ISO-8859-1'"
            raise InvalidArgumentError("encoding", expected=expected, got=settings.encoding) from None
        with translate_read_errors(""):
            spark.sql(f"SELECT decode(X'00000041', {literal(settings.encoding)})").collect()


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


def read_schema(spark: SparkSession, schema: StructType | str, settings: ReadSettings) -> StructType:
    """Return the schema of files, which may be DDL.

    Raises:
        InvalidArgumentError: It is neither a StructType nor DDL.
        ColumnClashError: A column of it has the name of one that the reader adds.
    """
    columns = Frame(StructType(), session=spark).as_schema("schema", check_schema("schema", schema))
    added = settings.added_columns
    own = [(name, f"the schema's column {quote(name)}") for name in columns.names]
    others = [(name, f"the {argument}") for argument, name in added.items()]
    hint = f"Leave it out of the schema, or give another {', '.join(f'{name}=' for name in added)}"
    Frame(columns, session=spark).check_clashes([*own, *others], hint=hint)
    return columns


def check_types(schema: StructType, supports: Iterable[type[DataType]]) -> None:
    """Refuse types that a reader does not convert text to.

    Raises:
        UnsupportedError: A column has another type.
    """
    supported = tuple(supports)
    for field in schema.fields:
        if not isinstance(field.dataType, supported) or field.dataType.typeName() in {"char", "varchar"}:
            raise unsupported_type(field.name, field.dataType)


def unsupported_type(column: str, data_type: DataType) -> UnsupportedError:
    """Return the error for a column of a type that a reader does not convert text to."""
    return UnsupportedError(
        f"column {column!r}: expected a supported type; got {data_type.simpleString()}. Read it as STRING, and cast it "
        "or check its length in a second step"
    )


def find_folders(spark: SparkSession, path: str, *, stream: bool) -> Folders:
    """Find the folders named ``key=value``, and refuse files that Spark would leave out.

    Raises:
        SourceNotFoundError: The path does not exist, or has no file.
        SourceError: A folder contains both files and such folders, or a name that Spark cannot open.
    """
    plain = spark.read.format("text").option("wholetext", value=True)
    try:
        raw = load(spark, plain, path)
    except SourceNotFoundError:
        if stream and path_exists(spark, path):
            return Folders([])
        raise
    except Exception as error:
        # Spark 3.5 has no condition for it.
        if not re.search("Conflicting (partition column names|directory structures)", str(error)):
            raise
        raise _different_keys(path, error) from error
    files, names = set(raw.inputFiles()), raw.columns[1:]
    _refuse_colons(path, files)
    if left_out := _files_left_out(spark, path, files, names):
        keys = ", ".join(f"{name}=" for name in names)
        raise SourceError(
            f"{path!r}: expected files only in folders named {keys}; got others, which Spark would not read: "
            f"{_listed(left_out)}. Move them into a folder such as {names[0]}=unknown, or read them separately"
        )
    return Folders(names)


def _different_keys(path: str, error: Exception) -> SourceError:
    # The message of Spark lists the keys or the folders, one kind a line.
    found = re.findall(r"^\s*(?:Partition column name list #\d+: (.*)|(\w+:/.*))$", str(error), flags=re.MULTILINE)
    listed = "; ".join(keys or unquote(folder) for keys, folder in found[:_MAX_SHOWN]) or "several kinds"
    return SourceError(
        f"{path!r}: expected folders with the same keys; got {listed}. Rename the folders, or read each kind separately"
    )


def _refuse_colons(path: str, files: Iterable[str]) -> None:
    # Hadoop takes the part before a colon for a scheme, and fails when it opens the file.
    if wrong := sorted(file for file in files if file.startswith("file:") and ":" in unquote(file).rpartition("/")[2]):
        raise SourceError(
            f"{path!r}: expected names of local files without ':', which Spark cannot open; got {_listed(wrong)}. "
            "Rename them"
        )


def _files_left_out(spark: SparkSession, path: str, files: Iterable[str], names: list[str]) -> list[str]:
    """List the files that are in no folders of these keys, which Spark leaves out."""
    if not names:
        return []
    ignores_case = Frame(StructType(), session=spark).ignores_case
    # Of a glob, the folders before its first sign: Spark's paths begin below them.
    start = re.split(r"/[^/]*[*?\[{]", path)[0] or "/"

    def compared(keys: Iterable[str]) -> set[str]:
        return {key.lower() if ignores_case else key for key in keys}

    return sorted(file for file in files if not compared(names) <= compared(_folder_keys(start, file)))


def _folder_keys(path: str, file: str) -> set[str]:
    # The keys of folders above the path make no columns.
    names = names_below(path, unquote(file)) or unquote(file).split("/")
    # Spark escapes signs in the names of folders, and the file's URI escapes them again.
    return {unquote(name.partition("=")[0]) for name in names[:-1] if "=" in name}


def _listed(files: list[str]) -> str:
    more = len(files) - _MAX_SHOWN
    return ", ".join(map(repr, map(unquote, files[:_MAX_SHOWN]))) + (f", ... ({more} more)" if more > 0 else "")


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
    with translate_read_errors(path):
        if not path_exists(spark, path):
            raise SourceNotFoundError(path, "there is no such file or folder")
        raw = reader.load(path)
        has_files = raw.isStreaming or bool(raw.inputFiles())
    if not has_files:
        raise no_file_found(path)
    return raw


def origin(df: DataFrame, settings: ReadSettings) -> list[Column]:
    """Return the columns for the file of each row."""
    columns = []
    if settings.file_path_column is not None:
        # A URI, in which a space is %20.
        path = _metadata(df)["file_path"]
        decoded = F.url_decode(F.replace(path, F.lit("+"), F.lit("%2B")))
        as_written = F.when(F.contains(path, F.lit("%")), decoded).otherwise(path)
        # Spark Connect adds metadata to columns without an alias.
        columns.append(as_written.alias(settings.file_path_column))
    if settings.file_modified_column is not None:
        columns.append(_metadata(df)["file_modification_time"].alias(settings.file_modified_column))
    return columns


def _metadata(df: DataFrame) -> Column:
    """Return what Spark knows of each row's file, whether the files have a column of that name or not."""
    if hasattr(df, "metadataColumn"):
        return df.metadataColumn("_metadata")
    # In Spark 3.5 a column hides it.
    if "_metadata" in (name.lower() for name in df.columns):
        raise UnsupportedError(
            "expected no column '_metadata' before Spark 4, where it hides which file a row is from; got one. Rename "
            "it in the files, or read with file_path_column=None and file_modified_column=None"
        )
    return F.col("_metadata")


def is_not_utf8(text: str) -> str:
    """Write the condition that text has bytes that are not UTF-8."""
    if hasattr(F, "is_valid_utf8"):
        return f"NOT is_valid_utf8({text})"
    # Spark 3.5 replaces such bytes where it converts text to a Java string, as it does for a regular expression.
    replaced = f"regexp_replace({text}, '\ufffd', '\ufffd')"
    return f"({text} RLIKE '\ufffd' AND {replaced} <> {text})"
