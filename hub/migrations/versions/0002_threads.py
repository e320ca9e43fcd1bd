"""find the interactions of a thread, ended ones too"""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_interaction_thread", "interaction", ["workspace_id", "channel", "thread", "created_at"])


def downgrade() -> None:
    op.drop_index("ix_interaction_thread", table_name="interaction")
