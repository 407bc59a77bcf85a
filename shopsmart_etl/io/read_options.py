"""The options of the readers, and the settings that they are checked into."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal

from pyspark.sql.types import StructType
from typing_extensions import Self, TypedDict

from shopsmart_etl._core.checks import (
    check_choice,
    check_flag,
    check_integer,
    check_optional_text,
    check_options,
    check_schema,
    check_text,
    check_texts,
)
from shopsmart_etl._core.text_casts import EPOCH_UNITS, ISO_8601, Formats, check_formats
from shopsmart_etl.errors import InvalidArgumentError

# A name of a path: quoted in backticks, where two backticks are one, or plain.
_PATH_PART = re.compile(r"`((?:[^`]|``)+)`|([^`.]+)")


class ReadOptions(TypedDict, total=False):
    """The options that both readers have.

    Attributes:
        encoding: The files' character set; UTF-8 by default. Bytes that are not UTF-8 make a corrupt record.
        multiline: True allows line breaks inside records. Each file is then read whole, by one task, in memory.
        date_formats: The formats of dates in text: ``"iso8601"`` (the default: ``2026-01-31``), or Spark's datetime
            patterns. The first that matches is used.
        timestamp_formats: The formats of timestamps: ``"iso8601"`` (the default: ``2026-01-31T10:00``, with ``T`` or a
            space, and with seconds, up to six decimals and an offset where there are any), Spark's datetime patterns,
            or ``"epoch_seconds"``, ``"epoch_millis"``, ``"epoch_micros"``, ``"epoch_nanos"``. Text without an offset is
            in the session's time zone.
        decimal_mark: ``"."`` (the default) or ``","``. Numbers with separators between thousands are never read.
        null_markers: Texts that mean null: by default the empty text in CSV, and none in JSON.
        on_excess_decimals: What to do about a number with more decimals than its column: ``"flag"`` (the default) makes
            a corrupt record; ``"round"`` rounds it half up, and lists the column in ``rounded_column``.
        on_extra: What to do about columns and fields that the schema lacks: ``"error"`` (the default for CSV headers),
            ``"drop"`` (the default for JSON), or ``"rescue"``, which keeps them in ``rescued_column``.
        corrupt_record_column: The name of the string column for records that could not be read whole;
            ``"_corrupt_record"`` by default.
        rescued_column: The name of the JSON text column for extra fields; ``"_rescued"`` by default.
        rounded_column: The name of the column with the paths of rounded values; ``"_rounded"`` by default.
        file_path_column: The name of the string column for the file of a row, ``"_file_path"`` by default; None leaves
            it out.
        file_modified_column: The name of the timestamp column for when that file was last changed,
            ``"_file_modified"`` by default; None leaves it out.
    """

    encoding: str
    multiline: bool
    date_formats: Sequence[str]
    timestamp_formats: Sequence[str]
    decimal_mark: Literal[".", ","]
    null_markers: Sequence[str]
    on_excess_decimals: Literal["flag", "round"]
    on_extra: Literal["error", "drop", "rescue"]
    corrupt_record_column: str
    rescued_column: str
    rounded_column: str
    file_path_column: str | None
    file_modified_column: str | None


class CsvOptions(ReadOptions, total=False):
    """The options of ``read_csv_logs``: those of ``ReadOptions``, and the dialect.

    Attributes:
        sep: The separator of fields, one ASCII character; a comma by default. With a tab or a space, each file is read
            by one task.
        quote: The quote, one ASCII character, ``'"'`` by default; None where no field is quoted. A quote inside a
            quoted field is doubled.
        escape: The character before a quote, or before itself, inside a quoted field, such as a backslash; None, the
            default, where there is none.
        comment: Lines that begin with this ASCII character are skipped; None, the default, skips none.
        header: True, the default, if each file begins with the names of its columns. False takes the schema's columns
            in their order.
        skip_lines: How many lines to skip at the beginning of each file; 0 by default. Each file is then read whole, as
            with ``multiline``.
        trim_header: True removes spaces around the names in the header.
    """

    sep: str
    quote: str | None
    escape: str | None
    comment: str | None
    header: bool
    skip_lines: int
    trim_header: bool


class JsonOptions(ReadOptions, total=False):
    """The options of ``read_json_payloads``: those of ``ReadOptions``, and where the documents are.

    Attributes:
        record_path: The path of the array of documents in an envelope: ``"data"`` for ``{"page": 3, "data": [...]}``,
            ``"result.orders"`` for a nested one; names with dots are in backticks. Each document becomes a row; an
            empty array has none. None, the default: each value is a document.
        envelope_schema: The fields of the envelope to keep on every row, as a StructType or as DDL text; None, the
            default, keeps none.
        assume_canonical: True declares that the names of fields are spelled as in the schema, that no number has more
            than 15 digits or an exponent, that columns of text and bytes have only strings, and that no key occurs
            twice. Values are then not compared with the text of their document, which is faster. If the declaration is
            wrong, values may be changed without a corrupt record: the number ``1.10`` in a text column becomes
            ``"1.1"``. False by default.
    """

    record_path: str | None
    envelope_schema: StructType | str | None
    assume_canonical: bool


class InferOptions(CsvOptions, JsonOptions, total=False):
    """The options of ``infer_schema``: those of the reader of the format."""


@dataclass(frozen=True, kw_only=True)
class ReadSettings:
    """The options that both readers have, checked, with their defaults."""

    encoding: str = "UTF-8"
    multiline: bool = False
    date_formats: Sequence[str] = (ISO_8601,)
    timestamp_formats: Sequence[str] = (ISO_8601,)
    decimal_mark: str = "."
    null_markers: Sequence[str] = ()
    on_excess_decimals: str = "flag"
    on_extra: str = "error"
    corrupt_record_column: str = "_corrupt_record"
    rescued_column: str = "_rescued"
    rounded_column: str = "_rounded"
    file_path_column: str | None = "_file_path"
    file_modified_column: str | None = "_file_modified"

    def __post_init__(self) -> None:
        """Check the values."""
        check_text("encoding", self.encoding, expected="the name of a character set, such as 'UTF-8'")
        check_flag("multiline", self.multiline)
        check_formats("date_formats", self.date_formats)
        check_formats("timestamp_formats", self.timestamp_formats, names=list(EPOCH_UNITS))
        check_choice("decimal_mark", self.decimal_mark, (".", ","))
        check_texts("null_markers", self.null_markers, expected="a sequence of strings, such as ['', 'NULL']")
        check_choice("on_excess_decimals", self.on_excess_decimals, ("flag", "round"))
        check_choice("on_extra", self.on_extra, ("error", "drop", "rescue"))
        for argument in ("corrupt_record_column", "rescued_column", "rounded_column"):
            check_text(argument, getattr(self, argument), expected="the name of a column")
        for argument in ("file_path_column", "file_modified_column"):
            check_optional_text(argument, getattr(self, argument), expected="the name of a column, or None")

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Self:
        """Check a reader's options.

        Raises:
            InvalidArgumentError: An option is unknown, or its value is not allowed.
        """
        check_options(options, [field.name for field in fields(cls)], call="this reader")
        return cls(**options)

    @property
    def is_utf8(self) -> bool:
        """Whether the files are in UTF-8."""
        return self.encoding.upper().replace("_", "-") in {"UTF-8", "UTF8"}

    @property
    def formats(self) -> Formats:
        """The forms of values in text."""
        rounds = self.on_excess_decimals == "round"
        return Formats(self.date_formats, self.timestamp_formats, self.decimal_mark, rounds)

    @property
    def added_columns(self) -> dict[str, str]:
        """The options that name the columns after the schema's own, and their values."""
        wanted = {"rescued_column": self.on_extra == "rescue", "rounded_column": self.on_excess_decimals == "round"}
        names = "corrupt_record_column", "rescued_column", "rounded_column", "file_path_column", "file_modified_column"
        values = {name: getattr(self, name) for name in names if wanted.get(name, True)}
        return {name: value for name, value in values.items() if value is not None}


