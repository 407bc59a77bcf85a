"""Options of the files that a write creates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from shopsmart_etl._core.checks import check_columns, check_integer
from shopsmart_etl.errors import InvalidArgumentError


@dataclass(frozen=True, kw_only=True)
class FileOptions:
    """How the files of a table are sorted, how large they are, and into how many partitions they go.

    Attributes:
        sort_by: Columns to sort by inside each file, so that readers can skip parts of it. Not for a stream.
        target_file_size: The bytes that a file should have at most, approximately. Files are smaller where the
            session's ``spark.sql.adaptive.advisoryPartitionSizeInBytes`` is (64 MB of shuffled rows by default). The
            cap is a number of rows, estimated from the types of the columns.
        max_partitions: How many partitions the rows of one write may have; a write with more, as with
            ``by="order_id"``, fails before it writes. None skips the count. Streams are not counted.

    Raises:
        InvalidArgumentError: A value is of the wrong type, or less than 1.

    Example:
        >>> FileOptions(sort_by="user", max_partitions=31)
        FileOptions(sort_by=('user',), target_file_size=134217728, max_partitions=31)
        >>> orders = spark.createDataFrame(
        ...     [(2, "EIRE", ["new"]), (1, "EIRE", []), (3, None, None)], "id int, country string, tags array<string>")
        >>> step = write_partitioned(new_path(), by="country", files=FileOptions(sort_by="id"))
        >>> orders.transform(step).where("country = 'EIRE'").show()
        +---+-------+-----+
        | id|country| tags|
        +---+-------+-----+
        |  1|   EIRE|   []|
        |  2|   EIRE|[new]|
        +---+-------+-----+
        <BLANKLINE>
    """

    sort_by: str | Sequence[str] = ()
    target_file_size: int = 128 * 1024**2
    max_partitions: int | None = 1000

    def __post_init__(self) -> None:
        """Check the values; a tuple of columns makes equal options equal and hashable."""
        object.__setattr__(self, "sort_by", tuple(check_columns("sort_by", self.sort_by)))
        check_integer("target_file_size", self.target_file_size, min_value=1)
        check_integer("max_partitions", self.max_partitions, min_value=1, optional=True)


def check_file_options(argument: str, value: object) -> FileOptions:
    """Check that a value is a FileOptions."""
    if not isinstance(value, FileOptions):
        raise InvalidArgumentError(argument, expected="a FileOptions", got=value)
    return value
