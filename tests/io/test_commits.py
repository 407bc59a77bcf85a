"""Commits that were killed half-way, put together by hand: the next write finishes or undoes them.

What a kill leaves depends on its moment; ``test_faults`` kills writers at moments that nobody chose.
"""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import sleep
from typing import TYPE_CHECKING

import pytest

from shopsmart_etl import (
    TargetExistsError,
    UnsupportedError,
    WriteConflictError,
    write_partitioned,
    write_stream,
    write_table,
)
from shopsmart_etl.io import _commits, _parquet, _recovery, _stream_log

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pyspark.sql import DataFrame, SparkSession

    from shopsmart_etl.typing import IfExists

pytestmark = pytest.mark.exhaustive

SCHEMA = "id LONG, version INT, country STRING"
# Names of folders that Spark escapes or gives a meaning.
COUNTRIES = ["007", "a/b=c %", "null"]
HALF = 6


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_recovery, "_SECONDS_WITHOUT_MOVES", 2.0)
    monkeypatch.setattr(_recovery, "_SECONDS_BETWEEN_LOOKS", 0.2)


def rows(spark: SparkSession, version: int, countries: Iterable[str] = COUNTRIES) -> DataFrame:
    """Return two tasks of rows in each country."""
    data = [(n, version, None if country == "null" else country) for country in countries for n in range(HALF)]
    return spark.createDataFrame(data, SCHEMA).repartition(2, "id")


def written(table: DataFrame) -> dict[tuple[str, int], int]:
    counts = table.groupBy("country", "version").count().collect()
    return {(row["country"] or "null", row["version"]): row["count"] for row in counts}


def all_of(*versions: int, countries: Iterable[str] = COUNTRIES) -> dict[tuple[str, int], int]:
    return {(country, version): HALF for country in countries for version in versions}


def new_files(path: Path, write: Callable[[], object]) -> list[Path]:
    """Return the files that a write adds, in the order of their partitions and tasks."""
    before = set(path.rglob("part-*"))
    write()
    return sorted(set(path.rglob("part-*")) - before)


def appended(df: DataFrame, path: Path, *by: str) -> list[Path]:
    """Append by Spark itself, so that nothing is looked at before, and return the new files."""
    return new_files(path, lambda: df.write.mode("append").partitionBy(*by).parquet(str(path)))


def move_back(path: Path, files: Iterable[Path], attempt: str = "7") -> None:
    """Move files to where they were before the commit."""
    for number, file in enumerate(files):
        folder = path / "_temporary" / attempt / f"task_{number}" / file.parent.relative_to(path)
        folder.mkdir(parents=True)
        file.rename(folder / file.name)
        if file.parent != path and not list(file.parent.glob("part-*")):
            shutil.rmtree(file.parent)


def test_a_killed_append_is_undone_and_run_again(spark: SparkSession, tmp_path: Path) -> None:
    append = write_partitioned(tmp_path / "t", by="country", if_exists="append")
    rows(spark, 1).transform(append)
    more = [*COUNTRIES, "new"]
    for version, chosen in enumerate((slice(0, 1), slice(-1, None), slice(1, None), slice(None, None, 2)), start=2):
        files = appended(rows(spark, version, more), tmp_path / "t", "country")
        assert len(files) > len(more)
        move_back(tmp_path / "t", files[chosen])
        table = rows(spark, 10 + version).transform(append)
        assert written(table) == all_of(1, *range(12, 11 + version), 10 + version)
        assert not list((tmp_path / "t" / "_temporary").rglob("*.parquet"))


@pytest.mark.parametrize("if_exists", ["error", "append", "replace_partitions"])
def test_a_killed_first_write_is_undone_and_run_again(spark: SparkSession, tmp_path: Path, if_exists: IfExists) -> None:
    files = appended(rows(spark, 1), tmp_path / "t", "country")
    (tmp_path / "t" / "_SUCCESS").unlink()
    move_back(tmp_path / "t", files[2:])
    retry = write_partitioned(tmp_path / "t", by="country", if_exists=if_exists)
    assert written(rows(spark, 2).transform(retry)) == all_of(2)


