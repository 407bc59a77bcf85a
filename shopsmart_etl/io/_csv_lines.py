"""Read the lines of CSV files and turn their fields into values.

The lines are split here, and not by Spark's CSV reader, which accepts wrong quotes, drops bytes that are not UTF-8 and
keeps no text of what it could read. That reader is used for lines alone, because it leaves out each file's header, and
compares it with the first file's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import DecimalType, StringType, StructField, StructType

from shopsmart_etl._core.frame import Frame
from shopsmart_etl._core.spark_errors import fail_sql
from shopsmart_etl._core.sql import all_of, call, cast, compiled_apart, if_, lambda_, literal, positions, quote
from shopsmart_etl._core.text_casts import parse_text
from shopsmart_etl._shown import shown_value
from shopsmart_etl.errors import HeaderMismatchError, SourceNotFoundError
from shopsmart_etl.io._csv_text import CsvText, distinct_names, rescued_fields
from shopsmart_etl.io._source import Folders, find_folders, is_not_utf8, load, origin
from shopsmart_etl.io.read_options import CsvSettings

# Every byte is a character of Latin-1, so that lines in it keep bytes that are not valid in the file's encoding.
_LATIN_1 = "ISO-8859-1"
# Not in Latin-1: Spark's CSV reader finds no separator and no quote, and returns each line as one field.
_NOT_IN_LINES = {"sep": "\u2400", "quote": "\u2401", "escape": "\u2401"}
_HEADER_LENGTH = 1_000_000
_REST = 2**31 - 1


class _Lines(NamedTuple):
    """The lines of files.

    Attributes:
        df: The line as text, then the file's columns, then those of folders, all but the first named by position.
        names: The names in the header, made distinct; the schema's where there is no header.
    """

    df: DataFrame
    names: list[str]


def read_lines(
    spark: SparkSession, path: str, columns: StructType, settings: CsvSettings, *, stream: bool
) -> DataFrame:
    """Read CSV files as columns of a schema, then the columns that the settings add, then those of folders."""
    folders = find_folders(spark, path, stream=stream)
    lines = _CsvSource(spark, path, settings, folders, stream=stream).read(columns)
    return _Typed(spark, path, columns, settings, folders).of(lines)


def read_texts(spark: SparkSession, path: str, settings: CsvSettings) -> DataFrame:
    """Read the fields of CSV files with headers as text; null in lines that cannot be split."""
    folders = find_folders(spark, path, stream=False)
    lines = _CsvSource(spark, path, settings, folders, stream=False).read(StructType())
    text = CsvText(settings)
    split = lines.df.select(text.fields(F.col("line")).alias("fields"))
    values = split.selectExpr(*(text.value(f"get(fields, {index})") for index in range(len(lines.names))))
    return values.toDF(*lines.names) if lines.names else values


class _CsvSource:
    """Files with lines, and what stands in front of each file's."""

    def __init__(
        self, spark: SparkSession, path: str, settings: CsvSettings, folders: Folders, *, stream: bool
    ) -> None:
        self._spark, self._path, self._settings, self._folders = spark, path, settings, folders
        self._reader = spark.readStream if stream else spark.read
        self._stream = stream
        self._text = CsvText(settings)

    def read(self, columns: StructType) -> _Lines:
        """Read the lines, by the way that the settings ask for."""
        if self._settings.reads_whole_files:
            return self.records(columns)
        return self.lines_after_header(columns) if self._settings.header else self.lines(columns)

    def lines(self, columns: StructType) -> _Lines:
        """Read files without headers by the line."""
        raw = self._load(self._reader.format("text"), [StructField("line", StringType())])
        line = "line" if self._settings.is_utf8 else f"decode(CAST(line AS BINARY), {literal(self._settings.encoding)})"
        return _Lines(self._records_of(raw, line, line), self._schema_names(columns))

    def lines_after_header(self, columns: StructType) -> _Lines:
        """Read files with headers by the line; one with another header than the first fails the job."""
        # By the line, Spark drops those of blanks alone, which are fields where a blank is the separator.
        options: dict[str, str | bool] = {
            **_NOT_IN_LINES,
            "encoding": _LATIN_1,
            "header": True,
            "multiLine": self._settings.sep <= " ",
        }
        if self._settings.comment is not None:
            options["comment"] = self._settings.comment
        header = self._first(self._spark.read.format("csv").options(**options, recursiveFileLookup=True))
        names = self._schema_names(columns) if header is None else self._names(header)
        # What no file can have as its header: a stream is given the header that its files are to have.
        header = header or self._settings.sep.join(names).encode().decode(_LATIN_1)
        bad = f"{header}\u2401"
        reader = self._reader.format("csv").options(
            **options, enforceSchema=False, mode="PERMISSIVE", columnNameOfCorruptRecord=bad
        )
        raw = self._load(reader, [StructField(header, StringType()), StructField(bad, StringType())])
        latin = "regexp_replace(coalesce(bad, line), '[\r\n]+$', '')" if options["multiLine"] else "coalesce(bad, line)"
        binary = f"encode({latin}, '{_LATIN_1}')"
        if not self._settings.is_utf8:
            line = f"decode({binary}, {literal(self._settings.encoding)})"
            return _Lines(self._records_of(raw, line, line), names)
        # ASCII is the same in both: to convert it would take as long as to read it.
        line = if_(f"octet_length({latin}) = length({latin})", latin, f"CAST({binary} AS STRING)")
        return _Lines(self._records_of(raw, line, latin), names)

    def records(self, columns: StructType) -> _Lines:
        """Read each file as one text, and split it into records."""
        settings = self._settings
        reader = self._reader.format("text").option("wholetext", value=True)
        raw = self._load(reader, [StructField("line", StringType())])
        charset, mark = (_LATIN_1, "\u00ef\u00bb\u00bf") if settings.is_utf8 else (settings.encoding, "\ufeff")
        text = f"regexp_replace(decode(CAST(line AS BINARY), {literal(charset)}), '^{mark}', '')"

        def split(df: DataFrame) -> DataFrame:
            rest = [f"`{name}`" for name in df.columns[1:]]
            lines = df.select(self._text.records(F.expr("line")).alias("line"), *map(F.col, rest))
            is_record = lambda_("x", f"NOT {self._text.is_blank('x')}")
            return lines.selectExpr(f"{call('filter', 'line', is_record)} AS line", *rest)

        rest = [f"`{name}`" for name in raw.columns[1:]]
        files = split(raw.selectExpr(f"{text} AS line", *rest))
        names = self._schema_names(columns)
        if settings.header:
            header = self._first_record(
                lambda files: split(files.selectExpr(f"substring({text}, 1, {_HEADER_LENGTH}) AS line"))
            )
            names = names if header is None else self._names(header)
            files = self._without_headers(files, header or settings.sep.join(names))
        each = files.selectExpr("explode(line) AS line", *rest)
        if not settings.is_utf8:
            return _Lines(each, names)
        return _Lines(each.selectExpr(f"CAST(encode(line, '{_LATIN_1}') AS STRING) AS line", *rest), names)

    def _load(self, reader: object, fields: Sequence[StructField]) -> DataFrame:
        """Load files, with the line and the corrupt line in the first columns, then the file's, then the folders'."""
        schema = StructType([*fields, *self._folders.fields])
        raw = load(self._spark, reader.schema(schema), self._path)  # type: ignore[attr-defined]
        added = origin(raw, self._settings)
        first, count = len(schema.fields), len(fields)
        placed = raw.select("*", *added).toDF(*positions(first + len(added)))
        rest = [*range(first, first + len(added)), *range(count, first)]
        lines = [f"`{at}` AS {name}" for at, name in zip(range(count), ("line", "bad"), strict=False)]
        return placed.selectExpr(*lines, *(f"`{at}` AS `{new}`" for new, at in enumerate(rest)))

    def _records_of(self, raw: DataFrame, line: str, tested: str) -> DataFrame:
        """Return the lines that are records; ``tested`` is the line, or its bytes as Latin-1."""
        rest = [f"`{name}`" for name in raw.columns if name not in ("line", "bad")]
        return raw.where(f"NOT {self._text.is_blank(tested)}").selectExpr(f"{line} AS line", *rest)

    def _first(self, reader: object) -> str | None:
        """Read the first header as one field, byte by byte; None if there is no line."""
        try:
            names = load(self._spark, reader, self._path).columns  # type: ignore[arg-type]
        except SourceNotFoundError:
            if self._stream:
                return None
            raise
        return names[0] if names else None

    def _first_record(self, split: Callable[[DataFrame], DataFrame]) -> str | None:
        """Read the first record of the files that are there; None if there is none."""
        reader = self._spark.read.format("text").options(wholetext=True, recursiveFileLookup=True)
        try:
            files = load(self._spark, reader.schema("line STRING"), self._path)
        except SourceNotFoundError:
            if self._stream:
                return None
            raise
        found = split(files).selectExpr("get(line, 0) AS line").where("line IS NOT NULL").limit(1).collect()
        return found[0][0] if found else None

    def _names(self, header: str) -> list[str]:
        """Return the names in a header."""
        settings = self._settings
        is_text = settings.reads_whole_files and not settings.is_utf8
        text = header if is_text else header.encode(_LATIN_1).decode(settings.encoding, errors="replace")
        frame = Frame(StructType(), session=self._spark)
        found = distinct_names(self._text.names(text.removeprefix("\ufeff")), ignores_case=frame.ignores_case)
        frame.check_clashes(
            [(name, f"the column {quote(name)} of the files") for name in found]
            + [(name, f"the folders' {quote(name)}") for name in self._folders.names],
            hint="Rename the folders' key, or the column in the files",
        )
        return found

    def _schema_names(self, columns: StructType) -> list[str]:
        frame = Frame(columns, session=self._spark)
        return [name for name in columns.names if not frame.has_name(name, self._folders.names)]

    def _without_headers(self, files: DataFrame, header: str) -> DataFrame:
        rest = [f"`{name}`" for name in files.columns[1:]]
        got = call("get", "line", "0")
        fails = fail_sql(literal(f"{self._path!r}: expected the header {shown_value(header)} in each file; got "), got)
        same = f"({got} IS NULL OR {got} = {literal(header)})"
        body = if_(same, f"slice(line, 2, {_REST})", f"array({cast(fails, StringType())})")
        return files.selectExpr(f"{body} AS line", *rest)


