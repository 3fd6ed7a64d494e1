"""Depesha: the node that a consular administration runs to exchange official records with its counterparts.

A record goes out through `records` (checked), `exchange` (signed, queued, delivered) and `as4` (the wire); it comes in
the same way round. `audit` keeps the log of what may be disputed, `trust` knows who we are and whom we believe,
`store` keeps everything, `access` knows people, `web` shows pages. Imports run downwards only.
"""