def test_a_killed_write_without_partitions_is_undone_where_it_was_the_first(
    spark: SparkSession, tmp_path: Path
) -> None:
    move_back(tmp_path / "t", appended(rows(spark, 1), tmp_path / "t")[1:])
    table = rows(spark, 2).transform(write_table(tmp_path / "t"))
    assert written(table) == all_of(2)
    move_back(tmp_path / "t", appended(rows(spark, 3), tmp_path / "t")[1:])
    for if_exists in ("append", "error"):
        with pytest.raises(
            WriteConflictError,
            match=r"killed while it moved its files .* Of an append \(file:.*same identifiers \([0-9a-f-]{36}\)",
        ):
            rows(spark, 4).transform(write_table(tmp_path / "t", if_exists=if_exists))


def test_a_killed_replacement_is_finished(spark: SparkSession, tmp_path: Path) -> None:
    path = tmp_path / "t"
    append = write_partitioned(path, by="country", if_exists="append")
    for moved in range(len(COUNTRIES)):
        rows(spark, 1, [*COUNTRIES, "other"]).transform(write_partitioned(path, by="country"))
        staging = path / f".spark-staging-{moved}"
        rows(spark, 2).write.partitionBy("country").parquet(str(staging))
        folders = sorted(folder.name for folder in staging.iterdir() if folder.is_dir())
        for folder in folders[:moved]:
            shutil.rmtree(path / folder)
            (staging / folder).rename(path / folder)
        if moved < 2:  # killed after the removal of the next folder, and before
            shutil.rmtree(path / folders[moved])
        with pytest.raises(WriteConflictError, match="finished or undone; these rows were read from the table before"):
            spark.read.schema(SCHEMA).parquet(str(path)).transform(append)
        table = rows(spark, 3).transform(append)
        assert written(table) == all_of(2, 3) | all_of(1, countries=["other"])
        shutil.rmtree(path)


def staged(spark: SparkSession, path: Path) -> Path:
    """Make a table and a replacement of all its partitions that was killed before it moved the first."""
    rows(spark, 1, [*COUNTRIES, "other"]).transform(write_partitioned(path, by="country"))
    staging = path / ".spark-staging-2"
    rows(spark, 2).write.partitionBy("country").parquet(str(staging))
    return staging


def test_a_killed_replacement_does_not_undo_what_was_written_since(spark: SparkSession, tmp_path: Path) -> None:
    staging = staged(spark, tmp_path / "t")
    append = write_partitioned(tmp_path / "t", by="country", if_exists="append")
    sleep(0.1)  # the precision of a file's time
    appended(rows(spark, 3, COUNTRIES[:1]), tmp_path / "t", "country")
    with pytest.raises(WriteConflictError, match=r"newer files in the table, such as 'file:.*: keep one of the two\."):
        rows(spark, 4).transform(append)
    shutil.rmtree(staging)
    table = rows(spark, 4).transform(append)
    assert written(table) == all_of(1, 4) | all_of(3, countries=COUNTRIES[:1]) | all_of(1, countries=["other"])


def test_the_finishing_of_a_killed_replacement_is_killed_too(spark: SparkSession, tmp_path: Path) -> None:
    append = write_partitioned(tmp_path / "t", by="country", if_exists="append")
    staging = staged(spark, tmp_path / "t")
    sleep(0.1)
    clear = _commits.clear

    def replace_one(partitions: DataFrame, by: list[str], table: str) -> None:
        assert Path(table) == tmp_path / "t"
        again = tmp_path / "t" / ".spark-staging-1"
        partitions.write.partitionBy(*by).parquet(str(again))
        shutil.rmtree(tmp_path / "t" / "country=007")
        (again / "country=007").rename(tmp_path / "t" / "country=007")
        raise KeyboardInterrupt

    def clear_until_staging(spark: SparkSession, folder: str) -> None:
        if folder.endswith(staging.name):
            raise KeyboardInterrupt
        clear(spark, folder)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_recovery, "_replace", replace_one)
        with pytest.raises(KeyboardInterrupt):
            rows(spark, 3).transform(append)
    assert written(rows(spark, 4).transform(append)) == all_of(2, 4) | all_of(1, countries=["other"])
    shutil.rmtree(tmp_path / "t")

    staging = staged(spark, tmp_path / "t")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_recovery, "clear", clear_until_staging)
        with pytest.raises(KeyboardInterrupt):
            rows(spark, 3).transform(append)
    next(staging.glob("country=007/*.parquet")).unlink()  # the kill came while files were removed
    assert written(rows(spark, 4).transform(append)) == all_of(2, 4) | all_of(1, countries=["other"])
    assert not list(staging.glob("*/*.parquet"))


