"""A DataFrame into a table, without losing what exists."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike

from shopsmart_etl._core.checks import check_columns, check_path
from shopsmart_etl._core.step import Planner, step_that_writes
from shopsmart_etl.errors import InvalidArgumentError
from shopsmart_etl.io._write_plan import Write, check_on_new_columns, check_outcome, check_target
from shopsmart_etl.io.file_options import FileOptions, check_file_options
from shopsmart_etl.typing import IfExists, OnNewColumns, TableFormat

_DEFAULT_FILES = FileOptions()


@step_that_writes
def write_table(
    path: str | PathLike[str] | None = None,
    *,
    table: str | None = None,
    format: TableFormat | None = None,  # noqa: A002 - Spark's own word for it
    if_exists: IfExists = "error",
    on_new_columns: OnNewColumns = "error",
    files: FileOptions = _DEFAULT_FILES,
) -> Planner:
    """Write a table without partitions, and return it read back: applying this step runs Spark.

    The rows are shuffled into tasks of equal size (Spark's rebalance): little data is one file, much is few files of
    good size, written in parallel. Row order is undefined between files; ``files`` sorts within them. Everything else
    is as with ``write_partitioned``.

    Args:
        path: The table's folder, for Parquet or Delta Lake.
        table: In place of ``path``, the table's name in a catalog, such as ``main.gold.daily_revenue``; parts that are
            not plain words are in backticks.
        format: ``"parquet"`` or ``"delta"`` for a path; ``"delta"`` or ``"iceberg"`` for a table to be created. None:
            Parquet for a path; for a table the format that it has, or that its catalog creates.
        if_exists: What to do where the table exists. ``"error"`` refuses; ``"append"`` adds the rows (a second run adds
            them again); ``"replace_all"`` replaces the table in one commit, whatever columns it had. The last is
            refused on Parquet, where Spark would delete the table first.
        on_new_columns: What to do about columns, and fields inside them, that the table lacks: ``"error"``, or
            ``"add"`` them, null in existing rows. Fields that the format cannot read in older files are refused.
        files: How the files are sorted and how large they are.

    Returns:
        A Transform whose result is the whole table, rows that existed included, with the written columns in their
        order and types, all nullable.

    Raises:
        InvalidArgumentError: Arguments are wrong or do not go together.
        UnsupportedError: The format, or the session, cannot do this safely; the DataFrame is a stream; or the folder
            has another table in it.
        ColumnNotFoundError: A column to sort by does not exist.
        ColumnTypeError: A column or nested field is void, the type of ``lit(None)``.
        TargetExistsError: The table exists, and ``if_exists`` is ``"error"``.
        TargetMismatchError: The table has other columns, types or order than the rows, or has partitions.
        RowRefusedError: A step of the chain, or a column of the table that is NOT NULL, refused a value.
        WriteConflictError: Another writer changed the table during the write.

    Example:
        >>> sales = spark.createDataFrame(
        ...     [("2026-01-02", 7, ["new"]), ("2026-01-01", None, [])], "day string, sold int, tags array<string>")
        >>> table = sales.transform(write_table(new_path(), files=FileOptions(sort_by="day")))
        >>> table.show()
        +----------+----+-----+
        |       day|sold| tags|
        +----------+----+-----+
        |2026-01-01|NULL|   []|
        |2026-01-02|   7|[new]|
        +----------+----+-----+
        <BLANKLINE>
    """
    target = check_target(path, table, format)
    return Write(
        verb="write_table",
        target=target,
        by=(),
        if_exists=check_outcome(if_exists, ("error", "append"), target),
        on_new_columns=check_on_new_columns(on_new_columns),
        files=check_file_options("files", files),
    ).plan


@step_that_writes
def write_partitioned(
    path: str | PathLike[str] | None = None,
    *,
    by: str | Sequence[str],
    table: str | None = None,
    format: TableFormat | None = None,  # noqa: A002 - Spark's own word for it
    if_exists: IfExists = "error",
    on_new_columns: OnNewColumns = "error",
    files: FileOptions = _DEFAULT_FILES,
) -> Planner:
    """Write a table partitioned by columns, and return it read back: applying this step runs Spark.

    The rows are shuffled by the partition columns first (Spark's rebalance): a small partition is one file, a large
    one is split over several tasks. A filter on a partition column then reads only its files, and later steps read
    the table instead of computing the rows again. An existing table is compared with the rows before anything is
    written.

    On Parquet nothing changes before every row is written; then files are moved into place one by one, and a driver
    that is killed at that moment leaves some of them moved. Delta Lake and Iceberg commit all files at once.

    Args:
        path: The table's folder, for Parquet or Delta Lake.
        by: The partition columns, outermost folder first: of low cardinality, such as a country or a day. Null is a
            partition value. The empty string, the text ``__HIVE_DEFAULT_PARTITION__`` (Spark would read both back as
            null) and values too long for the name of a folder fail the write before it commits.
        table: In place of ``path``, the table's name in a catalog, such as ``main.silver.orders``; parts that are not
            plain words are in backticks.
        format: ``"parquet"`` or ``"delta"`` for a path; ``"delta"`` or ``"iceberg"`` for a table to be created. None:
            Parquet for a path; for a table the format that it has, or that its catalog creates.
        if_exists: What to do where the table exists. ``"error"`` refuses; ``"append"`` adds the rows (a second run adds
            them again); ``"replace_partitions"`` replaces each partition that the rows have, as a whole, and keeps the
            others (a second run changes nothing); ``"replace_all"`` replaces the table, whatever columns it had. The
            last is refused on Parquet, where Spark would delete the table first.
        on_new_columns: What to do about columns, and fields inside them, that the table lacks: ``"error"``, or
            ``"add"`` them, null in existing rows. Fields that the format cannot read in older files are refused.
        files: How the files are sorted, how large they are, and how many partitions the rows may have.

    Returns:
        A Transform whose result is the whole table, rows that existed included, with the written columns in their
        order and types, all nullable: a partition value ``007`` stays a string.

    Raises:
        InvalidArgumentError: ``by`` is empty or names every column, or arguments are wrong or do not go together.
        UnsupportedError: The format, or the session, cannot do this safely; the DataFrame is a stream; or the folder
            has another table in it.
        ColumnNotFoundError: A column does not exist.
        ColumnTypeError: A partition column is nested, binary or a timestamp, or a column or nested field is void.
        TargetExistsError: The table exists, and ``if_exists`` is ``"error"``.
        TargetMismatchError: The table has other columns, types, order or partition columns than the rows.
        PartitionError: Partition values are blank, too long or too many.
        RowRefusedError: A step of the chain, or a column of the table that is NOT NULL, refused a value.
        WriteConflictError: Another writer changed the table during the write.

    Example:
        >>> logs = spark.createDataFrame(
        ...     [("007", "EIRE", ["a"]), ("1", None, [])], "user string, country string, tags array<string>")
        >>> table = logs.transform(write_partitioned(new_path(), by="country"))
        >>> table.orderBy("user").show()
        +----+-------+----+
        |user|country|tags|
        +----+-------+----+
        | 007|   EIRE| [a]|
        |   1|   NULL|  []|
        +----+-------+----+
        <BLANKLINE>
    """
    target = check_target(path, table, format)
    return Write(
        verb="write_partitioned",
        target=target,
        by=check_columns("by", by, at_least_one=True),
        if_exists=check_outcome(if_exists, ("error", "append", "replace_partitions"), target),
        on_new_columns=check_on_new_columns(on_new_columns),
        files=check_file_options("files", files),
    ).plan


@step_that_writes
def write_stream(
    path: str | PathLike[str] | None = None,
    *,
    checkpoint: str | PathLike[str],
    by: str | Sequence[str] = (),
    table: str | None = None,
    format: TableFormat | None = None,  # noqa: A002 - Spark's own word for it
    on_new_columns: OnNewColumns = "error",
    files: FileOptions = _DEFAULT_FILES,
) -> Planner:
    """Append what is new of a stream to a table, exactly once, and return the table read back.

    Applying this step runs the stream until it has written what there is, and returns. Run it again, on a schedule or
    after a failure: each row is written once, whenever the driver was killed.

    Args:
        path: The table's folder, for Parquet or Delta Lake.
        checkpoint: The folder in which Spark keeps what the stream has written: one for each stream and table.
        by: The partition columns, as with ``write_partitioned``; none for a table without partitions.
        table: In place of ``path``, the table's name in a catalog.
        format: As with ``write_partitioned``; required for a table that does not exist.
        on_new_columns: What to do about columns, and fields inside them, that the table lacks: ``"error"``, or
            ``"add"`` them, null in existing rows. Fields that the format cannot read in older files are refused.
        files: How large the files are. The rows of a stream cannot be sorted, and their partitions are not counted.

    Returns:
        A Transform from a stream to a batch: the whole table, with the written columns in their order and types, all
        nullable.

    Raises:
        InvalidArgumentError: Arguments are wrong or do not go together.
        UnsupportedError: The DataFrame is no stream, or the checkpoint has batches of another table: on Parquet of any
            other, on Delta Lake and Iceberg of one other than a table that exists.
        ColumnNotFoundError: A column does not exist.
        ColumnTypeError: A partition column is nested, binary or a timestamp, or a column or nested field is void.
        TargetMismatchError: The table has other columns, types, order or partition columns than the rows.
        PartitionError: Partition values are blank or too long.
        RowRefusedError: A step of the chain, or a column of the table that is NOT NULL, refused a value.
        WriteConflictError: Another stream creates the table at the same time.

    Example:
        >>> source, logs = new_path(), spark.createDataFrame(
        ...     [("ada", "EIRE", ["new"]), ("bob", None, [])], "user string, country string, tags array<string>")
        >>> logs.write.json(source)
        >>> path = new_path()
        >>> append = write_stream(path, checkpoint=f"{path}-checkpoint", by="country")
        >>> for _ in range(2):
        ...     table = spark.readStream.schema(logs.schema).json(source).transform(append)
        >>> table.orderBy("user").show()
        +----+-------+-----+
        |user|country| tags|
        +----+-------+-----+
        | ada|   EIRE|[new]|
        | bob|   NULL|   []|
        +----+-------+-----+
        <BLANKLINE>
    """
    options = check_file_options("files", files)
    if options.sort_by:
        raise InvalidArgumentError("files", expected="no sort_by for a stream, which cannot be sorted", got=files)
    return Write(
        verb="write_stream",
        target=check_target(path, table, format),
        by=check_columns("by", by),
        if_exists="append",
        on_new_columns=check_on_new_columns(on_new_columns),
        files=options,
        checkpoint_folder=check_path("checkpoint", checkpoint),
    ).plan
