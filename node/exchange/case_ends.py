"""The ends of periods that were recorded, as they are shown; `case_clocks` records them."""

from typing import Any

from sqlalchemy import Connection, select

from node.exchange.listing import instant_text
from node.store.columns import table_of
from node.store.tables import CaseEnd

END = table_of(CaseEnd)


def recorded_ends(connection: Connection, case_id: int) -> list[dict[str, Any]]:
    """The ends of periods that were recorded of a case, in their order, as `case show` prints them."""
    query = select(END).where(END.c.case_id == case_id).order_by(END.c.earliest, END.c.period, END.c.id)
    return [
        {
            "period": row["period"],
            "effect": row["effect"] or None,
            "at": {"earliest": instant_text(row["earliest"]), "latest": instant_text(row["latest"])},
            "recorded": instant_text(row["recorded_at"]),
            "undone": instant_text(row["undone_at"]),
        }
        for row in connection.execute(query).mappings()
    ]
