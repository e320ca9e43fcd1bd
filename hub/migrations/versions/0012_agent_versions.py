"""agents have a draft, numbered versions and saved tests"""

import sqlalchemy as sa
from alembic import op

from hub.models.columns import JSON_TYPE, UtcDateTime, new_id

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("agent", sa.Column("draft", JSON_TYPE, nullable=True))
    op.add_column("agent", sa.Column("revision", sa.Integer(), nullable=False, server_default="1"))
    op.add_column("agent", sa.Column("changed_by", sa.String(), nullable=False, server_default=""))
    op.create_table(
        "agent_version",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("agent_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("definition", JSON_TYPE, nullable=False),
        sa.Column("published_by", sa.String(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("restores", sa.Integer(), nullable=True),
        sa.Column("published_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["agent_id"], ["agent.id"]),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspace.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("agent_id", "number"),
    )
    op.create_index(op.f("ix_agent_version_agent_id"), "agent_version", ["agent_id"])
    op.create_index(op.f("ix_agent_version_workspace_id"), "agent_version", ["workspace_id"])
    _publish_what_there_is()
    op.create_table(
        "saved_test",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("agent_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("said", JSON_TYPE, nullable=False),
        sa.Column("parameters", JSON_TYPE, nullable=False),
        sa.Column("found", JSON_TYPE, nullable=False),
        sa.Column("expectations", JSON_TYPE, nullable=False),
        sa.Column("agent_version", sa.Integer(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["agent_id"], ["agent.id"]),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspace.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_saved_test_agent_id"), "saved_test", ["agent_id"])
    op.create_index(op.f("ix_saved_test_workspace_id"), "saved_test", ["workspace_id"])


def _publish_what_there_is() -> None:
    """What agents are now is published, under the number that their interactions know it by."""
    agent = sa.table(
        "agent", sa.column("id", sa.Uuid()), sa.column("workspace_id", sa.Uuid()), sa.column("version", sa.Integer()),
        sa.column("definition", JSON_TYPE), sa.column("updated_at", UtcDateTime()),
    )  # fmt: skip
    made = sa.table(
        "agent_version", sa.column("id", sa.Uuid()), sa.column("workspace_id", sa.Uuid()),
        sa.column("agent_id", sa.Uuid()), sa.column("number", sa.Integer()), sa.column("definition", JSON_TYPE),
        sa.column("published_by", sa.String()), sa.column("note", sa.String()),
        sa.column("published_at", UtcDateTime()),
    )  # fmt: skip
    rows = [
        {
            "id": new_id(), "workspace_id": row.workspace_id, "agent_id": row.id, "number": row.version,
            "definition": row.definition, "published_by": "", "note": "", "published_at": row.updated_at,
        }
        for row in op.get_bind().execute(sa.select(agent))
    ]  # fmt: skip
    if rows:
        op.bulk_insert(made, rows)


def downgrade() -> None:
    op.drop_table("saved_test")
    op.drop_table("agent_version")
    for name in ("changed_by", "revision", "draft"):
        op.drop_column("agent", name)
