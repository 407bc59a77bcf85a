"""Each row of the tables of docs/atomicity.md has tests, which this list names."""

from __future__ import annotations

import ast
import re

from repository import ROOT

TESTS = {
    # Parquet
    "a write fails or is killed before its commit": [
        "test_faults.py::test_a_task_that_fails_half_way_leaves_what_was_there",
        "test_faults.py::test_a_killed_append_or_first_write_is_undone_and_run_again",
        "test_commits.py::test_writers_that_have_not_committed_yet_are_left_alone",
        "test_other_readers.py::test_another_reader_sees_the_table_alone",
    ],
    "an append is killed in its commit": [
        "test_commits.py::test_a_killed_append_is_undone_and_run_again",
        "test_faults.py::test_a_killed_append_or_first_write_is_undone_and_run_again",
    ],
    "the same, without partition columns": [
        "test_commits.py::test_a_killed_write_without_partitions_is_undone_where_it_was_the_first",
        "test_faults.py::test_a_killed_append_without_partitions_is_refused_or_was_not_begun",
    ],
    "a first write is killed in its commit": [
        "test_commits.py::test_a_killed_first_write_is_undone_and_run_again",
        "test_faults.py::test_a_killed_append_or_first_write_is_undone_and_run_again",
    ],
    "a replacement of partitions is killed in its commit": [
        "test_commits.py::test_a_killed_replacement_is_finished",
        "test_faults.py::test_a_killed_replacement_is_finished_or_has_changed_nothing",
    ],
    "the same, and Spark alone has written to one of them since": [
        "test_commits.py::test_a_killed_replacement_does_not_undo_what_was_written_since"
    ],
    "a commit fails, such as at a folder that cannot be written to": [
        "test_disks.py::test_a_commit_that_fails_half_way_says_what_it_has_moved"
    ],
    "a stream is killed": [
        "test_faults.py::test_a_stream_killed_at_any_moment_and_run_again_writes_each_row_once",
        "test_write.py::test_a_stream_that_was_killed_before_its_first_commit_can_be_run_again",
    ],
    "a run is killed after its quarantine": [
        "test_faults.py::test_a_run_killed_after_or_in_its_quarantine_is_run_again",
        "test_violations.py::test_a_run_that_failed_after_its_quarantine_is_run_again",
    ],
    "the disk is full, or cannot be written to": [
        "test_disks.py::test_a_full_disk_leaves_what_was_there",
        "test_disks.py::test_a_disk_that_cannot_be_written_to_leaves_what_was_there",
    ],
    "another writer of this package appends meanwhile": ["test_concurrent_writes.py::test_two_writers_at_once"],
    "another append fails meanwhile, or Spark alone ends one": [
        "test_commits.py::test_an_append_whose_files_another_writer_deleted_says_so"
    ],
    "another writer replaces other partitions meanwhile": [
        "test_concurrent_writes.py::test_two_replacements_of_different_partitions"
    ],
    'two writers create the table at the same time, with `if_exists="error"`': [
        "test_commits.py::test_two_first_writers_do_not_double_a_table",
        "test_concurrent_writes.py::test_two_writers_at_once",
    ],
    "a replacement and another write of the same partition commit at the same moment": [
        "test_commits.py::test_a_writer_in_the_moment_of_a_replacement_is_noticed",
        "test_concurrent_writes.py::test_two_writers_at_once",
    ],
    "a stream creates a table while a batch or another stream writes to it": [
        "test_commits.py::test_a_batch_and_a_new_stream_at_once_do_not_hide_each_others_rows",
        "test_commits.py::test_a_batch_waits_for_a_stream_that_starts",
        "test_commits.py::test_two_new_streams_at_once_do_not_skip_each_others_batches",
        "test_concurrent_writes.py::test_two_writers_at_once",
    ],
    "another tool has written partition folders, such as `country=United%20Kingdom`": [
        "test_commits.py::test_folders_that_others_name_otherwise_are_refused"
    ],
    # Delta Lake and Iceberg
    "a write or a compaction is killed at any moment": [
        "test_lake_faults.py::test_a_write_killed_at_any_moment_is_one_commit_or_nothing",
        "test_lake_faults.py::test_a_compaction_killed_at_any_moment_leaves_each_row_once",
    ],
    "a reader during a commit": ["test_lake_faults.py::test_two_writers_at_once_are_two_commits_or_one"],
    "two appends at the same time": ["test_lake_faults.py::test_two_writers_at_once_are_two_commits_or_one"],
    "two replacements of different partitions": [
        "test_lake_faults.py::test_two_replacements_of_different_partitions_both_succeed"
    ],
    "two replacements of the same partitions": [
        "test_lake.py::test_a_writer_that_was_overtaken_says_so_and_changes_nothing",
        "test_lake_faults.py::test_two_writers_at_once_are_two_commits_or_one",
    ],
    "a compaction and an append at the same time": [
        "test_lake.py::test_a_compaction_leaves_each_row_once_beside_a_writer",
        "test_lake_faults.py::test_two_writers_at_once_are_two_commits_or_one",
    ],
    "`replace_all`": [
        "test_lake.py::test_a_replace_that_fails_half_way_leaves_the_table_whole",
        "test_lake_faults.py::test_a_write_killed_at_any_moment_is_one_commit_or_nothing",
        "test_write_table.py::test_outcomes_that_need_partitions_or_one_commit_are_refused",
    ],
    "a stream, killed and run again": [
        "test_lake_faults.py::test_a_write_killed_at_any_moment_is_one_commit_or_nothing"
    ],
}


def events() -> list[str]:
    """Return the first cells of the tables whose first column is ``event``."""
    found, in_table = [], False
    for line in (ROOT / "docs" / "atomicity.md").read_text(encoding="utf-8").splitlines():
        in_table = line.startswith("| event |") or (in_table and line.startswith("|"))
        if in_table and not re.match(r"\| event \||\|-", line):
            found.append(line.split("|")[1].strip())
    return found


def test_each_event_of_the_page_has_tests_that_exist() -> None:
    assert events() == list(TESTS)
    defined = {
        f"{file.name}::{node.name}"
        for file in (ROOT / "tests").rglob("test_*.py")
        for node in ast.parse(file.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef)
    }
    assert [name for names in TESTS.values() for name in names if name not in defined] == []
