"""Translate Spark's errors into this package's own. Only path_errors inspects them too."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from pyspark.sql import Column
from pyspark.sql import functions as F

from shopsmart_etl._core.path_errors import path_trouble
from shopsmart_etl._core.sql import call, literal
from shopsmart_etl._shown import HIDDEN, MAX_SHOWN, shows_values
from shopsmart_etl.errors import (
    InvalidArgumentError,
    PartitionError,
    RowRefusedError,
    ShopSmartError,
    SourceError,
    SourceNotFoundError,
    TableError,
    TargetExistsError,
    UnsupportedError,
    WriteConflictError,
)

# The prefix of every message with which an expression of this package fails a job. The message is one line, so that it
# ends where Spark adds the SQLSTATE, or a stack trace on the next line.
_REFUSED = "shopsmart_etl refuses a row: "
# The prefix of every message with which a write stops its own job.
_STOPPED = "shopsmart_etl stops a write: "
# At the start, or after a condition or an exception's name. Elsewhere it is an expression in the text of a plan, which
# the error of a stream contains whatever the stream failed at.
_START = r"(?:^|(?<=[\]:)] ))"
_REASON = re.compile(rf"{_START}{_REFUSED}(.*?)(?: SQLSTATE|\n|$)", re.MULTILINE)
_STOP_REASON = re.compile(rf"{_START}{_STOPPED}(.*?)(?: SQLSTATE|\n|$)", re.MULTILINE)
# A condition in a message: Spark writes those of an error's causes nowhere else.
_CONDITION = re.compile(rf"{_START}\[([A-Z][A-Z0-9_]*(?:\.[A-Z0-9_]+)*)\]", re.MULTILINE)

# Delta Lake's conditions. Iceberg has none, so match the texts of its CommitFailedException and ValidationException.
# The last two conditions are those of writers that create a table at once, the last text that of a compaction.
_CONFLICT_CONDITIONS = ("DELTA_CONCURRENT", "DELTA_PROTOCOL_CHANGED", "DELTA_METADATA_CHANGED")
_CONFLICT_TEXTS = (
    "org.apache.iceberg.exceptions.CommitFailedException",
    "Found conflicting files",
    "Cannot commit rewrite because of a ValidationException or CommitFailedException",
)
_MISSING_FORMAT = ("DATA_SOURCE_NOT_FOUND", "DELTA_CONFIGURE_SPARK_SESSION_WITH_EXTENSION_AND_CATALOG")
_TARGET_EXISTS = ("PATH_ALREADY_EXISTS", "DELTA_PATH_EXISTS", "TABLE_OR_VIEW_ALREADY_EXISTS")
_NOT_NULL = ("NOT_NULL_ASSERT_VIOLATION", "DELTA_NOT_NULL_CONSTRAINT_VIOLATED")
# The column, in Spark's text and in Delta Lake's.
_NULL_COLUMN = re.compile(r"(?:non-nullable field: *\n|violated for column: )([^\n]+?)\.?\s*(?:\n|$)")


def error_condition(error: BaseException) -> str:
    """Return the name of Spark's error condition, such as ``PATH_NOT_FOUND``; empty if the error has none."""
    # PySpark before 4 has only the old name; later ones warn of it.
    method = getattr(error, "getCondition", None) or getattr(error, "getErrorClass", None)
    return str((method and method()) or "")


