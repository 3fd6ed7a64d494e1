"""The programming interface for national systems: `/api/v1` on the inside listener.

What goes in and out has the keys of the commands' `--json`. `table` declares every route with who may use it; what is
not declared there is not there. The application is made when it is first asked for, so that a node's start does not
wait for it. Imports `node.operations` and the rooms below; `node.web` stands beside it.
"""
