"""Turn the documents in JSON files into rows."""

from __future__ import annotations

import json
import re
from typing import NamedTuple
from uuid import uuid4

import pyspark
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, BooleanType, StringType, StructField, StructType

from shopsmart_etl._core.frame import Frame
from shopsmart_etl._core.sql import any_of, compiled_apart, if_, literal, positions, quote, type_sql
from shopsmart_etl.errors import UnsupportedError
from shopsmart_etl.io._json_columns import JsonColumns
from shopsmart_etl.io._json_documents import BLANK, JsonDocuments, is_array, null_markers_pattern
from shopsmart_etl.io._json_exact import ExactParser
from shopsmart_etl.io._json_risks import LONE_SURROGATE, is_changed, is_risky
from shopsmart_etl.io._json_types import cast_parsed, count_values, depth_of
from shopsmart_etl.io._source import find_folders, is_not_utf8, load, origin
from shopsmart_etl.io.read_options import JsonSettings

# Structs, arrays and maps inside one another, below a column. To search extra fields, Spark before 4 resolves fewer.
_DEEPEST = 8
_DEEPEST_EXTRA = 3 if pyspark.__version__.startswith("3.") else _DEEPEST


class _Files(NamedTuple):
    """The texts of files.

    Attributes:
        df: The text, then the file's columns, then those of folders, all but the first named by position.
        folders: The keys of the folders.
    """

    df: DataFrame
    folders: list[str]

    @property
    def rest(self) -> list[str]:
        """The SQL of all columns but the text."""
        return [f"`{name}`" for name in self.df.columns if name.isdigit()]


def read_documents(
    spark: SparkSession,
    path: str,
    columns: StructType,
    envelope: StructType | None,
    settings: JsonSettings,
    *,
    stream: bool,
) -> DataFrame:
    """Read JSON files as columns of a schema, then of envelopes, then those that the settings add, then of folders."""
    files = read_texts(spark, path, settings, stream=stream)
    frame = Frame(columns, session=spark)
    in_folders = [name for name in files.folders if frame.has_name(name, columns.names)]
    own = StructType([field for field in columns.fields if not frame.has_name(field.name, in_folders)])
    _check_names(frame, envelope, settings, [name for name in files.folders if name not in in_folders])
    rows = _Documents(frame, own, envelope, settings).of(files)
    return JsonColumns(frame, own, envelope, settings, files.folders).of(rows)


def read_texts(spark: SparkSession, path: str, settings: JsonSettings, *, stream: bool) -> _Files:
    """Read a text a line, or a file with ``multiline``."""
    folders = find_folders(spark, path, stream=stream)
    # Read as text: Spark's JSON reader drops what follows the first value, and keeps no text of what it could read.
    reader = (spark.readStream if stream else spark.read).format("text").option("wholetext", settings.multiline)
    raw = load(spark, reader.schema(StructType([StructField("text", StringType()), *folders.fields])), path)
    added = origin(raw, settings)
    placed = raw.select("*", *added).toDF(*positions(len(raw.columns) + len(added)))
    text = "`0`" if settings.is_utf8 else f"decode(CAST(`0` AS BINARY), {literal(settings.encoding)})"
    order = [*range(len(raw.columns), len(raw.columns) + len(added)), *range(1, len(raw.columns))]
    lines = placed.selectExpr(f"{text} AS text", *(f"`{index}` AS `{new}`" for new, index in enumerate(order)))
    # Tried first: what nearly every line begins with. To trim each would take as long as to parse it.
    filled = lines.where(F.startswith("text", F.lit("{")) | ~F.col("text").rlike(rf"{BLANK}\z"))
    return _Files(filled, folders.names)


def without_null_markers(text: Column, settings: JsonSettings) -> Column:
    """Return JSON text with null for the strings that mean null."""
    markers = settings.null_markers
    return F.regexp_replace(text, null_markers_pattern(markers), "$1null") if markers else text


