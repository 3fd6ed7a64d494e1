"""The store: tables, migrations and sealed payloads, on SQLite by default and PostgreSQL in production.

`database` opens either and hands out transactions, `tables` has the columns, `migrations` makes and upgrades them,
`sealing` encrypts what is kept, `blobs` keeps what is too large for a row, `payloads` joins the three. May import
`config` only. Everything above writes through `Database.write()`; what was written counts once its block has ended.
"""