def test_two_recoveries_do_not_meet(spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    append = write_partitioned(tmp_path / "t", by="country", if_exists="append")
    staging = staged(spark, tmp_path / "t")
    mark = tmp_path / "t" / ".spark-staging-recovery-0" / "mark"
    spark.range(1).write.parquet(str(mark))
    with pytest.raises(WriteConflictError, match=r"which another writer finishes or undoes .* Retry in some minutes"):
        rows(spark, 3).transform(append)
    assert sorted(file.name for file in (tmp_path / "t").glob(".spark-staging-recovery-*/*")) == ["mark"]
    monkeypatch.setattr(_recovery, "_LONGEST_RECOVERY", "0 SECONDS")  # that of a killed one
    assert written(rows(spark, 3).transform(append)) == all_of(2, 3) | all_of(1, countries=["other"])
    assert not list(staging.glob("*/*.parquet"))


@pytest.mark.sample
def test_two_first_writers_do_not_double_a_table(spark: SparkSession, tmp_path: Path) -> None:
    first = write_partitioned(tmp_path / "t", by="country")

    def write_another(number: int) -> dict[str, str]:
        """Write the table for the first time, after another first write has looked for it."""
        appended(rows(spark, 3), tmp_path / "t", "country")
        return _commits.own_attempt(number)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_parquet, "own_attempt", write_another)
        with pytest.raises(WriteConflictError, match="created by another writer at the same time, and has"):
            rows(spark, 2).transform(first)
    shutil.rmtree(tmp_path / "t")

    mark = _commits.mark

    def after_another(spark: SparkSession, folder: str) -> None:
        appended(rows(spark, 3), tmp_path / "t", "country")
        mark(spark, folder)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_commits, "mark", after_another)
        with pytest.raises(TargetExistsError):
            rows(spark, 2).transform(first)
    assert written(spark.read.schema(SCHEMA).parquet(str(tmp_path / "t"))) == all_of(3)


def test_a_writer_in_the_moment_of_a_replacement_is_noticed(spark: SparkSession, tmp_path: Path) -> None:
    """Its files come into a partition that is replaced, whether the table had the partition before or not."""
    path = tmp_path / "t"
    replace = write_partitioned(path, by="country", if_exists="replace_partitions")
    append = write_partitioned(path, by="country", if_exists="append")
    kept = ["kept", *COUNTRIES]

    def after_append(spark: SparkSession, table: str) -> list[str]:
        appended(rows(spark, 3, countries or []), path, "country")
        return _commits.committed_files(spark, table)

    def after_replacement(spark: SparkSession, table: str) -> list[str]:
        """Put a folder into that of another writer, as Spark does where one is there after it has removed the old."""
        other = tmp_path / "other"
        rows(spark, 3, ["007"]).write.mode("overwrite").partitionBy("country").parquet(str(other))
        (other / "country=007").rename(path / "country=007" / "country=007")
        return _commits.committed_files(spark, table)

    cases = [(kept, ["other"], None), (kept, ["007"], "007"), (["kept"], ["007"], "007"), (["kept"], ["kept"], None)]
    for existing, countries, noticed in [*cases, (kept, None, "007"), (["kept"], None, "007")]:
        rows(spark, 1, existing).transform(append)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(_parquet, "committed_files", after_append if countries else after_replacement)
            if noticed:
                message = (
                    f"wrote at the same moment to .*country={noticed}," if countries else f"country={noticed}, which"
                )
                with pytest.raises(WriteConflictError, match=message):
                    rows(spark, 2).transform(replace)
            else:
                rows(spark, 2).transform(replace)
        shutil.rmtree(path)


