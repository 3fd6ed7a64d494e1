"""One file for each outside system that records come from or go to. May import the rooms of the node below `web`.

An adapter uses the node's own submission and its own lists: what it sends is judged, numbered and logged as all else.
"""
