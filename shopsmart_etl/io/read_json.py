"""Raw JSON documents into a bronze DataFrame, nothing dropped on the way."""

from __future__ import annotations

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import StringType, StructField, StructType

from shopsmart_etl._core.columns import refuse_clashes
from shopsmart_etl._core.session import ignores_case
from shopsmart_etl._core.sql import positions, quote
from shopsmart_etl.io._json_documents import BLANK, JsonDocuments
from shopsmart_etl.io._source import Extra, as_columns, load, refuse_sail


def read_json_payloads(
    spark: SparkSession,
    path: str,
    *,
    schema: StructType | str,
    records: str | None = None,
    multiline: bool = False,
    corrupt_record: str = "_corrupt_record",
    file_path: str | None = "_file_path",
    file_modified: str | None = "_file_modified",
    stream: bool = False,
) -> DataFrame:
    """Read JSON documents, every one of them.

    Text that is not valid JSON is kept as it is in the corrupt-record column, with null in all other columns. That
    includes several values without a comma between them, of which Spark's own reader drops all but the first, single
    quotes, NaN, and an envelope without the documents. A document with a field of another type than the schema's is
    null in that field, and is kept whole in the corrupt-record column too.

    Each document of a page or an array is read by itself: one that is invalid does not affect the others. Only where
    quotes or brackets do not balance, so that the documents cannot be separated, the whole text is one corrupt record.

    Where a key stands twice in an object, the last value counts. Numbers go into decimal columns without a double in
    between, but as Spark reads them: rounded to the column's decimals. A file that cannot be read at all, such as a
    gzip that is cut off, fails the job, which names it.

    Args:
        spark: The session.
        path: A file, a folder or a glob, in UTF-8. Folders named ``key=value`` become columns, after all others; of
            other folders below, and of files whose names begin with ``_`` or ``.``, nothing is read.
        schema: The columns of one document, as a StructType or as DDL. Fields that a document lacks are null.
        records: The field of a paged envelope that holds the documents: ``"data"`` for
            ``{"page": 3, "data": [...]}``. Each becomes a row; an empty page has none. None: each value read is
            a document.
        multiline: False reads one JSON value a line, True one a file, over many lines. The value is a document, an
            envelope, or an array of them.
        corrupt_record: Name of the string column, after the schema's own, that holds what could not be read.
        file_path: Name of the string column that says which file the row came from; None leaves it out.
        file_modified: Name of the timestamp column that says when that file was last changed; None leaves it out.
        stream: True reads a stream: files as they come into the folder.

    Returns:
        A DataFrame of the schema's columns, all nullable, and the three that are added.

    Raises:
        SourceNotFoundError: The path does not exist or holds no file.
        InvalidArgumentError: ``schema`` is neither a StructType nor the DDL of one.
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
    refuse_sail(spark, "read_json_payloads")
    extra = Extra(corrupt_record, file_path, file_modified)
    columns = as_columns(spark, schema, extra)
    # Read as text: Spark's JSON reader drops what stands behind the first value, and has no text of what it could read.
    reader = (spark.readStream if stream else spark.read).format("text").option("wholetext", multiline)
    raw = load(spark, reader.schema(StructType([StructField(corrupt_record, StringType())])), path)
    origin, folders = extra.origin(raw), raw.columns[1:]
    behind = [*folders, *extra.names[1:]]
    refuse_clashes(
        [(name, f"the schema's {quote(name)}") for name in columns.names]
        + [(name, f"the column {quote(name)} of the files") for name in behind],
        ignores_case=lambda: ignores_case(raw),
        way_out="Rename the folders' key, or leave it out of the schema",
    )
    lines = raw.select("*", *origin).toDF("text", *positions(len(behind)))
    # Tried first: what nearly every line begins with. To trim each would take as long as to parse it.
    filled = lines.where(F.startswith("text", F.lit("{")) | ~F.col("text").rlike(f"{BLANK}$"))
    found = JsonDocuments(columns, records)
    parsed = filled.withColumn("line", found.parse(F.col("text"))).withColumn("documents", found.found(F.col("line")))
    checked = parsed.withColumn("repaired", F.when(F.isnull("documents"), found.repair(F.col("text"))))
    rest = [f"`{at}`" for at in (*range(len(folders), len(behind)), *range(len(folders)))]
    apart = checked.selectExpr(
        "coalesce(documents, repaired.document) AS documents", "repaired.corrupt AS corrupt", *rest
    )
    each = apart.selectExpr("posexplode(documents) AS (at, document)", "corrupt", *rest)
    # The condition keeps Spark's optimizer from comparing the fields of the document pairwise.
    one = each.selectExpr("if(isnull(document), NULL, document) AS document", "corrupt[at] AS corrupt", *rest)
    guarded = len(found.type)
    placed = one.selectExpr("document.*", "corrupt", *rest).toDF(*positions(guarded + 1 + len(rest)))
    kept = [f"`{at}`" for at in range(guarded + 1 + len(rest)) if at != guarded - 1]
    return placed.selectExpr(*kept).toDF(*columns.names, *extra.names, *folders)