@dataclass(frozen=True, kw_only=True)
class CsvSettings(ReadSettings):
    """The options of ``read_csv_logs``, checked, with their defaults."""

    null_markers: Sequence[str] = ("",)
    sep: str = ","
    quote: str | None = '"'
    escape: str | None = None
    comment: str | None = None
    header: bool = True
    skip_lines: int = 0
    trim_header: bool = False

    def __post_init__(self) -> None:
        """Check the values."""
        super().__post_init__()
        for argument in ("sep", "quote", "escape", "comment"):
            value = getattr(self, argument)
            if value is None and argument != "sep":
                continue
            if not isinstance(value, str) or len(value) != 1 or not value.isascii() or value in "\r\n":
                expected = f"one ASCII character{'' if argument == 'sep' else ', or None'}"
                raise InvalidArgumentError(argument, expected=expected, got=value)
        if self.escape is not None and self.escape == self.quote:
            raise InvalidArgumentError("escape", expected="None: a doubled quote is read without it", got=self.escape)
        if self.sep in (self.quote, self.escape):
            raise InvalidArgumentError("sep", expected="another character than quote= and escape=", got=self.sep)
        check_flag("header", self.header)
        check_flag("trim_header", self.trim_header)
        check_integer("skip_lines", self.skip_lines, min_value=0)

    @property
    def reads_whole_files(self) -> bool:
        """Whether each file is read as one text, whose lines are in order."""
        return self.multiline or self.skip_lines > 0


@dataclass(frozen=True, kw_only=True)
class JsonSettings(ReadSettings):
    """The options of ``read_json_payloads``, checked, with their defaults."""

    on_extra: str = "drop"
    record_path: str | None = None
    envelope_schema: StructType | str | None = None
    assume_canonical: bool = False

    def __post_init__(self) -> None:
        """Check the values."""
        super().__post_init__()
        check_record_path(self.record_path)
        check_flag("assume_canonical", self.assume_canonical)
        if self.envelope_schema is not None:
            check_schema("envelope_schema", self.envelope_schema)
            if self.record_path is None:
                raise InvalidArgumentError("envelope_schema", expected="a record_path= with it", got="none")

    @property
    def record_names(self) -> list[str]:
        """The names on the path from an envelope to its documents."""
        return check_record_path(self.record_path)


def check_record_path(value: object) -> list[str]:
    """Check the path of a field, and return its names; none for None.

    >>> check_record_path("response.`a.b`")
    ['response', 'a.b']

    Raises:
        InvalidArgumentError: It is not a path.
    """
    if value is None:
        return []
    names, end = [], 0
    text = value if isinstance(value, str) else ""
    while match := _PATH_PART.match(text, end):
        names.append(match[1].replace("``", "`") if match[1] else match[2])
        end = match.end() + 1
        if text[end - 1 : end] != ".":
            break
    if end != len(text) + 1:
        expected = "a field's path, such as 'response.orders', whose names with a dot are in backticks, or None"
        raise InvalidArgumentError("record_path", expected=expected, got=value)
    return names