def _check_names(frame: Frame, envelope: StructType | None, settings: JsonSettings, folders: list[str]) -> None:
    names = [(name, f"the schema's {quote(name)}") for name in frame.names]
    names += [(name, f"the envelope's {quote(name)}") for name in (envelope.names if envelope else ())]
    names += [(name, f"the added column {quote(name)}") for name in settings.added_columns.values()]
    names += [(name, f"the folders' {quote(name)}") for name in folders]
    frame.check_clashes(names, hint="Rename the folders' key, or leave the field out of the schema")


class _Documents:
    """Finds the documents of texts, and parses them: by Spark's parser, or by tokens where that is not exact."""

    def __init__(self, frame: Frame, columns: StructType, envelope: StructType | None, settings: JsonSettings) -> None:
        self._columns, self._envelope, self._settings = columns, envelope, settings
        self._path = settings.record_names
        mark = uuid4().hex
        # Each of these options asks for what Spark's parser does not tell.
        options_of_tokens = {
            "on_extra": settings.on_extra != "drop",
            "decimal_mark": settings.decimal_mark != ".",
            "envelope_schema": envelope is not None,
        }
        self._is_parsed_by_tokens = any(options_of_tokens.values())
        # Spark resolves a limited number of functions inside one another. Deeper documents that it does not read
        # exactly are corrupt records.
        depth = max(map(depth_of, (columns, envelope or StructType())))
        self._is_deep = depth > _DEEPEST
        for option, is_given in options_of_tokens.items():
            deepest = _DEEPEST_EXTRA if option == "on_extra" else _DEEPEST
            if is_given and depth > deepest:
                raise UnsupportedError(
                    f"{option}: expected a schema of at most {deepest} types inside one another; got {depth}. Read the "
                    "deepest fields as STRING, and parse them in a second step"
                )
        self._documents = JsonDocuments(columns, self._path, mark=mark)
        # A short mark: it is in front of each value.
        options = {"mark": mark[:12], "ignores_case": frame.ignores_case}
        # With the guard, so that documents have one type, whichever parser reads them.
        with_guard = StructType([*columns.fields, self._documents.type.fields[-1]])
        self._exact = ExactParser(with_guard, settings.formats, **options)  # type: ignore[arg-type]
        self._exact_envelope = ExactParser(envelope or StructType(), settings.formats, **options)  # type: ignore[arg-type]
        self._risk = (
            is_changed("found", columns)
            if settings.assume_canonical
            else is_risky("text", "found", columns, ignores_case=frame.ignores_case)
        )

    def of(self, files: _Files) -> DataFrame:
        """Return a row for each document.

        Its columns:

        - ``text``: the document's text.
        - ``by_spark``: whether Spark's parser read it; ``document`` is then its value.
        - ``exact``: otherwise, what ``ExactParser`` returns; null if the text is not valid.
        - ``exact_envelope``: the same of the envelope.
        - ``extra``: the fields that the schema lacks.
        - Then the columns of the files.
        """
        rest = files.rest
        # Where another character set is decoded, the sign stands for bytes that are not valid in it.
        invalid = is_not_utf8("text") if self._settings.is_utf8 else "text RLIKE '\ufffd'"
        texts = files.df.selectExpr("text", f"{invalid} AS invalid", *rest)
        # Few steps: each copies the documents.
        found = texts.withColumn(
            "found", F.when(self._is_parsed_by_spark(), self._documents.found(self._normal(F.col("text"))))
        )
        # Each by itself where one of them is not exact.
        separated = found.select(
            F.expr(compiled_apart("text")).alias("text"),
            *(F.col(name) for name in ("invalid", *rest, "found")),
            self._texts().alias("texts"),
        )
        # Without the text of all documents, which each row would carry. The text of a folder may be no value.
        parts = separated.select(
            F.inline(self._each()),
            (F.col("text") if files.folders else self._text_of_one()).alias("text"),
            "invalid",
            *rest,
        )
        return self._exactly(parts, rest)

    def _each(self) -> Column:
        """Return an array of what Spark's parser has read, or else of the texts of documents."""
        own = "CAST(NULL AS STRUCT<text: STRING, envelope: STRING>)"
        by_spark = F.expr(f"transform(found, x -> struct(x AS document, {own} AS own))")
        by_tokens = F.expr("transform(texts, x -> struct(get(found, -1) AS document, x AS own))")
        return F.when(F.col("texts").isNull(), by_spark).otherwise(by_tokens)

    def _text_of_one(self) -> Column:
        """Return text that is one document; of several, each that is not whole has its own."""
        return F.when(F.col("texts").isNull() & ~self._is_several(), F.col("text"))

    def _is_several(self) -> Column:
        return F.lit(bool(self._path)) | is_array(F.col("text"))

    def _is_parsed_by_spark(self) -> Column:
        return F.expr("false" if self._is_parsed_by_tokens else "NOT invalid")

    def _texts(self) -> Column:
        """Return the texts of documents that Spark's parser has not read exactly; null where it has."""
        whole = F.array(
            F.struct(
                F.expr("regexp_replace(text, '\ufffd', '\ufffd')").alias("text"),
                F.lit(None).cast("string").alias("envelope"),
            )
        )
        # Not one condition inside the other: on Spark Connect a plan is a message inside messages, and PySpark's
        # declarative pipelines decode a hundred of them at most.
        return F.when(F.col("invalid"), whole).when(self._needs_texts(), self._documents.texts(F.col("text")))

    def _normal(self, text: Column) -> Column:
        return without_null_markers(text, self._settings)

    def _needs_texts(self) -> Column:
        needed = F.col("found").isNull() | F.expr(any_of([self._risk, *self._has_path_twice()]))
        before, after = self._counts("found", ArrayType(self._columns))
        if not before:
            return needed
        return needed | (self._is_several() & F.expr(f"{before} <> {after}"))

    def _has_path_twice(self) -> list[str]:
        """Write the conditions that a key of the path may occur twice: the parser keeps the last array alone."""
        keys = (rf"{re.escape(json.dumps(name, ensure_ascii=False))}\s*+:" for name in self._path)
        return [f"text RLIKE {literal(f'(?s){key}.*{key}')}" for key in keys]

    def _counts(self, sql: str, target: ArrayType) -> tuple[str, str]:
        """Write how many values there are before the cast of documents, and after it."""
        before = count_values(sql, target)
        after = count_values(cast_parsed(sql, target, self._settings.formats), target)
        return before, after

    def _exactly(self, each: DataFrame, rest: list[str]) -> DataFrame:
        """Parse those documents by their tokens that Spark's parser does not read exactly."""
        own, envelope = "own.text", "own.envelope"
        valid = self._documents.is_valid(self._normal(F.expr(own)))
        if self._path:  # without an envelope, the text is none of a document
            valid = F.expr(f"{envelope} IS NOT NULL") & valid
        lone = f"contains({own}, {literal(chr(92))}) AND {own} RLIKE {literal(LONE_SURROGATE)}"
        valid = F.expr(f"own IS NOT NULL AND NOT invalid AND NOT ({lone})") & valid
        # Trimmed for the test of its first character.
        text = self._sql_normal(f"btrim({own}, ' \t\r\n\ufeff')")
        columns = [F.when(valid, F.expr(self._exact.parse(text))).alias("exact")]
        if self._is_deep:
            nothing = StructType([StructField("v", self._documents.type), StructField("b", BooleanType())])
            columns = [F.expr(f"from_json(CAST(NULL AS STRING), {literal(type_sql(nothing))}) AS exact")]
        if self._settings.on_extra != "drop":
            columns.append(F.when(valid, F.expr(self._exact.extra_fields(text))).alias("extra"))
        if self._envelope is not None:
            by_text = if_(f"{envelope} IS NOT NULL", self._exact_envelope.parse(self._sql_normal(envelope)))
            columns.append(F.expr(by_text).alias("exact_envelope"))
        kept = [F.expr(f"if(own IS NULL, text, {own})").alias("text"), F.col("document"), *map(F.col, rest)]
        added = [F.expr("own IS NULL").alias("by_spark"), *columns]
        return each.select(*kept, *added)

    def _sql_normal(self, text: str) -> str:
        markers = self._settings.null_markers
        if not markers:
            return text
        return f"regexp_replace({text}, {literal(null_markers_pattern(markers))}, {literal('$1null')})"
