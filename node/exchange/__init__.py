"""Moving messages: who may send what to whom, the outbox and its deliveries, the inbox, cases and their order.

A message goes out through `submission` (compressed, sealed, signed, queued in one transaction with its log entry),
`outbox` (who is due) and `delivery` (encrypted anew, posted, its answer judged by `responses`). It comes in through
`intake` (opened as it streams) and `inbox` (duplicates, case, receipt and log entry in one transaction, answered after
the commit). `node` holds what all of them need; nothing here keeps a state that matters outside the database.
"""
