"""Timings of the wire, as ratios within one run."""
