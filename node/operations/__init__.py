"""Keeping a node well: one list of checks, which readiness, metrics and (for people) commands are made from;
upgrades of the tables, and who serves them."""
