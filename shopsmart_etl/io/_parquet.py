"""A table of Parquet files in a folder, written without losing what exists."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import suppress
from urllib.parse import unquote
from uuid import uuid4

from pyspark.sql import DataFrame, DataFrameWriter, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import StringType, StructField, StructType

from shopsmart_etl._core.session import path_exists
from shopsmart_etl._core.spark_errors import has_no_files, translate_read_errors
from shopsmart_etl._core.sql import literal, quote
from shopsmart_etl._shown import shown_value
from shopsmart_etl.errors import TableError, TargetExistsError, UnsupportedError, WriteConflictError
from shopsmart_etl.io._commits import (
    clear,
    committed_files,
    explain_failed_commit,
    has_own_names,
    is_parquet,
    job_ids,
    make_mark,
    own_attempt,
    own_names,
    replacement_options,
)
from shopsmart_etl.io._folders import (
    Folder,
    check_folder_names,
    list_files,
    names_below,
    partition_folders,
    while_others_write,
)
from shopsmart_etl.io._inner_folders import check_no_inner_folder, explain_directory_conflict
from shopsmart_etl.io._layout import rows_per_file
from shopsmart_etl.io._new_fields import NewField, unreadable_in_parquet
from shopsmart_etl.io._recovery import recover
from shopsmart_etl.io._stream_log import alone_at_start, check_no_stream
from shopsmart_etl.io._targets import NULL_FOLDER, ExistingTable, WriteJob
from shopsmart_etl.typing import IfExists

DELTA_LOG = "_delta_log"

# As many values go into the text of a query; more go to Spark as rows, which is a job.
_VALUES_IN_QUERY = 1000


# What plain Spark does to other writers where it ends, and any writer where it fails.
_DISTURBED = (
    "lost files that this append had not committed yet: another writer ended or failed meanwhile, and deleted the "
    "folder _temporary of all. Some of the rows may be missing. Remove those of this append, whose files have one of "
    "these identifiers in their names, and append again: {}"
)
_TWO_FIRST = (
    "was created by another writer at the same time, and has the rows of both, whose files have these identifiers in "
    "their names: {}. Remove those of one of the two"
)

_MIXED = (
    "is replaced, but another writer wrote at the same moment to {}, where rows of that writer may be missing: "
    "compare them with their source. The files of the two have these identifiers in their names: {}"
)
_NESTED = (
    "is replaced, but another writer wrote the partition {} at the same moment, and the rows of one of the two are in "
    "{}, which Spark does not read. Remove that folder, run the replacement again, and compare the rows of the other "
    "writer with their source"
)


class ParquetFolder:
    """A folder with a folder inside for each value of a partition column."""

    def __init__(self, spark: SparkSession, path: str) -> None:
        """Keep the session and the path."""
        self.name = path
        self._spark = spark

    def find(self) -> ExistingTable | None:
        """Look the table up; a folder without files, such as a killed first write leaves, is no table.

        What a write left that was killed in its commit is finished or undone first.
        """
        with explain_directory_conflict(self._spark, self.name):
            if not self.contains(""):
                return None
        if self.contains(DELTA_LOG):
            raise UnsupportedError(
                f"{self.name!r}: expected a Parquet table; got a Delta table, whose log would not list added files. "
                "Give format='delta'"
            )
        with translate_read_errors(self.name), explain_directory_conflict(self._spark, self.name):
            is_recovered = recover(self._spark, self.name)
            existing = while_others_write(self._find_files)
        if existing is None:
            check_no_inner_folder(self._spark, self.name)
            existing = ExistingTable(StructType(), [], is_empty_folder=True)
        return existing._replace(is_recovered=is_recovered)

    def _find_files(self) -> ExistingTable | None:
        try:
            # One job, which reads the footers of all files, since older files may lack a column.
            table = self._spark.read.option("mergeSchema", value=True).parquet(self.name)
            files = [unquote(file) for file in table.inputFiles()]
        except Exception as error:
            if has_no_files(error):
                return None
            self._refuse_file(list_files(self._spark, self.name))
            raise
        self._refuse_file(files)
        check_folder_names(self.name, files)
        return _existing(table.schema, partition_folders(self.name, files))._replace(files=files)

    def _refuse_file(self, files: Sequence[str]) -> None:
        if len(files) == 1 and not names_below(self.name, files[0]):
            raise TableError(f"{self.name!r}: expected the folder of a table; got a file; nothing was written")

    def contains(self, entry: str) -> bool:
        """Tell whether a file or folder exists inside, or for an empty name the folder itself."""
        return path_exists(self._spark, f"{self.name}/{entry}")

    def incompatible_partition_values(self, existing: ExistingTable, partitions: Sequence[StructField]) -> list[str]:
        """Describe existing values that the types cannot represent: ``007`` is no int, which is written as 7."""
        lines = []
        for field, values in zip(partitions, existing.partition_values, strict=True):
            if isinstance(field.dataType, StringType) or not values:
                continue
            of = field.dataType.simpleString()
            changed = f"NOT (CAST(try_cast(value AS {of}) AS STRING) <=> value)"
            lines += [
                f"partition column {field.name!r} is {of} in the rows, and the table has {shown_value(row['value'])}"
                for row in self._as_rows(values).where(changed).limit(1).collect()
            ]
        return lines

    def unreadable_fields(self, new: Sequence[NewField]) -> list[str]:
        """Describe new fields inside columns that older rows of the table could not be read with."""
        return unreadable_in_parquet(self._spark, new)

    def _as_rows(self, values: Collection[str]) -> DataFrame:
        ordered = sorted(values)
        if len(ordered) > _VALUES_IN_QUERY:
            return self._spark.createDataFrame([(value,) for value in ordered], "value string")
        # Literals in a query are no job; rows from Python are one.
        rows = ", ".join(f"({literal(value)})" for value in ordered)
        return self._spark.sql(f"SELECT * FROM VALUES {rows} AS t (value)")  # noqa: S608 - literals

    def write(self, job: WriteJob, if_exists: IfExists, existing: ExistingTable | None) -> None:
        """Write a batch; partitions are replaced only when all rows are written."""
        check_no_stream(self._spark, self.name)
        files = existing.files if existing else ()
        with explain_failed_commit(self._spark, self.name, files):
            writer = job.rows.write.partitionBy(*job.by).options(**_options(job))
            if if_exists == "replace_partitions":
                token = f"r{uuid4().hex[:8]}"
                writer.mode("overwrite").options(**replacement_options(), **own_names(token)).parquet(self.name)
                self._check_replaced(files, token, depth=len(job.by))
            else:
                self._append(writer, files, is_first=if_exists == "error")
        check_no_stream(self._spark, self.name, is_written=True)

    def _append(self, writer: DataFrameWriter, before: Sequence[str], *, is_first: bool) -> None:
        """Add files to those that the table has.

        Its mark, where a job's commit does not look, tells whether another writer has deleted files that this job had
        not committed yet, as Spark's committer does. A table that does not exist yet can have two first writers: each
        marks the table before it looks for rows of the other.
        """
        attempt = 1 + uuid4().int % (2**31 - 2)
        own_mark = f"_temporary/{attempt}/_temporary/mark"
        make_mark(self._spark, self.name, own_mark)
        try:
            if not before and any(map(is_parquet, committed_files(self._spark, self.name))):
                raise TargetExistsError(
                    self.name, hint="Another writer has created it meanwhile; retry to append to it"
                )
            writer.mode("append").options(**own_attempt(attempt)).parquet(self.name)
            self._check_appended(own_mark, before, is_first=is_first)
        finally:
            # The rows are written, or another error is on its way: no other may hide that.
            with suppress(Exception):
                if self.contains(own_mark):  # not deleted by Spark
                    clear(self._spark, f"{self.name}/_temporary/{attempt}")

    def _check_replaced(self, before: Sequence[str], token: str, *, depth: int) -> None:
        """Check that no other writer has moved files into a partition while it was replaced.

        Raises:
            WriteConflictError: One has: Spark may have deleted the files that it moved first, or, if the other was
                between the removal of a folder and the new one, have put the new folder into that of the other.
        """
        after = committed_files(self._spark, self.name)
        new = [file for file in set(after) - set(before) if is_parquet(file)]
        # Partitions that the table had, and those that it had not.
        replaced = {_folder(file) for file in set(before) - set(after)}
        own = [file for file in new if f"/part-{token}-" in file] if has_own_names(self._spark) else new
        replaced |= set(map(_folder, own))
        inside = {_folder(_folder(file)) for file in new if len(names_below(self.name, file)) > depth + 1}
        for folder in sorted(inside):
            nested = next(_folder(file) for file in new if _folder(_folder(file)) == folder)
            raise WriteConflictError(self.name, _NESTED.format(folder, nested))
        for folder in sorted(replaced):
            jobs = job_ids([file for file in new if _folder(file) == folder])
            if len(jobs) > 1:
                raise WriteConflictError(self.name, _MIXED.format(folder, ", ".join(sorted(jobs))))

    def _check_appended(self, own_mark: str, before: Sequence[str], *, is_first: bool) -> None:
        """Check, after the commit, that no other writer has disturbed it.

        Raises:
            WriteConflictError: One has. The rows are written, or some of them.
        """
        if is_first:
            jobs = job_ids(committed_files(self._spark, self.name))
            if len(jobs) > 1:
                raise WriteConflictError(self.name, _TWO_FIRST.format(", ".join(sorted(jobs))))
        if not self.contains(own_mark):
            new = set(committed_files(self._spark, self.name)) - set(before)
            raise WriteConflictError(self.name, _DISTURBED.format(", ".join(sorted(job_ids(new)))))

    def append_stream(self, job: WriteJob, checkpoint: str, existing: ExistingTable | None) -> None:
        """Append what is new of a stream; its files are in the table when the log of the stream lists them."""
        with alone_at_start(self._spark, self.name, checkpoint, is_new=existing is None or existing.is_empty_folder):
            writer = job.rows.writeStream.format("parquet").partitionBy(*job.by).options(**_options(job))
            writer = writer.option("checkpointLocation", checkpoint)
            writer.trigger(availableNow=True).start(self.name).awaitTermination()

    def read(self, schema: StructType) -> DataFrame:
        """Read the table back; with its schema, or Spark would infer the partition columns' types from the folders."""

        def look() -> DataFrame:
            table = self._spark.read.schema(schema).parquet(self.name)
            # On Spark Connect the folder is listed when the columns are asked for.
            ordered = table.columns == schema.names
            return table if ordered else table.select(*(F.col(quote(name)) for name in schema.names))

        return while_others_write(look)


def _folder(file: str) -> str:
    return file.rpartition("/")[0]


def _existing(schema: StructType, folders: Sequence[Folder]) -> ExistingTable:
    """Find the partition columns, which Spark adds after those of the files, by the names of the folders."""
    names = schema.names
    keys = {tuple(key for key, _ in folder) for folder in folders}
    partitions = list(min(keys, default=()))
    data = len(names) - len(partitions)
    if len(keys) > 1 or partitions != names[data:]:
        raise UnsupportedError(
            f"expected folders whose keys are the table's last columns, of {', '.join(names)}; got the keys "
            f"{'; '.join(sorted('/'.join(key) for key in keys))}"
        )
    values = (frozenset(folder[index][1] for folder in folders) - {NULL_FOLDER} for index in range(len(partitions)))
    return ExistingTable(StructType(schema.fields[:data]), partitions, tuple(values))


def _options(job: WriteJob) -> dict[str, str]:
    return {
        "compression": "zstd",
        "maxRecordsPerFile": str(rows_per_file(job.schema, job.target_file_size)),
    }
