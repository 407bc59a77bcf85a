"""Aggregate clean rows into tables for reports."""

from shopsmart_etl.gold.cohorts import cohort_retention
from shopsmart_etl.gold.incremental import keep_touched
from shopsmart_etl.gold.products import top_products
from shopsmart_etl.gold.revenue import daily_revenue, order_figures, revenue_by
from shopsmart_etl.gold.sessions import session_funnel
from shopsmart_etl.gold.sketches import estimate_users, sketch_users
from shopsmart_etl.gold.users import (
    daily_active_users,
    monthly_active_users,
    new_and_returning_users,
    weekly_active_users,
)

__all__ = [
    "cohort_retention",
    "daily_active_users",
    "daily_revenue",
    "estimate_users",
    "keep_touched",
    "monthly_active_users",
    "new_and_returning_users",
    "order_figures",
    "revenue_by",
    "session_funnel",
    "sketch_users",
    "top_products",
    "weekly_active_users",
]