def error_summary(error: BaseException) -> str:
    """Return the first line of Spark's message, without the SQL state and the position that follow."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0].partition(" SQLSTATE")[0].rstrip(" .")


def has_condition(error: BaseException, *names: str) -> bool:
    """Return whether an error, or a cause of it, has a condition whose name starts with one of these."""
    conditions = [error_condition(error), *_CONDITION.findall(str(error))]
    return any(condition.startswith(names) for condition in conditions)


def has_no_files(error: BaseException) -> bool:
    """Return whether an error says that a folder has no files. Spark 3.5 has the text without the condition, too."""
    return has_condition(error, "UNABLE_TO_INFER_SCHEMA") or str(error).startswith("Unable to infer schema for ")


def is_directory_conflict(error: BaseException) -> bool:
    """Return whether Spark found files in folders that are no partitions of one table. Spark 3.5 has no condition."""
    text = "Conflicting directory structures detected"
    return has_condition(error, "CONFLICTING_DIRECTORY_STRUCTURES") or text in str(error)


def fail_sql(*parts: str) -> str:
    """Write SQL that fails the job at a row.

    Args:
        *parts: SQL strings whose values are joined to the message, truncated, or hidden if ``shows_values`` is false;
            wrap fixed text in ``literal``, and numbers of rows in ``Count``.
    """
    return _fail(_REFUSED, parts)


class Count(str):
    """SQL of a number that is no value of a row, and never hidden."""

    __slots__ = ()


def fail_column(*parts: Column | str) -> Column:
    """Return a Column that fails the job at a row, with a message joined from text and Columns."""
    texts = (F.lit(part) if isinstance(part, str) else _shown_column(part) for part in parts)
    message = F.concat(F.lit(_REFUSED), *texts)
    return F.raise_error(F.translate(message, "\r\n", "  "))


def refused_row_reason(error: BaseException) -> str | None:
    """Return the message with which an expression of this package failed a job; None for other errors."""
    reason = _REASON.search(str(error))
    return reason[1] if reason else None


def stop_write_sql(*parts: str) -> str:
    """Write SQL that stops a write's job, so that ``translate_write_errors`` raises a PartitionError.

    Args:
        *parts: As with ``fail_sql``.
    """
    return _fail(_STOPPED, parts)


def _fail(prefix: str, parts: Sequence[str]) -> str:
    # Text is a literal, and never null; a null value would make the whole message null.
    texts = (part if part.startswith(("'", "CAST(X'")) else _shown_sql(part) for part in parts)
    message = call("concat", literal(prefix), *texts)
    return call("raise_error", call("translate", message, literal("\r\n"), "'  '"))


def _shown_sql(sql: str) -> str:
    text = f"coalesce(CAST({sql} AS STRING), 'null')"
    if isinstance(sql, Count):
        return text
    return (
        f"if(length({text}) > {MAX_SHOWN}, left({text}, {MAX_SHOWN}) || '...', {text})"
        if shows_values()
        else literal(HIDDEN)
    )


def _shown_column(value: Column) -> Column:
    text = F.coalesce(value, F.lit("null"))
    shortened = F.concat(F.left(text, F.lit(MAX_SHOWN)), F.lit("..."))
    return F.when(F.length(text) > MAX_SHOWN, shortened).otherwise(text) if shows_values() else F.lit(HIDDEN)


@contextmanager
def translate_errors() -> Iterator[None]:
    """Translate the error of a job in which a step refused a value into a ``RowRefusedError``.

    The readers and writers of this package translate their own errors. Run other actions, such as ``collect``, inside
    this context manager. Other errors pass through unchanged.

    Raises:
        RowRefusedError: A step refused a value, such as text that is not an amount with
            ``parse_money(..., on_unreadable="error")``.

    Example:
        >>> prices = spark.createDataFrame([("9.90",), ("free",), (None,)], "price string")
        >>> amounts = prices.transform(parse_money("price", on_unreadable="error"))
        >>> with translate_errors():
        ...     rows = amounts.collect()
        Traceback (most recent call last):
            ...
        shopsmart_etl.errors.RowRefusedError: column 'price': expected an amount; got 'free'
    """
    try:
        yield
    except ShopSmartError:
        raise
    except Exception as error:
        if reason := refused_row_reason(error):
            raise RowRefusedError(reason) from error
        raise


@contextmanager
def translate_write_errors(target: str, *, is_stream: bool = False) -> Iterator[None]:
    """Translate errors of a write into this package's own.

    Args:
        target: The table's path or name.
        is_stream: Whether a stream is written, whose batches before the failing one are in the table.

    Raises:
        PartitionError: The write stopped its own job at a partition value.
        RowRefusedError: A step of the chain refused a value, or a NOT NULL column got a null.
        WriteConflictError: Another writer changed the table.
        TargetExistsError: Another writer created the table.
        TableError: The file system refuses the path.
        SourceNotFoundError: Source files of the rows do not exist.
        UnsupportedError: The session does not support the table format.
    """
    try:
        yield
    except ShopSmartError:
        raise
    # The exception class depends on the format, its Python package and Spark Connect.
    except Exception as error:
        written = "the batch was not written" if is_stream else "nothing was written"
        translated = _refused_rows(target, error, written) or _refused_table(target, error)
        if translated is None and (trouble := path_trouble(error)):
            translated = TableError(f"{target!r}: {trouble}; {written}")
        if translated is None:
            raise
        raise translated from error


def _refused_rows(target: str, error: Exception, written: str) -> ShopSmartError | None:
    """Translate an error that a row caused."""
    text = str(error)
    if stopped := _STOP_REASON.search(text):
        return PartitionError(target, stopped[1].replace("nothing was written", written))
    if reason := refused_row_reason(error):
        return RowRefusedError(f"{reason}; {written} to {target!r}")
    if not has_condition(error, *_NOT_NULL):
        return None
    found = _NULL_COLUMN.search(text)
    column = f"column {found[1]!r}" if found else "a column that is NOT NULL"
    return RowRefusedError(f"{column} of {target!r}: expected a value; got null; {written}")


def _refused_table(target: str, error: Exception) -> ShopSmartError | None:
    """Translate an error that the table or a missing format caused."""
    if has_condition(error, *_CONFLICT_CONDITIONS) or any(part in str(error) for part in _CONFLICT_TEXTS):
        return WriteConflictError(target)
    if has_condition(error, *_TARGET_EXISTS):
        return TargetExistsError(target)
    if has_condition(error, *_MISSING_FORMAT):
        return UnsupportedError(
            f"{target!r}: this session has no such format; nothing was written. Start the session with the format's "
            "jar (spark.jars.packages) and its spark.sql.extensions and spark.sql.catalog settings"
        )
    if has_condition(error, "FAILED_READ_FILE"):
        return _unreadable_file(f"{target!r}: nothing was written", error)
    return _path_not_found(target, error) if error_condition(error) == "PATH_NOT_FOUND" else None


@contextmanager
def translate_read_errors(path: str) -> Iterator[None]:
    """Translate errors of a read into this package's own.

    Args:
        path: The path being read.

    Raises:
        SourceNotFoundError: The path does not exist, or contains no file.
        SourceError: A file cannot be read.
        InvalidArgumentError: Spark does not support the encoding.
        RowRefusedError: The reader refused a value.
    """
    try:
        yield
    except ShopSmartError:
        raise
    except Exception as error:
        translated = _translated_read_error(path, error)
        if translated is None:
            raise
        raise translated from error


def _translated_read_error(path: str, error: Exception) -> ShopSmartError | None:
    if has_condition(error, "PATH_NOT_FOUND") or has_no_files(error):
        return _path_not_found(path, error) if has_condition(error, "PATH_NOT_FOUND") else no_file_found(path)
    if trouble := path_trouble(error):
        return SourceNotFoundError(path, trouble)
    if has_condition(error, "INVALID_PARAMETER_VALUE.CHARSET"):
        return InvalidArgumentError(
            "encoding",
            expected="an encoding that Spark supports (UTF-8, ISO-8859-1, US-ASCII, UTF-16 or UTF-32), or one that "
            "Java supports, such as cp850, with spark.sql.legacy.javaCharsets=true",
            got=str(error).splitlines()[0],
        )
    if has_condition(error, "FAILED_READ_FILE"):
        return _unreadable_file(repr(path), error)
    reason = refused_row_reason(error)
    return RowRefusedError(reason) if reason else None


def _unreadable_file(what: str, error: Exception) -> SourceError:
    # The line with the condition names the file, from Spark 4 on.
    line = next((line for line in str(error).splitlines() if "FAILED_READ_FILE" in line), "")
    text = line[line.find("[FAILED_READ_FILE") :]
    # Spark has this condition for a file that it may not read, too.
    hint = ". Or Spark has no permission to read it" if "FILE_NOT_EXIST" in text else ""
    return SourceError(f"{what}; a file cannot be read: {text}{hint}")


def _path_not_found(path: str, error: Exception) -> SourceNotFoundError:
    parameters = getattr(error, "getMessageParameters", lambda: None)()
    return SourceNotFoundError((parameters or {}).get("path", path), "there is no such file or folder")


def no_file_found(path: str) -> SourceNotFoundError:
    """Return the error for a folder that contains no file."""
    return SourceNotFoundError(path, "the folder has no file; a glob such as logs/* reads the folders in it")
