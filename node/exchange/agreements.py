"""Agreements in force: which pairs of service and action are open with a peer, and under which AgreementRef."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from node.exchange.peers import PeerRefused, configuration_changed
from node.store.columns import new_row_id, table_of
from node.store.tables import Agreement, AgreementPair

AGREEMENT = table_of(Agreement)
PAIR = table_of(AgreementPair)
IN_FORCE = "in force"
ENDED = "ended"


@dataclass(frozen=True, slots=True)
class OpenPair:
    """One service and action that an agreement in force opens with `peer`, in both directions."""

    agreement: int
    ref: str | None
    kind: str
    peer: str
    service: str
    service_type: str | None
    action: str


def load_pairs(connection: Connection) -> list[OpenPair]:
    """Every pair that is open now, the newest agreement first."""
    query = (
        select(
            AGREEMENT.c.id, AGREEMENT.c.ref, AGREEMENT.c.kind, AGREEMENT.c.peer,
            PAIR.c.service, PAIR.c.service_type, PAIR.c.action,
        )
        .join(PAIR, PAIR.c.agreement == AGREEMENT.c.id)
        .where(AGREEMENT.c.state == IN_FORCE)
        .order_by(AGREEMENT.c.id.desc())
    )  # fmt: skip
    return [OpenPair(*row) for row in connection.execute(query)]


def open_unilateral(
    connection: Connection,
    *,
    peer: str,
    ref: str | None,
    service: str,
    service_type: str | None,
    action: str,
    now: datetime,
) -> int:
    """Record by our own word that a pair is open with `peer`; returns the agreement's row id.

    A second pair under the same AgreementRef joins the agreement that is there. Raises PeerRefused when that pair is
    open already.
    """
    same = (AGREEMENT.c.peer == peer) & (AGREEMENT.c.kind == "unilateral") & (AGREEMENT.c.state == IN_FORCE)
    same &= AGREEMENT.c.ref.is_(None) if ref is None else AGREEMENT.c.ref == ref
    agreement = connection.scalar(select(AGREEMENT.c.id).where(same))
    if agreement is None:
        agreement = new_row_id(now)
        connection.execute(
            insert(AGREEMENT).values(
                id=agreement, ref=ref, peer=peer, kind="unilateral", state=IN_FORCE, created_at=now
            )
        )
    there = select(PAIR.c.id).where(
        PAIR.c.agreement == agreement, PAIR.c.service == service, PAIR.c.action == action,
        PAIR.c.service_type.is_(None) if service_type is None else PAIR.c.service_type == service_type,
    )  # fmt: skip
    if connection.scalar(there) is not None:
        raise PeerRefused(f"{service} {action} is open with {peer} already. `depesha agreement list` shows it.")
    connection.execute(
        insert(PAIR).values(
            id=new_row_id(now), agreement=agreement, service=service, service_type=service_type, action=action
        )
    )
    configuration_changed(connection)
    return agreement


def end_agreement(connection: Connection, agreement: int, now: datetime) -> None:
    """End an agreement: nothing more is taken or sent under it. Raises PeerRefused when it is not in force.

    What waits under it is ended by `ending`, or by the courier as it takes that up.
    """
    ended = connection.execute(
        update(AGREEMENT)
        .where(AGREEMENT.c.id == agreement, AGREEMENT.c.state == IN_FORCE)
        .values(state=ENDED, ended_at=now)
    )
    if ended.rowcount == 0:
        raise PeerRefused(f"There is no agreement {agreement} in force. `depesha agreement list` shows all.")
    configuration_changed(connection)


def list_agreements(connection: Connection) -> list[dict[str, object]]:
    """All agreements with their pairs, oldest first, as the command line prints them."""
    pairs: dict[int, list[dict[str, object]]] = {}
    for row in connection.execute(select(PAIR).order_by(PAIR.c.id)).mappings():
        pair = {"service": row["service"], "service_type": row["service_type"], "action": row["action"]}
        pairs.setdefault(row["agreement"], []).append(pair)
    return [
        {
            "id": str(row["id"]),
            "ref": row["ref"],
            "peer": row["peer"],
            "kind": row["kind"],
            "state": row["state"],
            "pairs": pairs.get(row["id"], []),
        }
        for row in connection.execute(select(AGREEMENT).order_by(AGREEMENT.c.id)).mappings()
    ]
