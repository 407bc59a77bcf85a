"""A report is checked against limits, without Spark."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shopsmart_etl import AuditReport, InvalidArgumentError, LimitExceededError

REPORT = AuditReport(
    rows={"bronze": 200, "quarantined": 10, "silver": 188},
    dropped={"duplicates": 2, "tests": 0},
    violations={"id is not null": 0, "paid >= 0": 7},
)


@pytest.mark.parametrize(
    "limits",
    [
        {},
        {"max_quarantined": 0.05},
        {"max_quarantined": 1},
        {"max_dropped": 0.01, "max_violations": 0.035},
        {"max_dropped": {"tests": 0}, "max_violations": {"id is not null": 0, "paid >= 0": 0.035}},
    ],
)
def test_a_run_within_its_limits_returns_the_report(limits: dict[str, Any]) -> None:
    assert REPORT.check(**limits) is REPORT


def test_the_error_names_every_limit_that_the_run_exceeds() -> None:
    with pytest.raises(LimitExceededError) as raised:
        REPORT.check(max_quarantined=0.0499, max_dropped=0, max_violations={"paid >= 0": 0.03, "id is not null": 0})
    assert raised.value.exceeded == (
        "rows 'quarantined': expected at most 0.0499 of 200 rows; got 10",
        "dropped rows 'duplicates': expected at most 0 of 200 rows; got 2",
        "violations of 'paid >= 0': expected at most 0.03 of 200 rows; got 7",
    )
    assert isinstance(raised.value, ValueError)


@pytest.mark.parametrize("rows_out", [198, 201])
def test_a_run_that_does_not_reconcile_is_not_within_any_limits(rows_out: int) -> None:
    report = AuditReport(rows={"a": 1, "in": 200}, rows_in=200, rows_out=rows_out)
    with pytest.raises(LimitExceededError, match=f"rows out: expected the 200 rows in; got {rows_out}$"):
        report.check()
    assert AuditReport(rows={"a": 1, "in": 200, "quarantined": 100}, rows_in=200, rows_out=200).check(
        max_quarantined=0.5
    )


@given(st.integers(0, 10**9), st.integers(0, 1000), st.data())
def test_a_limit_is_compared_exactly(total: int, thousandths: int, data: st.DataObject) -> None:
    count = data.draw(st.integers(0, total) | st.just(total * thousandths // 1000))
    report = AuditReport(rows={"in": total, "quarantined": count})
    if count * 1000 > total * thousandths:
        with pytest.raises(LimitExceededError):
            report.check(max_quarantined=thousandths / 1000)
    else:
        report.check(max_quarantined=thousandths / 1000)


@pytest.mark.parametrize(
    ("report", "limits", "message"),
    [
        (
            REPORT,
            {"max_dropped": {"again": 0}},
            "max_dropped: expected a count of the report, one of duplicates, tests",
        ),
        (
            AuditReport(rows={"in": 1}),
            {"max_quarantined": 0},
            "max_quarantined: expected a count of the report, one of in; got",
        ),
        (
            AuditReport(rows={"in": 1}),
            {"max_violations": 0},
            "max_violations: expected a report with counts for it; got 0",
        ),
        (AuditReport(dropped={"a": 1}), {"max_dropped": 0}, "report: expected a count of the input rows"),
    ],
)
def test_a_limit_without_its_count_is_refused(report: AuditReport, limits: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidArgumentError, match=f"^{message}"):
        report.check(**limits)


@pytest.mark.parametrize(
    "wrong", [-0.1, 1.1, 5, True, "0.1", float("nan"), [0.1], {"quarantined": 2}, {"duplicates": None}]
)
@pytest.mark.parametrize("argument", ["max_quarantined", "max_dropped", "max_violations"])
def test_a_limit_is_a_share(argument: str, wrong: Any) -> None:
    if isinstance(wrong, dict) and argument == "max_dropped" and "quarantined" in wrong:
        wrong = {"tests": 2}
    with pytest.raises(InvalidArgumentError, match=f"^{argument}: expected "):
        REPORT.check(**{argument: wrong})