@pytest.mark.needs("own names of files")
def test_two_appends_to_a_new_partition_are_no_conflict_of_a_replacement(spark: SparkSession, tmp_path: Path) -> None:
    path = tmp_path / "t"
    rows(spark, 1).transform(write_partitioned(path, by="country"))

    def after_appends(spark: SparkSession, table: str) -> list[str]:
        for version in (3, 4):
            appended(rows(spark, version, ["new"]), path, "country")
        return _commits.committed_files(spark, table)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_parquet, "committed_files", after_appends)
        for version in (2, 5):
            replaced = rows(spark, version).transform(
                write_partitioned(path, by="country", if_exists="replace_partitions")
            )
            new = {("new", 3): HALF, ("new", 4): HALF}
            assert written(replaced) == all_of(version) | {
                key: count * (1 + version // 5) for key, count in new.items()
            }


def test_a_first_write_whose_files_another_writer_deleted_says_so(spark: SparkSession, tmp_path: Path) -> None:
    def delete(number: int) -> dict[str, str]:
        shutil.rmtree(tmp_path / "t" / "_temporary")
        return _commits.own_attempt(number)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_parquet, "own_attempt", delete)
        with pytest.raises(WriteConflictError, match="lost files that this append had not committed yet"):
            rows(spark, 2).transform(write_partitioned(tmp_path / "t", by="country"))


@pytest.mark.parametrize("if_exists", ["append", "replace_partitions"])
def test_folders_that_others_name_otherwise_are_refused(
    spark: SparkSession, tmp_path: Path, if_exists: IfExists
) -> None:
    names = ["country=United%20Kingdom", "country=C%C3%B4te", "country=a%2fb"]
    for name in names:
        rows(spark, 1, ["x"]).drop("country").write.parquet(str(tmp_path / name / name))
        with pytest.raises(UnsupportedError, match=f"expected partition folders named by Spark, .* got '{name}'"):
            rows(spark, 2).transform(write_partitioned(tmp_path / name, by="country", if_exists=if_exists))


def test_writers_that_have_not_committed_yet_are_left_alone(spark: SparkSession, tmp_path: Path) -> None:
    path = tmp_path / "t"
    rows(spark, 1).transform(write_partitioned(path, by="country"))
    move_back(path, appended(rows(spark, 2), path, "country"))
    rows(spark, 3).write.partitionBy("country").parquet(str(path / ".spark-staging-3"))
    (path / ".spark-staging-3" / "_SUCCESS").unlink()
    waiting = sorted([*path.rglob("_temporary/**/part-*"), *path.rglob(".spark-staging-3/**/part-*")])
    for if_exists in ("append", "replace_partitions"):
        table = rows(spark, 4).transform(write_partitioned(path, by="country", if_exists=if_exists))
        assert written(table) == all_of(4) | (all_of(1) if if_exists == "append" else {})
        assert sorted([*path.rglob("_temporary/**/part-*"), *path.rglob(".spark-staging-3/**/part-*")]) == waiting


def streamed(spark: SparkSession, path: Path, name: str, version: int) -> DataFrame:
    """Run a stream of its own source and checkpoint into a table."""
    source = path.parent / f"source-{name}"
    rows(spark, version).write.parquet(str(source))
    stream = spark.readStream.schema(SCHEMA).parquet(str(source))
    return stream.transform(write_stream(path, by="country", checkpoint=path.parent / f"checkpoint-{name}"))


def test_a_batch_and_a_new_stream_at_once_do_not_hide_each_others_rows(spark: SparkSession, tmp_path: Path) -> None:
    own_attempt, make_mark = _commits.own_attempt, _commits.make_mark

    def stream_first(number: int) -> dict[str, str]:
        """Run a stream after a batch has looked for one, and before the batch writes."""
        assert written(streamed(spark, path, "first", 3)) == all_of(3)
        return own_attempt(number)

    def batch_first(spark: SparkSession, table: str, name: str) -> None:
        """Write a batch after a stream has looked for one, and before the stream marks the table."""
        if "stream" in name:
            rows(spark, 2).transform(append)
        make_mark(spark, table, name)

    path = tmp_path / "1" / "t"
    append = write_partitioned(path, by="country", if_exists="append")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_parquet, "own_attempt", stream_first)
        with pytest.raises(UnsupportedError, match="was written by a stream meanwhile"):
            rows(spark, 2).transform(append)
    path = tmp_path / "2" / "t"
    append = write_partitioned(path, by="country", if_exists="append")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_stream_log, "make_mark", batch_first)
        with pytest.raises(UnsupportedError, match="was not written by a stream"):
            streamed(spark, path, "second", 3)
    assert written(rows(spark, 4).transform(append)) == all_of(2, 4)


