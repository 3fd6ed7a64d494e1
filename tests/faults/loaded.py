"""Imports all of the node: this is for the process from which those under test are forked."""

import importlib
import pkgutil

import node

# What runs when it is imported, or is meant to.
LEFT_OUT = ("node.__main__", "node.store.migrations")

for found in pkgutil.walk_packages(node.__path__, "node."):
    if not found.name.startswith(LEFT_OUT):
        importlib.import_module(found.name)
