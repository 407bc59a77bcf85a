"""Raw files into bronze DataFrames, nothing dropped on the way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.errors import AnalysisException, ParseException
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, StringType, StructField, StructType

from shopsmart_etl.errors import ColumnClashError, HeaderMismatchError, InvalidArgumentError, SourceNotFoundError
from shopsmart_etl.schema import positions, quote

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, DataFrameReader, SparkSession


def read_csv_logs(
    spark: SparkSession,
    path: str,
    *,
    schema: StructType | str,
    corrupt_record: str = "_corrupt_record",
    encoding: str = "UTF-8",
    multiline: bool = False,
    trim_header: bool = False,
) -> DataFrame:
    """Read CSV logs that have a header, every line of them.

    Quoting is RFC 4180: a quote inside a quoted field is doubled (Spark's default takes a backslash, and mangles
    such fields). A line that does not fit the schema (too few or too many fields, text where a number is wanted)
    stays: what could be read of it is in its columns, and the whole line is in the corrupt-record column.

    The header of the first file is read at once, and its columns are found by name. A later file with another header
    fails the job when it is read.

    Args:
        spark: The session.
        path: A file, a folder or a glob. Folders named ``key=value`` become columns, after those of the schema.
        schema: The columns of the files, in any order, as a StructType or as DDL (``"user STRING, price
            DECIMAL(10, 2)"``).
        corrupt_record: Name of the string column, after the schema's own, that holds the lines that do not fit.
        encoding: The files' character set: ``"ISO-8859-1"`` is Latin-1. Spark 4 knows those that every Java has.
        multiline: True lets a quoted field hold line breaks; each file is then read by one task.
        trim_header: True takes the spaces off the names in the header.

    Returns:
        A DataFrame of the schema's columns in the schema's order, all nullable, and the corrupt-record column.

    Raises:
        SourceNotFoundError: The path does not exist or holds no file.
        HeaderMismatchError: The header lacks a column of the schema, or has one that the schema lacks.
        InvalidArgumentError: ``schema`` is neither a StructType nor the DDL of one.
        ColumnClashError: The schema has a column named like the corrupt-record column.

    Example:
        >>> lines = ["user,price,tags", 'ada,9.90,"a ""b"" c"', "bob,,", "eve,free,x"]
        >>> logs = read_csv_logs(spark, written(lines), schema="user STRING, price DECIMAL(10, 2), tags STRING")
        >>> logs.show()
        +----+-----+-------+---------------+
        |user|price|   tags|_corrupt_record|
        +----+-----+-------+---------------+
        | ada| 9.90|a "b" c|           NULL|
        | bob| NULL|   NULL|           NULL|
        | eve| NULL|      x|     eve,free,x|
        +----+-----+-------+---------------+
        <BLANKLINE>
    """
    columns = _columns(spark, schema, corrupt_record)
    options: dict[str, str | bool] = {"header": True, "escape": '"', "encoding": encoding, "multiLine": multiline}
    header = _header(spark.read.format("csv").options(**options), path)
    in_file = _in_file(columns, header, path, trim=trim_header)
    reader = spark.read.format("csv").options(
        **options, enforceSchema=False, mode="PERMISSIVE", columnNameOfCorruptRecord=corrupt_record
    )
    raw = _load(reader.schema(_with(StructType([field for _, field in in_file]), corrupt_record)), path)
    whole = _whole(raw, StructType([field for _, field in in_file]), corrupt_record)
    rest = whole.columns[len(in_file) :]
    placed = whole.toDF(*positions(len(in_file) + len(rest)))
    order = [at for _, at in sorted((number, at) for at, (number, _) in enumerate(in_file))]
    order += range(len(in_file), len(in_file) + len(rest))
    return placed.selectExpr(*(f"`{at}`" for at in order)).toDF(*columns.names, *rest)


def read_json_payloads(
    spark: SparkSession,
    path: str,
    *,
    schema: StructType | str,
    records: str | None = None,
    multiline: bool = False,
    corrupt_record: str = "_corrupt_record",
) -> DataFrame:
    """Read JSON documents, every one of them.

    A document that cannot be parsed stays: null in its columns as far as it could not be read, and whole in the
    corrupt-record column. Numbers go into decimal columns exactly, never by way of a double.

    Args:
        spark: The session.
        path: A file, a folder or a glob. Folders named ``key=value`` become columns, after those of the schema.
        schema: The columns of one document, as a StructType or as DDL. Fields that a document lacks are null.
        records: The field of a paged envelope that holds the documents: ``"data"`` for
            ``{"page": 3, "data": [...]}``. Each becomes a row; an empty page has none. None: each value read is
            a document.
        multiline: False reads one JSON value a line. True reads one a file, over many lines: a document, an
            envelope, or an array of them.
        corrupt_record: Name of the string column, after the schema's own, that holds what could not be parsed.

    Returns:
        A DataFrame of the schema's columns, all nullable, and the corrupt-record column.

    Raises:
        SourceNotFoundError: The path does not exist or holds no file.
        InvalidArgumentError: ``schema`` is neither a StructType nor the DDL of one.
        ColumnClashError: The schema has a column named like the corrupt-record column.

    Example:
        >>> pages = ['{"page": 1, "data": [{"id": 1, "tags": ["new"]}, {"id": 2, "tags": []}]}',
        ...          '{"page": 2, "data": []}', '{"page": 3, "data": [{"id": nu']
        >>> read_json_payloads(
        ...     spark, written(pages), schema="id INT, tags ARRAY<STRING>", records="data").show(truncate=False)
        +----+-----+------------------------------+
        |id  |tags |_corrupt_record               |
        +----+-----+------------------------------+
        |1   |[new]|NULL                          |
        |2   |[]   |NULL                          |
        |NULL|NULL |{"page": 3, "data": [{"id": nu|
        +----+-----+------------------------------+
        <BLANKLINE>
    """
    columns = _columns(spark, schema, corrupt_record)
    reader = spark.read.format("json").options(
        mode="PERMISSIVE", multiLine=multiline, columnNameOfCorruptRecord=corrupt_record
    )
    if records is None:
        raw = _load(reader.schema(_with(columns, corrupt_record)), path)
        return _whole(raw, columns, corrupt_record)
    envelope = StructType([StructField(records, ArrayType(columns))])
    pages = _whole(_load(reader.schema(_with(envelope, corrupt_record)), path), envelope, corrupt_record)
    return _documents(pages, columns, records, corrupt_record)


def _header(reader: DataFrameReader, path: str) -> list[str]:
    """Read the names in the first file's header; without folders, which would become columns too."""
    return _load(reader.option("recursiveFileLookup", value=True), path).columns


def _in_file(columns: StructType, header: list[str], path: str, *, trim: bool) -> list[tuple[int, StructField]]:
    """List the columns as they stand in the files, each with its place in the schema."""
    names = header or columns.names  # empty files have no header
    wanted = {name: number for number, name in enumerate(columns.names)}
    plain = [name.strip() if trim else name for name in names]
    missing = [name for name in wanted if name not in plain]
    unknown = [name for name in plain if name not in wanted]
    if missing or unknown:
        padded = not trim and {name.strip() for name in unknown} & set(missing)
        way_out = "trim_header=True takes the spaces off" if padded else "Give the schema of these files"
        raise HeaderMismatchError(path, missing, unknown, way_out=way_out)
    return [
        (wanted[name], StructField(literal, columns[name].dataType)) for name, literal in zip(plain, names, strict=True)
    ]


def _documents(pages: DataFrame, columns: StructType, records: str, corrupt_record: str) -> DataFrame:
    rest = [name for name in pages.columns if name not in (records, corrupt_record)]
    # outer, or the pages that could not be parsed would go; the empty pages, which have no document, do go.
    exploded = pages.selectExpr(
        f"posexplode_outer({quote(records)}) AS (`position`, `document`)", *map(quote, (corrupt_record, *rest))
    )
    at, document, corrupt, *others = (quote(name) for name in positions(len(rest) + 3))
    kept = exploded.toDF(*positions(len(rest) + 3)).where(f"{at} IS NOT NULL OR {corrupt} IS NOT NULL")
    return kept.selectExpr(f"{document}.*", corrupt, *others).toDF(*columns.names, corrupt_record, *rest)


def _columns(spark: SparkSession, schema: StructType | str, corrupt_record: str) -> StructType:
    if isinstance(schema, str):
        try:
            schema = spark.createDataFrame([], schema).schema
        except ParseException as error:
            raise InvalidArgumentError("schema", wanted="DDL such as 'user STRING, price INT'", found=schema) from error
    if not isinstance(schema, StructType):
        raise InvalidArgumentError("schema", wanted="a StructType or its DDL", found=schema)
    if corrupt_record.lower() in (name.lower() for name in schema.names):
        raise ColumnClashError(
            corrupt_record,
            ("the schema's column", "the corrupt-record column"),
            way_out="Leave it out of the schema, or give another corrupt_record",
        )
    return schema


def _with(columns: StructType, corrupt_record: str) -> StructType:
    return StructType([*columns.fields, StructField(corrupt_record, StringType())])


def _load(reader: DataFrameReader, path: str) -> DataFrame:
    """Load, but refuse a path that Spark would read as an empty table, or not at all."""
    try:
        raw = reader.load(path)
        files = raw.inputFiles()
    except AnalysisException as error:
        if "PATH_NOT_FOUND" in str(error):
            raise SourceNotFoundError(path, "there is no such file or folder") from None
        if "UNABLE_TO_INFER_SCHEMA" not in str(error):
            raise
        files = []
    if not files:
        raise SourceNotFoundError(path, "the folder holds no file")
    return raw


def _whole(raw: DataFrame, columns: StructType, corrupt_record: str) -> DataFrame:
    """Make the corrupt-record column the same whatever else is selected.

    Spark parses only the columns that a query uses, so a line that is bad in one column is corrupt for a query
    that reads this column and sound for any other; and a query of the corrupt-record column alone it refuses.
    Used at all, the column therefore uses every other one. For a sound line this costs nothing.
    """
    corrupt = quote(corrupt_record)
    others = ", ".join(quote(name) for name in columns.names)
    uses_all = f"concat({corrupt}, substring(CAST(struct({others}) AS STRING), 1, 0))"
    return raw.withColumn(corrupt_record, F.expr(f"if({corrupt} IS NULL, NULL, {uses_all})"))
