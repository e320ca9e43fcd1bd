"""teams, and which of their members has the customer"""

import sqlalchemy as sa
from alembic import op

from hub.models.columns import JSON_TYPE, UtcDateTime

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "team",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("definition", JSON_TYPE, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.Column("archived_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspace.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_team_workspace_id"), "team", ["workspace_id"])
    sqlite = op.get_bind().dialect.name == "sqlite"
    for table in ("address", "interaction"):
        if sqlite:  # it need not copy the table for this, but Alembic would
            op.execute(f"ALTER TABLE {table} ADD COLUMN team_id CHAR(32) REFERENCES team (id)")
        else:
            op.add_column(table, sa.Column("team_id", sa.Uuid(), nullable=True))
            op.create_foreign_key(f"fk_{table}_team_id", table, "team", ["team_id"], ["id"])
    op.add_column("interaction", sa.Column("member", sa.String(), nullable=False, server_default=""))
    op.add_column("interaction", sa.Column("team", JSON_TYPE, nullable=False, server_default="{}"))


def downgrade() -> None:
    for column in ("team", "member"):
        op.drop_column("interaction", column)
    for table in ("interaction", "address"):
        with op.batch_alter_table(table) as changed:
            changed.drop_column("team_id")
    op.drop_index(op.f("ix_team_workspace_id"), "team")
    op.drop_table("team")
