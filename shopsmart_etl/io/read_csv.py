"""Read raw CSV logs into a bronze DataFrame without dropping a line."""

from __future__ import annotations

from os import PathLike

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import StringType, StructField, StructType

from shopsmart_etl._core.checks import check_schema
from shopsmart_etl._core.sql import positions, quote
from shopsmart_etl.errors import HeaderMismatchError, SourceNotFoundError
from shopsmart_etl.io._source import (
    MAX_FIELDS,
    check_added_columns,
    check_encoding,
    check_source,
    load,
    read_schema,
    refuse_sail,
)


def read_csv_logs(
    spark: SparkSession,
    path: str | PathLike[str],
    *,
    schema: StructType | str,
    encoding: str = "UTF-8",
    multiline: bool = False,
    trim_header: bool = False,
    corrupt_record_column: str = "_corrupt_record",
    file_path_column: str | None = "_file_path",
    file_modified_column: str | None = "_file_modified",
    stream: bool = False,
) -> DataFrame:
    """Read CSV logs that have a header, every line of them.

    Quoting is RFC 4180: a quote inside a quoted field is doubled (Spark's default takes a backslash, and mangles
    such fields). A line that does not fit the schema (too few or too many fields, text where a number is wanted)
    stays: what could be read of it is in its columns, and the whole line is in the corrupt-record column. A file that
    cannot be read at all, such as a gzip that is cut off or one with a line of more than 100,000 fields, fails the job,
    which names it. A number with more decimals than its column is rounded, as Spark reads it.

    The header of the first file is read at once, and its columns are found by name. A later file with another header
    fails the job when it is read.

    Args:
        spark: The session.
        path: A file, a folder or a glob. Folders named ``key=value`` become columns, after all others; of other folders
            below, and of files whose names begin with ``_`` or ``.``, nothing is read.
        schema: The columns of the files, in any order, as a StructType or as DDL (``"user STRING, price
            DECIMAL(10, 2)"``).
        encoding: The files' character set: ``"ISO-8859-1"`` is Latin-1. Spark 4 knows that, ``US-ASCII`` and the
            ``UTF`` ones, of which UTF-16 and UTF-32 need ``multiline=True``; others, such as ``cp850``, where the
            session has ``spark.sql.legacy.javaCharsets=true``.
        multiline: True allows line breaks in quoted fields; each file is then read by one task, and a quote that is
            never closed takes in what is left of the file.
        trim_header: True removes spaces around the names in the header.
        corrupt_record_column: Name of the string column, after the schema's own, for the lines that do not fit.
        file_path_column: Name of the string column for the file that the row came from; None leaves it out.
        file_modified_column: Name of the timestamp column for when that file was last changed; None leaves it out.
        stream: True reads a stream: files as they come into the folder. One that is empty when the stream begins is
            taken to get files with the columns in the schema's order.

    Returns:
        A DataFrame of the schema's columns in the schema's order, all nullable, and the three that are added.

    Raises:
        SourceNotFoundError: The path does not exist or has no file.
        HeaderMismatchError: The header lacks a column of the schema, or has one that the schema lacks.
        InvalidArgumentError: ``schema`` is neither a StructType nor DDL, the encoding is unknown or
            needs ``multiline=True``.
        ColumnClashError: The schema has a column named like one that is added.
        UnsupportedError: The session is on Sail.

    Example:
        >>> lines = ["user,price,tags", 'ada,9.90,"a ""b"" c"', "bob,,", "eve,free,x"]
        >>> logs = read_csv_logs(spark, written(lines), schema="user STRING, price DECIMAL(10, 2), tags STRING")
        >>> logs.drop("_file_path", "_file_modified").show()
        +----+-----+-------+---------------+
        |user|price|   tags|_corrupt_record|
        +----+-----+-------+---------------+
        | ada| 9.90|a "b" c|           NULL|
        | bob| NULL|   NULL|           NULL|
        | eve| NULL|      x|     eve,free,x|
        +----+-----+-------+---------------+
        <BLANKLINE>
    """
    source = check_source(spark, path, multiline=multiline, trim_header=trim_header, stream=stream)
    check_schema("schema", schema)
    added = check_added_columns(
        corrupt_record_column=corrupt_record_column,
        file_path_column=file_path_column,
        file_modified_column=file_modified_column,
    )
    check_encoding(encoding, multiline=multiline)
    refuse_sail(spark, "read_csv_logs")
    columns = read_schema(spark, schema, added)
    options: dict[str, str | bool | int] = {"header": True, "escape": '"', "maxColumns": MAX_FIELDS}
    options |= {"encoding": encoding, "multiLine": multiline}
    in_file = _in_file(columns, _header(spark, source, options, stream=stream), source, trim=trim_header)
    reader = (
        (spark.readStream if stream else spark.read)
        .format("csv")
        .options(**options, enforceSchema=False, mode="PERMISSIVE", columnNameOfCorruptRecord=corrupt_record_column)
    )
    fields = [field for _, field in in_file]
    raw = load(spark, reader.schema(StructType([*fields, StructField(corrupt_record_column, StringType())])), source)
    origin, folders = added.origin(raw), raw.columns[len(fields) + 1 :]
    whole = _whole(raw, fields, corrupt_record_column).select("*", *origin)
    placed = whole.toDF(*positions(len(fields) + 1 + len(folders) + len(origin)))
    order = [at for _, at in sorted((number, at) for at, (number, _) in enumerate(in_file))]
    folder_positions = range(len(fields) + 1, len(fields) + 1 + len(folders))
    order += [len(fields), *range(folder_positions.stop, folder_positions.stop + len(origin)), *folder_positions]
    return placed.selectExpr(*(f"`{at}`" for at in order)).toDF(*columns.names, *added.names, *folders)


def _header(spark: SparkSession, path: str, options: dict[str, str | bool | int], *, stream: bool) -> list[str]:
    """Read the names in the first file's header; without folders, which would become columns too."""
    try:
        return load(spark, spark.read.format("csv").options(**options, recursiveFileLookup=True), path).columns
    except SourceNotFoundError:
        if stream:
            return []
        raise


def _in_file(columns: StructType, header: list[str], path: str, *, trim: bool) -> list[tuple[int, StructField]]:
    """List the columns in the order of the files, each with its position in the schema."""
    names = header or columns.names  # empty files have no header
    wanted = {name: number for number, name in enumerate(columns.names)}
    plain = [name.strip() if trim else name for name in names]
    missing = [name for name in wanted if name not in plain]
    unknown = [name for name in plain if name not in wanted]
    if missing or unknown:
        padded = not trim and {name.strip() for name in unknown} & set(missing)
        hint = "trim_header=True removes the spaces" if padded else "Give the schema of these files"
        raise HeaderMismatchError(path, missing, unknown, hint=hint)
    return [
        (wanted[name], StructField(literal, columns[name].dataType)) for name, literal in zip(plain, names, strict=True)
    ]


def _whole(raw: DataFrame, fields: list[StructField], corrupt_record: str) -> DataFrame:
    """Make the corrupt-record column the same whatever else is selected.

    Spark parses only the columns that a query uses, so a line that is bad in one column is corrupt for a query
    that reads this column and valid for any other; and it refuses a query of the corrupt-record column alone.
    The column therefore uses every other one. For a valid line this costs nothing.
    """
    corrupt = quote(corrupt_record)
    others = ", ".join(quote(field.name) for field in fields)
    uses_all = f"concat({corrupt}, substring(CAST(struct({others}) AS STRING), 1, 0))"
    return raw.withColumn(corrupt_record, F.expr(f"if({corrupt} IS NULL, NULL, {uses_all})"))
