"""identities with proof, merges that can be undone, codes, questions by link, tombstones, the audit log"""

import sqlalchemy as sa
from alembic import op

from hub.models.columns import JSON_TYPE, UtcDateTime

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_IDENTITY = "id, workspace_id, customer_id, kind, value, strength, source, created_at"


def upgrade() -> None:
    with op.batch_alter_table("customer") as table:
        table.add_column(sa.Column("merged_into", sa.Uuid(), nullable=True))
        table.create_foreign_key("fk_customer_merged_into", "customer", ["merged_into"], ["id"])
    op.add_column("workspace", sa.Column("contact_from", sa.String(), nullable=False, server_default="08:00"))
    op.add_column("workspace", sa.Column("contact_to", sa.String(), nullable=False, server_default="21:00"))
    op.add_column("consent", sa.Column("by", sa.String(), nullable=False, server_default=""))
    op.create_index("ix_consent_identity", "consent", ["workspace_id", "identity_value"])
    op.create_index("ix_customer_name", "customer", ["workspace_id", "name"])
    _identities_may_be_inferred_of_several()
    _new_tables()


def _identities_may_be_inferred_of_several() -> None:
    """The same table without its unique constraint, which has no name in SQLite."""
    op.drop_index("ix_identity_customer_id", "identity")
    op.create_table(
        "identity_new",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.Column("strength", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("proof", JSON_TYPE, nullable=False, server_default="{}"),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"]),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspace.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.execute(f"INSERT INTO identity_new ({_IDENTITY}) SELECT {_IDENTITY} FROM identity")  # noqa: S608
    op.drop_table("identity")
    op.rename_table("identity_new", "identity")
    op.create_index("ix_identity_customer_id", "identity", ["customer_id"])
    known = sa.text("strength != 'inferred'")
    op.create_index(
        "ix_identity_value", "identity", ["workspace_id", "kind", "value"], unique=True,
        sqlite_where=known, postgresql_where=known,
    )  # fmt: skip
    op.create_index("ix_identity_any", "identity", ["workspace_id", "value"])


def _new_tables() -> None:
    op.create_table(
        "customer_change",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("other_id", sa.Uuid(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("data", JSON_TYPE, nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("undone_at", UtcDateTime(), nullable=True),
        sa.Column("undone_by", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspace.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_customer_change_customer_id", "customer_change", ["customer_id"])
    op.create_index("ix_customer_change_other_id", "customer_change", ["other_id"])
    op.create_table(
        "tombstone",
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("refusals", JSON_TYPE, nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspace.id"]),
        sa.PrimaryKeyConstraint("workspace_id", "digest"),
    )
    op.create_table(
        "audit_entry",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("data", JSON_TYPE, nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspace.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_audit_entry_newest", "audit_entry", ["workspace_id", "id"])
    op.create_table(
        "verification",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("interaction_id", sa.Uuid(), nullable=True),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("passed_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspace.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_verification_value", "verification", ["workspace_id", "kind", "value", "created_at"])
    op.create_index("ix_verification_customer", "verification", ["workspace_id", "customer_id", "created_at"])
    op.create_index("ix_verification_interaction", "verification", ["interaction_id"])
    op.create_table(
        "question",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("interaction_id", sa.Uuid(), nullable=False),
        sa.Column("by_interaction_id", sa.Uuid(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("asked", sa.Boolean(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("answered_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspace.id"]),
        sa.ForeignKeyConstraint(["interaction_id"], ["interaction.id"]),
        sa.ForeignKeyConstraint(["by_interaction_id"], ["interaction.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_question_interaction_id", "question", ["interaction_id"])
    op.create_index("ix_question_sent", "question", ["by_interaction_id", "created_at"])


def downgrade() -> None:
    for name in ("question", "verification", "audit_entry", "tombstone", "customer_change"):
        op.drop_table(name)
    op.execute("DELETE FROM identity WHERE strength = 'inferred'")
    op.drop_index("ix_identity_any", "identity")
    op.drop_index("ix_identity_value", "identity")
    with op.batch_alter_table("identity") as table:
        table.drop_column("proof")
        table.create_unique_constraint("identity_workspace_id_kind_value_key", ["workspace_id", "kind", "value"])
    op.drop_index("ix_customer_name", "customer")
    op.drop_index("ix_consent_identity", "consent")
    op.drop_column("consent", "by")
    op.drop_column("workspace", "contact_to")
    op.drop_column("workspace", "contact_from")
    with op.batch_alter_table("customer") as table:
        table.drop_constraint("fk_customer_merged_into", type_="foreignkey")
        table.drop_column("merged_into")
