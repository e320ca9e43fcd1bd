"""calls: what is spoken, commands to live interactions, recordings"""

import sqlalchemy as sa
from alembic import op

from hub.models.columns import JSON_TYPE, UtcDateTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_LIVE = sa.text("node != '' AND ended_at IS NULL")
_KNOWN_OUTSIDE = sa.text("external_id != ''")


def upgrade() -> None:
    op.add_column("interaction", sa.Column("node", sa.String(), nullable=False, server_default=""))
    op.add_column("interaction", sa.Column("external_id", sa.String(), nullable=False, server_default=""))
    op.add_column("interaction", sa.Column("answered_at", UtcDateTime(), nullable=True))
    op.create_index("ix_interaction_node", "interaction", ["node"], sqlite_where=_LIVE, postgresql_where=_LIVE)
    op.create_index(
        "ix_interaction_external", "interaction", ["channel", "external_id"],
        sqlite_where=_KNOWN_OUTSIDE, postgresql_where=_KNOWN_OUTSIDE,
    )  # fmt: skip
    op.add_column("message", sa.Column("heard", sa.String(), nullable=True))
    op.add_column("message", sa.Column("from_ms", sa.Integer(), nullable=True))
    op.add_column("message", sa.Column("to_ms", sa.Integer(), nullable=True))
    op.add_column("message", sa.Column("timing", JSON_TYPE, nullable=False, server_default="{}"))
    op.create_table(
        "command",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("interaction_id", sa.Uuid(), nullable=False),
        sa.Column("verb", sa.String(), nullable=False),
        sa.Column("arguments", JSON_TYPE, nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("fault", sa.String(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("done_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["interaction_id"], ["interaction.id"]),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspace.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "ix_command_open", "command", ["interaction_id"],
        sqlite_where=sa.text("done_at IS NULL"), postgresql_where=sa.text("done_at IS NULL"),
    )  # fmt: skip
    op.create_index(op.f("ix_command_interaction_id"), "command", ["interaction_id"])
    op.create_table(
        "recording",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("interaction_id", sa.Uuid(), nullable=False),
        sa.Column("path", sa.String(), nullable=False),
        sa.Column("rate", sa.Integer(), nullable=False),
        sa.Column("from_ms", sa.Integer(), nullable=False),
        sa.Column("duration_ms", sa.Integer(), nullable=False),
        sa.Column("pauses", JSON_TYPE, nullable=False),
        sa.Column("started_at", UtcDateTime(), nullable=False),
        sa.Column("finished_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["interaction_id"], ["interaction.id"]),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspace.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_recording_interaction_id"), "recording", ["interaction_id"])
    op.create_index(
        "ix_recording_growing", "recording", ["started_at"],
        sqlite_where=sa.text("finished_at IS NULL"), postgresql_where=sa.text("finished_at IS NULL"),
    )  # fmt: skip
    op.create_index(op.f("ix_recording_workspace_id"), "recording", ["workspace_id"])


def downgrade() -> None:
    op.drop_table("recording")
    op.drop_table("command")
    for column in ("timing", "to_ms", "from_ms", "heard"):
        op.drop_column("message", column)
    op.drop_index("ix_interaction_external", "interaction")
    op.drop_index("ix_interaction_node", "interaction")
    for column in ("answered_at", "external_id", "node"):
        op.drop_column("interaction", column)