@pytest.mark.parametrize("if_exists", ["append", "replace_partitions", "error"])
def test_a_batch_waits_for_a_stream_that_starts(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, if_exists: IfExists
) -> None:
    monkeypatch.setattr(_stream_log, "_SECONDS_TO_WAIT", 1.0)
    path = tmp_path / "t"
    committed_files = _commits.committed_files

    def batch_after(spark: SparkSession, table: str) -> list[str]:
        """Write a batch after the stream has looked for its files, and before the stream's log is there."""
        found = committed_files(spark, table)
        with pytest.raises(
            WriteConflictError, match=r"is marked by a stream that has not created its log yet .* nothing"
        ):
            rows(spark, 2).transform(write_partitioned(path, by="country", if_exists=if_exists))
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_stream_log, "committed_files", batch_after)
        assert written(streamed(spark, path, "one", 3)) == all_of(3)
    assert not list(path.glob("_streams/starting-*/*"))
    # A stream that was killed at its start has left a mark.
    killed = tmp_path / "killed"
    _commits.make_mark(spark, str(killed), "_streams/starting-1-2")
    write = write_partitioned(killed, by="country", if_exists=if_exists)
    with pytest.raises(WriteConflictError, match="is marked by a stream"):
        rows(spark, 2).transform(write)
    monkeypatch.setattr(_stream_log, "_LONGEST_START", "0 SECONDS")
    assert written(rows(spark, 2).transform(write)) == all_of(2)


def test_two_new_streams_at_once_do_not_skip_each_others_batches(spark: SparkSession, tmp_path: Path) -> None:
    """Spark skips a batch whose number the log has, whichever stream wrote it."""
    make_mark, committed_files = _commits.make_mark, _commits.committed_files

    def after_another(spark: SparkSession, table: str, name: str) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(_stream_log, "make_mark", make_mark)
            assert written(streamed(spark, tmp_path / "1" / "t", "one", 2)) == all_of(2)
        make_mark(spark, table, name)

    def beside_another(spark: SparkSession, table: str) -> list[str]:
        with pytest.raises(WriteConflictError, match=r"is being created by another stream .* nothing was written"):
            streamed(spark, tmp_path / "2" / "t", "two", 3)
        return committed_files(spark, table)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_stream_log, "make_mark", after_another)
        with pytest.raises(UnsupportedError, match="and the checkpoint are not of one stream"):
            streamed(spark, tmp_path / "1" / "t", "two", 3)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_stream_log, "committed_files", beside_another)
        assert written(streamed(spark, tmp_path / "2" / "t", "one", 2)) == all_of(2)


def test_a_stream_whose_first_batch_failed_keeps_its_table(spark: SparkSession, tmp_path: Path) -> None:
    """No other stream may write the first batch: Spark would skip that of this stream when it is run again."""
    path, source = tmp_path / "t", tmp_path / "source"
    rows(spark, 1).write.parquet(str(source))
    stream = spark.readStream.schema(SCHEMA).parquet(str(source))
    failing = stream.selectExpr("if(id = 5, raise_error('half-way'), id) AS id", "version", "country")
    write = write_stream(path, by="country", checkpoint=tmp_path / "checkpoint-one")
    with pytest.raises(Exception, match="half-way"):
        failing.transform(write)
    assert (path / "_spark_metadata").exists()
    with pytest.raises(UnsupportedError, match=r"the checkpoint .*checkpoint-one'.* Give this checkpoint, or write to"):
        streamed(spark, path, "two", 2)
    # The same checkpoint, written as a URI.
    again = write_stream(path, by="country", checkpoint=f"file://{tmp_path}/checkpoint-one/")
    assert written(stream.transform(again)) == all_of(1)
    with pytest.raises(UnsupportedError, match="and the checkpoint are not of one stream"):
        streamed(spark, path, "three", 2)


