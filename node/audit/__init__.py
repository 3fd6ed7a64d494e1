"""The transparency log: a Merkle tree over every fact that anyone may dispute.

In: the rooms above make an `entry` and insert its rows in the transaction that makes the fact true. The `sequencer`
then gives entries their positions and extends the tree. Out: roots and proofs (`tree`), notes and checkpoints that
witnesses sign, and `verify`, which recomputes all of it from what is stored. May import `store` and below.
"""
