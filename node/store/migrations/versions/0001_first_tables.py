"""The first tables."""

import hashlib

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

INSTANT = sa.BigInteger()  # microseconds since 1970 UTC
# On SQLite an INTEGER primary key is the rowid itself.
WIDE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "account",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("unit", sa.String(), nullable=True),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("removed_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("name", name="pk_account"),
    )
    op.create_table(
        "alarm",
        sa.Column("id", WIDE, autoincrement=False, nullable=False),
        sa.Column("time", INSTANT, nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("peer", sa.String(), nullable=True),
        sa.Column("message", WIDE, nullable=True),
        sa.Column("detail", sa.String(), nullable=False),
        sa.Column("settled_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_alarm"),
    )
    op.create_index("ix_alarm_settled_at", "alarm", ["settled_at"])
    op.create_table(
        "case_number",
        sa.Column("year", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("last", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("year", name="pk_case_number"),
    )
    op.create_table(
        "configuration",
        sa.Column("id", WIDE, autoincrement=False, nullable=False),
        sa.Column("version", WIDE, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_configuration"),
    )
    op.create_table(
        "event",
        sa.Column("id", WIDE, autoincrement=False, nullable=False),
        sa.Column("message", WIDE, nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.Column("time", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_event"),
    )
    op.create_index("ix_event_message_id", "event", ["message", "id"])
    op.create_table(
        "exchange_case",
        sa.Column("id", WIDE, autoincrement=False, nullable=False),
        sa.Column("opener", sa.String(), nullable=False),
        sa.Column("conversation_id", sa.String(), nullable=False),
        sa.Column("alias_year", sa.Integer(), nullable=False),
        sa.Column("alias_number", sa.Integer(), nullable=False),
        sa.Column("domain", sa.String(), nullable=True),
        sa.Column("version", sa.String(), nullable=True),
        sa.Column("state", sa.String(), nullable=True),
        sa.Column("unit", sa.String(), nullable=True),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("changed_at", INSTANT, nullable=False),
        sa.Column("closed_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_exchange_case"),
        sa.UniqueConstraint("alias_year", "alias_number", name="uq_exchange_case_alias_year_alias_number"),
        sa.UniqueConstraint("opener", "conversation_id", name="uq_exchange_case_opener_conversation_id"),
    )
    op.create_table(
        "log_entry",
        sa.Column("id", WIDE, autoincrement=False, nullable=False),
        sa.Column("position", WIDE, nullable=True),
        sa.Column("leaf", sa.LargeBinary(), nullable=False),
        sa.Column("time", INSTANT, nullable=False),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("message", WIDE, nullable=True),
        sa.Column("case_id", WIDE, nullable=True),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_log_entry"),
        sa.UniqueConstraint("position", name="uq_log_entry_position"),
    )
    op.create_index(
        "ix_log_entry_case_id",
        "log_entry",
        ["case_id"],
        sqlite_where=sa.text("message IS NULL"),
        postgresql_where=sa.text("message IS NULL"),
    )
    op.create_index("ix_log_entry_message", "log_entry", ["message"])
    op.create_index(
        "ix_log_entry_pending",
        "log_entry",
        ["id"],
        sqlite_where=sa.text("position IS NULL"),
        postgresql_where=sa.text("position IS NULL"),
    )
    op.create_table(
        "log_entry_key",
        sa.Column("id", WIDE, autoincrement=False, nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_log_entry_key"),
    )
    op.create_table(
        "log_state",
        sa.Column("id", WIDE, autoincrement=False, nullable=False),
        sa.Column("size", WIDE, nullable=False),
        sa.Column("frontier", sa.LargeBinary(), nullable=False),
        sa.Column("root", sa.LargeBinary(), nullable=False),
        sa.Column("frozen", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_log_state"),
    )
    op.create_table(
        "message",
        sa.Column("id", WIDE, autoincrement=False, nullable=False),
        sa.Column("message_id", sa.String(), nullable=False),
        sa.Column("direction", sa.String(), nullable=False),
        sa.Column("peer", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("service", sa.String(), nullable=False),
        sa.Column("service_type", sa.String(), nullable=True),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("agreement_ref", sa.String(), nullable=True),
        sa.Column("case_id", WIDE, nullable=False),
        sa.Column("conversation_id", sa.String(), nullable=False),
        sa.Column("ref_to_message_id", sa.String(), nullable=True),
        sa.Column("replaces", sa.String(), nullable=True),
        sa.Column("timestamp", INSTANT, nullable=False),
        sa.Column("time", INSTANT, nullable=False),
        sa.Column("receipt_time", INSTANT, nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("error_code", sa.String(), nullable=True),
        sa.Column("error_detail", sa.String(), nullable=True),
        sa.Column("sequence", WIDE, nullable=True),
        sa.Column("seen", WIDE, nullable=True),
        sa.Column("unit", sa.String(), nullable=True),
        sa.Column("original_sender", sa.String(), nullable=True),
        sa.Column("final_recipient", sa.String(), nullable=True),
        sa.Column("digests", sa.LargeBinary(), nullable=False),
        sa.Column("unilateral", sa.Boolean(), nullable=False),
        sa.Column("disputed_time", sa.Boolean(), nullable=False),
        sa.Column("opened_at", INSTANT, nullable=True),
        sa.Column("opened_notice", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_message"),
        sa.UniqueConstraint("message_id", "peer", "direction", name="uq_message_message_id_peer_direction"),
    )
    op.create_index("ix_message_case_id_id", "message", ["case_id", "id"])
    op.create_index("ix_message_state_id", "message", ["state", "id"])
    op.create_table(
        "outbox",
        sa.Column("message", WIDE, autoincrement=False, nullable=False),
        sa.Column("peer", sa.String(), nullable=False),
        sa.Column("case_id", WIDE, nullable=False),
        sa.Column("next_attempt_at", INSTANT, nullable=False),
        sa.Column("claimed_by", sa.String(), nullable=True),
        sa.Column("claimed_until", INSTANT, nullable=True),
        sa.Column("first_attempt_at", INSTANT, nullable=True),
        sa.Column("gives_up_at", INSTANT, nullable=False),
        sa.Column("body_sent", sa.Boolean(), nullable=False),
        sa.Column("blocked", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("message", name="pk_outbox"),
    )
    op.create_index("ix_outbox_next_attempt_at", "outbox", ["next_attempt_at"])
    op.create_index("ix_outbox_peer_case_id_message", "outbox", ["peer", "case_id", "message"])
    op.create_table(
        "part",
        sa.Column("message", WIDE, autoincrement=False, nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("content_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=True),
        sa.Column("media_type", sa.String(), nullable=True),
        sa.Column("compressed", sa.Boolean(), nullable=False),
        sa.Column("size", WIDE, nullable=False),
        sa.Column("sha256", sa.LargeBinary(), nullable=False),
        sa.Column("signed_size", WIDE, nullable=False),
        sa.Column("signed_sha256", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("message", "n", name="pk_part"),
    )
    op.create_table(
        "payload",
        sa.Column("message", WIDE, autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("size", WIDE, nullable=False),
        sa.Column("inline", sa.LargeBinary(), nullable=True),
        sa.Column("blob", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("message", "kind", "n", name="pk_payload"),
    )
    op.create_index(
        "ix_payload_blob",
        "payload",
        ["blob"],
        sqlite_where=sa.text("blob IS NOT NULL"),
        postgresql_where=sa.text("blob IS NOT NULL"),
    )
    op.create_table(
        "payload_key",
        sa.Column("message", WIDE, autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("message", "kind", "n", name="pk_payload_key"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "peer",
        sa.Column("party", sa.String(), nullable=False),
        sa.Column("party_type", sa.String(), nullable=True),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("url", sa.String(), nullable=True),
        sa.Column("suite", sa.String(), nullable=True),
        sa.Column("identity_key", sa.LargeBinary(), nullable=True),
        sa.Column("card", sa.String(), nullable=True),
        sa.Column("card_serial", WIDE, nullable=True),
        sa.Column("signing_subject", sa.String(), nullable=True),
        sa.Column("depesha", sa.Boolean(), nullable=False),
        sa.Column("sequence_out", WIDE, nullable=False),
        sa.Column("sequence_in", WIDE, nullable=False),
        sa.Column("added_at", INSTANT, nullable=False),
        sa.Column("confirmed_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("party", name="pk_peer"),
    )
    op.create_table(
        "peer_delivery",
        sa.Column("party", sa.String(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("failing_since", INSTANT, nullable=True),
        sa.Column("next_attempt_at", INSTANT, nullable=True),
        sa.Column("last_success_at", INSTANT, nullable=True),
        sa.Column("last_error", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("party", name="pk_peer_delivery"),
    )
    op.create_table(
        "agreement",
        sa.Column("id", WIDE, autoincrement=False, nullable=False),
        sa.Column("ref", sa.String(), nullable=True),
        sa.Column("peer", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("ended_at", INSTANT, nullable=True),
        sa.ForeignKeyConstraint(["peer"], ["peer.party"], name="fk_agreement_peer"),
        sa.PrimaryKeyConstraint("id", name="pk_agreement"),
    )
    op.create_index("ix_agreement_peer_state", "agreement", ["peer", "state"])
    op.create_table(
        "browser_session",
        sa.Column("token_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("expires_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["account"], ["account.name"], name="fk_browser_session_account"),
        sa.PrimaryKeyConstraint("token_sha256", name="pk_browser_session"),
    )
    op.create_table(
        "case_member",
        sa.Column("case_id", WIDE, autoincrement=False, nullable=False),
        sa.Column("party", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["exchange_case.id"], name="fk_case_member_case_id"),
        sa.PrimaryKeyConstraint("case_id", "party", name="pk_case_member"),
    )
    op.create_table(
        "peer_certificate",
        sa.Column("id", WIDE, autoincrement=False, nullable=False),
        sa.Column("party", sa.String(), nullable=False),
        sa.Column("use", sa.String(), nullable=False),
        sa.Column("der", sa.LargeBinary(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("not_before", INSTANT, nullable=False),
        sa.Column("not_after", INSTANT, nullable=False),
        sa.Column("revoked_at", INSTANT, nullable=True),
        sa.Column("added_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["party"], ["peer.party"], name="fk_peer_certificate_party"),
        sa.PrimaryKeyConstraint("id", name="pk_peer_certificate"),
    )
    op.create_index("ix_peer_certificate_party_use", "peer_certificate", ["party", "use"])
    op.create_table(
        "sign_in_link",
        sa.Column("token_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("expires_at", INSTANT, nullable=False),
        sa.Column("used_at", INSTANT, nullable=True),
        sa.ForeignKeyConstraint(["account"], ["account.name"], name="fk_sign_in_link_account"),
        sa.PrimaryKeyConstraint("token_sha256", name="pk_sign_in_link"),
    )
    op.create_table(
        "agreement_pair",
        sa.Column("id", WIDE, autoincrement=False, nullable=False),
        sa.Column("agreement", WIDE, nullable=False),
        sa.Column("service", sa.String(), nullable=False),
        sa.Column("service_type", sa.String(), nullable=True),
        sa.Column("action", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["agreement"], ["agreement.id"], name="fk_agreement_pair_agreement"),
        sa.PrimaryKeyConstraint("id", name="pk_agreement_pair"),
    )
    op.create_index("ix_agreement_pair_agreement", "agreement_pair", ["agreement"])

    log_state = sa.table("log_state", *(sa.column(c) for c in ("id", "size", "frontier", "root", "frozen")))
    # RFC 6962: the root of an empty tree is the hash of nothing.
    empty = {"id": 1, "size": 0, "frontier": b"", "root": hashlib.sha256(b"").digest(), "frozen": False}
    op.bulk_insert(log_state, [empty])
    configuration = sa.table("configuration", sa.column("id"), sa.column("version"))
    op.bulk_insert(configuration, [{"id": 1, "version": 1}])