def test_a_commit_that_goes_on_is_waited_for(spark: SparkSession, tmp_path: Path) -> None:
    path = tmp_path / "t"
    append = write_partitioned(path, by="country", if_exists="append")
    rows(spark, 1).transform(append)
    files = appended(rows(spark, 2), path, "country")
    assert len(files) == 6
    move_back(path, files[3:])

    def finish() -> None:
        for file in sorted(path.rglob("_temporary/7/*/*/part-*")):
            sleep(1)
            file.rename(path / file.parent.name / file.name)

    with ThreadPoolExecutor(1) as pool:
        finished = pool.submit(finish)
        assert written(rows(spark, 3).transform(append)) == all_of(1, 2, 3)
        finished.result()


@pytest.mark.sample
def test_an_append_leaves_no_file_of_its_own_behind(spark: SparkSession, tmp_path: Path) -> None:
    append = write_partitioned(tmp_path / "t", by="country", if_exists="append")
    rows(spark, 1).transform(append)
    failing = rows(spark, 2).selectExpr("if(id = 5, raise_error('half-way'), id) AS id", "version", "country")
    with pytest.raises(Exception, match="half-way"):
        failing.transform(append)
    assert written(rows(spark, 3).transform(append)) == all_of(1, 3)
    assert [file for file in (tmp_path / "t" / "_temporary").rglob("*") if file.is_file()] == []


@pytest.mark.parametrize("other", ["of Spark alone", "that fails"])
def test_an_append_whose_files_another_writer_deleted_says_so(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, other: str
) -> None:
    path = tmp_path / "t"
    append = write_partitioned(path, by="country", if_exists="append")
    rows(spark, 1).transform(append)
    own_attempt = _commits.own_attempt

    def end_another(number: int) -> dict[str, str]:
        """End another append after one has begun, which deletes what all others have not committed."""
        monkeypatch.setattr(_parquet, "own_attempt", own_attempt)
        if other == "of Spark alone":
            appended(rows(spark, 3), path, "country")
        else:
            # By Spark itself with the options of this package, which would move the failure before the shuffle.
            failing = rows(spark, 3).selectExpr("if(id = 5, raise_error('half-way'), id) AS id", "version", "country")
            failing_write = failing.write.mode("append").partitionBy("country").options(**own_attempt(8))
            with pytest.raises(Exception, match="half-way"):
                failing_write.parquet(str(path))
        return own_attempt(number)

    monkeypatch.setattr(_parquet, "own_attempt", end_another)
    with pytest.raises(WriteConflictError, match="lost files that this append had not committed yet"):
        rows(spark, 2).transform(append)


def test_a_replacement_and_an_append_that_were_killed_at_once(spark: SparkSession, tmp_path: Path) -> None:
    path = tmp_path / "t"
    rows(spark, 1).transform(write_partitioned(path, by="country"))
    rows(spark, 2).write.partitionBy("country").parquet(str(path / ".spark-staging-2"))
    shutil.rmtree(path / "country=007")  # the replacement was about to move its folder there
    move_back(path, appended(rows(spark, 3), path, "country")[1:])
    table = rows(spark, 4).transform(write_partitioned(path, by="country", if_exists="append"))
    assert written(table) == all_of(2, 4)


@pytest.mark.parametrize("folder", ["_temporary/8/task_1", "_temporary/8/_temporary/attempt_1"])
def test_nothing_is_undone_beside_another_unfinished_append(spark: SparkSession, tmp_path: Path, folder: str) -> None:
    path = tmp_path / "t"
    append = write_partitioned(path, by="country", if_exists="append")
    rows(spark, 1).transform(append)
    move_back(path, appended(rows(spark, 2), path, "country")[1:])
    rows(spark, 3).write.partitionBy("country").parquet(f"{path}/{folder}")
    files = sorted(path.rglob("*.parquet"))
    with pytest.raises(WriteConflictError, match="Another writer, running or killed, has"):
        rows(spark, 4).transform(append)
    assert sorted(path.rglob("*.parquet")) == files
    shutil.rmtree(path / "_temporary" / "8")
    assert written(rows(spark, 4).transform(append)) == all_of(1, 4)
