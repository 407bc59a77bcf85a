"""Raw JSON documents into a bronze DataFrame, nothing dropped on the way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, StringType, StructField, StructType

from shopsmart_etl.schema import positions, quote, refuse_clashes
from shopsmart_etl.session import ignores_case
from shopsmart_etl.source import Extra, as_columns, load, refuse_sail

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession
    from pyspark.sql.types import DataType

_LONGEST = 2**31 - 1
_MARK = "\ufeff"  # at the beginning of a file
_BLANK = f"^[ \t\r\n{_MARK}]*"


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

    A line (with ``multiline`` a file) that cannot be parsed stays: null in all columns, and as it is in the
    corrupt-record column. So does one of several values without a comma between them, of which Spark's own reader drops
    all but the first, and an envelope without the documents. A document with a field of another type than the schema's
    stays too: null in that column, and whole in the corrupt-record column; of a page or an array, the others are sound.

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
    raw = load(reader.schema(StructType([StructField(corrupt_record, StringType())])), path)
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
    filled = lines.where(F.startswith("text", F.lit("{")) | ~F.col("text").rlike(f"{_BLANK}$"))
    parsed = filled.withColumn("line", _parsed(columns, records))
    rest = [f"`{at}`" for at in (*range(len(folders), len(behind)), *range(len(folders)))]
    documents, faults = _documents(columns, records)
    told = parsed.select(documents.alias("documents"), faults.alias("faults"), *rest)
    apart = told.selectExpr("posexplode(documents) AS (at, document)", "faults", *rest)
    # The condition keeps Spark's optimizer from comparing the fields of the document pairwise.
    one = apart.selectExpr("if(isnull(document), NULL, document) AS document", "faults[at] AS corrupt", *rest)
    return one.selectExpr("document.*", "corrupt", *rest).toDF(*columns.names, *extra.names, *folders)


def _documents(columns: StructType, records: str | None) -> tuple[Column, Column]:
    """Find the documents of a line, and of those that do not fit the text, in an array as long; null where all do."""
    line, text = F.col("line"), F.col("text")
    documents, whole = _found(line["v"], records)
    sound = line["bad"].isNull() & whole & ~F.exists(documents, lambda one: one.isNull())
    # Where something is wrong, each document is taken as text once more, to see which.
    texts, _ = _found(_parsed(StringType(), records)["v"], records)
    apart = whole & (F.size(texts) == F.size(documents))
    flag = "bad" + "_" * max((len(name) for name in columns.names), default=0)  # the name of no column
    marked = StructType([*columns, StructField(flag, StringType())])

    def fault(one: Column) -> Column:
        wrong = F.from_json(one, marked, {"columnNameOfCorruptRecord": flag})[flag].isNotNull()
        return F.when(one.isNull() | wrong, F.coalesce(one, F.lit("null")))

    faults = F.transform(texts, fault)
    known = (F.size(texts) > 1) & F.exists(faults, lambda one: one.isNotNull())
    return (
        F.when(sound | apart, documents).otherwise(F.array(F.lit(None).cast(columns))),
        F.when(~sound, F.when(~apart, F.array(text)).when(known, faults).otherwise(F.transform(texts, lambda _: text))),
    )


def _parsed(document: DataType, records: str | None) -> Column:
    """Parse a line as one array of its values, so that anything behind a value is a fault."""
    text = F.col("text")
    value = F.when(F.startswith(text, F.lit(_MARK)), F.substring(text, 2, _LONGEST)).otherwise(text)
    is_array = ~F.startswith(text, F.lit("{")) & text.rlike(rf"{_BLANK}\[")
    array = F.when(is_array, value).otherwise(F.concat(F.lit("["), value, F.lit("]")))
    one = document if records is None else StructType([StructField(records, ArrayType(document))])
    line = StructType([StructField("v", ArrayType(one)), StructField("bad", StringType())])
    return F.from_json(F.concat(F.lit('{"v":'), array, F.lit("}")), line, {"columnNameOfCorruptRecord": "bad"})


def _found(values: Column, records: str | None) -> tuple[Column, Column]:
    """Give the documents of a line's values, and whether all of the line could be told apart."""
    if records is None:
        return values, values.isNotNull()
    inside = F.transform(values, lambda one: one.getField(records))
    return F.flatten(inside), values.isNotNull() & ~F.exists(inside, lambda one: one.isNull())
