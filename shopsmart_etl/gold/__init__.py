"""Aggregate clean rows into tables for reports."""

from shopsmart_etl.gold.cohorts import cohort_retention
from shopsmart_etl.gold.incremental import filter_affected
from shopsmart_etl.gold.orders import order_metrics
from shopsmart_etl.gold.products import top_products
from shopsmart_etl.gold.sales import daily_revenue, revenue
from shopsmart_etl.gold.sessions import session_funnel
from shopsmart_etl.gold.sketches import estimate_users, sketch_users
from shopsmart_etl.gold.users import active_users, daily_active_users, new_and_returning_users

__all__ = [
    "active_users",
    "cohort_retention",
    "daily_active_users",
    "daily_revenue",
    "estimate_users",
    "filter_affected",
    "new_and_returning_users",
    "order_metrics",
    "revenue",
    "session_funnel",
    "sketch_users",
    "top_products",
]
