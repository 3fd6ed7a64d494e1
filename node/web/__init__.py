"""Pages for people: server-made HTML that needs no script.

A request comes in at `create_pages`, is let in by its route's act (`node.access`), gets its values from a `CaseReader`
(`views`; over the tables in `reading`) and leaves as a template filled in. May import `exchange` and everything below.
"""

from node.web.context import Context, PageSettings, zone_of_country
from node.web.pages import create_pages

__all__ = ["Context", "PageSettings", "create_pages", "zone_of_country"]
