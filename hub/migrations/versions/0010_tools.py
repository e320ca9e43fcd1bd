"""secrets, function calls that wait for a result, callbacks; knowledge out of files and pages; hooks"""

import sqlalchemy as sa
from alembic import op

from hub.models.columns import JSON_TYPE, UtcDateTime

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _secrets()
    _calls()
    _callbacks()
    _knowledge()
    _hooks()


def _secrets() -> None:
    op.create_table(
        "tool_secret",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("sealed", sa.String(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspace.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_tool_secret_name", "tool_secret", ["workspace_id", "name"], unique=True)


def _calls() -> None:
    op.create_table(
        "tool_call",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("interaction_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("arguments", JSON_TYPE, nullable=False),
        sa.Column("answer", JSON_TYPE, nullable=False),
        sa.Column("asked_at", UtcDateTime(), nullable=False),
        sa.Column("due_at", UtcDateTime(), nullable=False),
        sa.Column("done_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspace.id"]),
        sa.ForeignKeyConstraint(["interaction_id"], ["interaction.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_tool_call_key", "tool_call", ["interaction_id", "key"], unique=True)
    op.create_index("ix_tool_call_workspace_id", "tool_call", ["workspace_id"])


def _callbacks() -> None:
    op.create_table(
        "callback",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("interaction_id", sa.Uuid(), nullable=False),
        sa.Column("agent_id", sa.Uuid(), nullable=True),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("about", sa.String(), nullable=False),
        sa.Column("due_at", UtcDateTime(), nullable=False),
        sa.Column("claimed_until", UtcDateTime(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("started_id", sa.Uuid(), nullable=True),
        sa.Column("fault", sa.String(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("done_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspace.id"]),
        sa.ForeignKeyConstraint(["interaction_id"], ["interaction.id"]),
        sa.ForeignKeyConstraint(["agent_id"], ["agent.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    open_ones = sa.text("done_at IS NULL")
    op.create_index("ix_callback_due", "callback", ["due_at"], sqlite_where=open_ones, postgresql_where=open_ones)
    op.create_index("ix_callback_interaction_id", "callback", ["interaction_id"])
    op.create_index("ix_callback_workspace_id", "callback", ["workspace_id"])


def _knowledge() -> None:
    with op.batch_alter_table("knowledge") as table:
        table.alter_column("agent_id", existing_type=sa.Uuid(), nullable=True)
        table.add_column(sa.Column("kind", sa.String(), nullable=False, server_default="text"))
        table.add_column(sa.Column("url", sa.String(), nullable=False, server_default=""))
        table.add_column(sa.Column("refresh_hours", sa.Integer(), nullable=False, server_default="0"))
        table.add_column(sa.Column("state", sa.String(), nullable=False, server_default="ready"))
        table.add_column(sa.Column("fault", sa.String(), nullable=False, server_default=""))
        table.add_column(sa.Column("etag", sa.String(), nullable=False, server_default=""))
        table.add_column(sa.Column("modified", sa.String(), nullable=False, server_default=""))
        table.add_column(sa.Column("read_at", UtcDateTime(), nullable=True))
        table.add_column(sa.Column("due_at", UtcDateTime(), nullable=True))
        table.add_column(sa.Column("updated_at", UtcDateTime(), nullable=True))
    op.execute("UPDATE knowledge SET updated_at = created_at")
    with op.batch_alter_table("knowledge") as table:
        table.alter_column("updated_at", existing_type=UtcDateTime(), nullable=False)
    some = sa.text("due_at IS NOT NULL")
    op.create_index("ix_knowledge_due", "knowledge", ["due_at"], sqlite_where=some, postgresql_where=some)
    op.create_table(
        "knowledge_agent",
        sa.Column("knowledge_id", sa.Uuid(), nullable=False),
        sa.Column("agent_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["knowledge_id"], ["knowledge.id"]),
        sa.ForeignKeyConstraint(["agent_id"], ["agent.id"]),
        sa.PrimaryKeyConstraint("knowledge_id", "agent_id"),
    )
    op.create_index("ix_knowledge_agent_agent_id", "knowledge_agent", ["agent_id"])


def _hooks() -> None:
    op.add_column("interaction", sa.Column("hooks_due_at", UtcDateTime(), nullable=True))
    op.add_column("interaction", sa.Column("hooked", JSON_TYPE, nullable=False, server_default="{}"))
    some = sa.text("hooks_due_at IS NOT NULL")
    op.create_index(
        "ix_interaction_hooks_due", "interaction", ["hooks_due_at"], sqlite_where=some, postgresql_where=some
    )


def downgrade() -> None:
    op.drop_index("ix_interaction_hooks_due", "interaction")
    op.drop_column("interaction", "hooked")
    op.drop_column("interaction", "hooks_due_at")
    op.drop_table("knowledge_agent")
    op.execute("DELETE FROM knowledge WHERE agent_id IS NULL")
    op.drop_index("ix_knowledge_due", "knowledge")
    with op.batch_alter_table("knowledge") as table:
        for name in (
            "kind", "url", "refresh_hours", "state", "fault", "etag", "modified", "read_at", "due_at", "updated_at",
        ):  # fmt: skip
            table.drop_column(name)
        table.alter_column("agent_id", existing_type=sa.Uuid(), nullable=False)
    for name in ("callback", "tool_call", "tool_secret"):
        op.drop_table(name)