class _Typed:
    """Turns the fields of lines into values."""

    def __init__(
        self, spark: SparkSession, path: str, columns: StructType, settings: CsvSettings, folders: Folders
    ) -> None:
        self._frame = Frame(columns, session=spark)
        self._path, self._columns, self._settings, self._folders = path, columns, settings, folders
        self._text = CsvText(settings)

    def of(self, lines: _Lines) -> DataFrame:
        """Return the columns of the schema, those that the settings add, and those of the other folders."""
        settings, columns = self._settings, self._columns
        texts = self._texts(lines.names)
        extra = [index for index, name in enumerate(lines.names) if not self._frame.has_name(name, columns.names)]
        rest = [f"`{name}`" for name in lines.df.columns[1:]]
        unreadable = is_not_utf8("line") if settings.is_utf8 else "line RLIKE '\ufffd'"
        fields = F.when(~F.expr(unreadable), self._text.fields(F.col("line")))
        split = lines.df.select("line", fields.alias("fields"), *map(F.col, rest))
        rescued = [f"{self._text.value(f'get(fields, {index})')} AS e{index}" for index in extra]
        whole = f"coalesce(size(fields) = {len(lines.names)}, false) AS whole"
        line = f"{compiled_apart('line')} AS line"
        named = split.selectExpr(line, whole, *(f"{sql} AS t{at}" for at, sql in enumerate(texts)), *rescued, *rest)
        values = [f"{parse_text(f't{at}', one.dataType, settings.formats)} AS v{at}" for at, one in enumerate(columns)]
        typed = named.selectExpr(line, *(f"`{name}`" for name in named.columns[1:]), *values)
        readable = all_of(["whole", *(f"(t{at} IS NULL OR v{at} IS NOT NULL)" for at in range(len(texts)))])
        # Java replaces bytes that are not UTF-8, which not every client can read.
        added = [F.expr(if_(readable, "NULL", "regexp_replace(line, '\ufffd', '\ufffd')"))]
        if settings.on_extra == "rescue":
            added.append(rescued_fields([(lines.names[index], f"e{index}") for index in extra]))
        if settings.on_excess_decimals == "round":
            added.append(F.expr(self._rounded()))
        declared = [at for at, name in enumerate(self._folders.names) if self._frame.has_name(name, columns.names)]
        origins = len(rest) - len(self._folders.names)
        kept = [*rest[:origins], *(rest[origins + at] for at in range(len(self._folders.names)) if at not in declared)]
        names = [name for at, name in enumerate(self._folders.names) if at not in declared]
        # Spark Connect adds metadata to columns without an alias.
        named_added = (column.alias(f"a{at}") for at, column in enumerate(added))
        result = typed.select(*(F.col(f"v{at}") for at in range(len(texts))), *named_added, *map(F.col, kept))
        return result.toDF(*columns.names, *settings.added_columns.values(), *names)

    def _texts(self, names: Sequence[str]) -> list[str]:
        """Write the text of each column of the schema, and check that the header has what the schema has."""
        frame, folders, columns = self._frame, self._folders.names, self._columns
        other_folders = [name for name in folders if not frame.has_name(name, columns.names)]
        frame.check_clashes(
            [(name, f"the added column {quote(name)}") for name in self._settings.added_columns.values()]
            + [(name, f"the folders' {quote(name)}") for name in other_folders],
            hint="Rename the folders' key, or give the added column another name",
        )
        missing = [name for name in columns.names if not frame.has_name(name, [*names, *folders])]
        unknown = [name for name in names if not frame.has_name(name, columns.names)]
        if missing or (unknown and self._settings.on_extra == "error"):
            shown = unknown if self._settings.on_extra == "error" else []
            raise HeaderMismatchError(self._path, missing, shown, hint=self._hint(names, missing, unknown))
        origins = sum(1 for name in ("file_path_column", "file_modified_column") if getattr(self._settings, name))
        sql = []
        for name in columns.names:
            in_file = frame.indexes_of(name, names)
            if in_file:
                sql.append(self._text.value(f"get(fields, {in_file[0]})"))
            else:
                sql.append(f"`{origins + frame.indexes_of(name, folders)[0]}`")
        return sql

    def _hint(self, names: Sequence[str], missing: Sequence[str], unknown: Sequence[str]) -> str:
        settings = self._settings
        if not settings.trim_header and {name.strip() for name in unknown} & set(missing):
            return "trim_header=True removes the spaces"
        separator = self._text.other_separator(names[0]) if len(names) == 1 else None
        return f"The separator looks like sep={separator!r}" if separator else "Give the schema of these files"

    def _rounded(self) -> str:
        """Write the names of the columns whose value was rounded, as an array."""
        exact = self._settings.formats._replace(rounds=False)
        paths = [
            if_(
                all_of([f"v{at} IS NOT NULL", f"{parse_text(f't{at}', one.dataType, exact)} IS NULL"]),
                literal(one.name),
            )
            for at, one in enumerate(self._columns)
            if isinstance(one.dataType, DecimalType)
        ]
        return call("filter", f"CAST(array({', '.join(paths)}) AS ARRAY<STRING>)", lambda_("x", "x IS NOT NULL"))
