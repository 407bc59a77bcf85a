"""Read raw JSON documents into a bronze DataFrame without dropping one."""

from __future__ import annotations

from os import PathLike

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import StringType, StructField, StructType

from shopsmart_etl._core.checks import check_optional_text, check_schema
from shopsmart_etl._core.frame import Frame
from shopsmart_etl._core.sql import positions, quote
from shopsmart_etl.io._json_documents import BLANK, JsonDocuments
from shopsmart_etl.io._source import check_added_columns, check_source, load, read_schema, refuse_sail


def read_json_payloads(
    spark: SparkSession,
    path: str | PathLike[str],
    *,
    schema: StructType | str,
    records: str | None = None,
    multiline: bool = False,
    corrupt_record_column: str = "_corrupt_record",
    file_path_column: str | None = "_file_path",
    file_modified_column: str | None = "_file_modified",
    stream: bool = False,
) -> DataFrame:
    """Read JSON documents, every one of them.

    Text that is not valid JSON is kept as it is in the corrupt-record column, with null in all other columns. That
    includes several values without a comma between them, of which Spark's own reader drops all but the first, single
    quotes, NaN, and an envelope without the documents. A document with a field of another type than the schema's is
    null in that field, and is kept whole in the corrupt-record column too.

    Each document of a page or an array is read by itself: one that is invalid does not affect the others. Only where
    quotes or brackets do not balance, so that the documents cannot be separated, the whole text is one corrupt record.

    Of a key that occurs twice in an object, the last value is read. Numbers go into decimal columns without a double in
    between, but as Spark reads them: rounded to the column's decimals. A file that cannot be read at all, such as a
    gzip that is cut off, fails the job, which names it.

    Args:
        spark: The session.
        path: A file, a folder or a glob, in UTF-8. Folders named ``key=value`` become columns, after all others; of
            other folders below, and of files whose names begin with ``_`` or ``.``, nothing is read.
        schema: The columns of one document, as a StructType or as DDL. Fields that a document lacks are null.
        records: The field of a paged envelope with the documents: ``"data"`` for
            ``{"page": 3, "data": [...]}``. Each becomes a row; an empty page has none. None: each value read is
            a document.
        multiline: False reads one JSON value a line, True one a file, over many lines. The value is a document, an
            envelope, or an array of them.
        corrupt_record_column: Name of the string column, after the schema's own, for what could not be read.
        file_path_column: Name of the string column for the file that the row came from; None leaves it out.
        file_modified_column: Name of the timestamp column for when that file was last changed; None leaves it out.
        stream: True reads a stream: files as they come into the folder.

    Returns:
        A DataFrame of the schema's columns, all nullable, and the three that are added.

    Raises:
        SourceNotFoundError: The path does not exist or has no file.
        InvalidArgumentError: ``schema`` is neither a StructType nor DDL.
        ColumnClashError: The schema has a column named like one that is added.
        UnsupportedError: The session is on Sail.

    Example:
        >>> pages = ['{"page": 1, "data": [{"id": 1, "tags": ["new"]}, {"id": 2, "tags": []}]}',
        ...          '{"page": 2, "data": []}', '{"page": 3, "data": [{"id": nu']
        >>> orders = read_json_payloads(spark, written(pages), schema="id INT, tags ARRAY<STRING>", records="data")
        >>> orders.drop("_file_path", "_file_modified").show(truncate=False)
        +----+-----+------------------------------+
        |id  |tags |_corrupt_record               |
        +----+-----+------------------------------+
        |1   |[new]|NULL                          |
        |2   |[]   |NULL                          |
        |NULL|NULL |{"page": 3, "data": [{"id": nu|
        +----+-----+------------------------------+
        <BLANKLINE>
    """
    source = check_source(spark, path, multiline=multiline, stream=stream)
    check_schema("schema", schema)
    added = check_added_columns(
        corrupt_record_column=corrupt_record_column,
        file_path_column=file_path_column,
        file_modified_column=file_modified_column,
    )
    check_optional_text("records", records, expected="the name of a field, or None")
    refuse_sail(spark, "read_json_payloads")
    columns = read_schema(spark, schema, added)
    # Read as text: Spark's JSON reader drops what follows the first value, and keeps no text of what it could read.
    reader = (spark.readStream if stream else spark.read).format("text").option("wholetext", multiline)
    raw = load(spark, reader.schema(StructType([StructField(corrupt_record_column, StringType())])), source)
    origin, folders = added.origin(raw), raw.columns[1:]
    others = [*folders, *added.names[1:]]
    Frame(raw.schema, session=spark).check_clashes(
        [(name, f"the schema's {quote(name)}") for name in columns.names]
        + [(name, f"the column {quote(name)} of the files") for name in others],
        hint="Rename the folders' key, or leave it out of the schema",
    )
    lines = raw.select("*", *origin).toDF("text", *positions(len(others)))
    # Tried first: what nearly every line begins with. To trim each would take as long as to parse it.
    filled = lines.where(F.startswith("text", F.lit("{")) | ~F.col("text").rlike(f"{BLANK}$"))
    found = JsonDocuments(columns, records)
    parsed = filled.withColumn("line", found.parse(F.col("text"))).withColumn("documents", found.found(F.col("line")))
    checked = parsed.withColumn("repaired", F.when(F.isnull("documents"), found.repair(F.col("text"))))
    rest = [f"`{at}`" for at in (*range(len(folders), len(others)), *range(len(folders)))]
    separated = checked.selectExpr(
        "coalesce(documents, repaired.document) AS documents", "repaired.corrupt AS corrupt", *rest
    )
    each = separated.selectExpr("posexplode(documents) AS (at, document)", "corrupt", *rest)
    # The condition keeps Spark's optimizer from comparing the fields of the document pairwise.
    one = each.selectExpr("if(isnull(document), NULL, document) AS document", "corrupt[at] AS corrupt", *rest)
    guarded = len(found.type)
    placed = one.selectExpr("document.*", "corrupt", *rest).toDF(*positions(guarded + 1 + len(rest)))
    kept = [f"`{at}`" for at in range(guarded + 1 + len(rest)) if at != guarded - 1]
    return placed.selectExpr(*kept).toDF(*columns.names, *added.names, *folders)
