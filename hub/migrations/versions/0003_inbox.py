"""the inbox lists open, snoozed and closed interactions in their order"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_OPEN = "ended_at IS NULL"
_INDEXES = {
    "ix_interaction_open_recent": (["workspace_id", "last_message_at", "id"], _OPEN),
    "ix_interaction_open_waiting": (["workspace_id", "waiting_since", "last_message_at", "id"], _OPEN),
    "ix_interaction_owner": (["workspace_id", "owner", "waiting_since", "last_message_at", "id"], _OPEN),
    "ix_interaction_operator": (
        ["workspace_id", "operator_id", "waiting_since", "last_message_at", "id"],
        _OPEN,
    ),
    "ix_interaction_snoozed": (
        ["workspace_id", "snoozed_until", "id"],
        "snoozed_until IS NOT NULL AND ended_at IS NULL",
    ),
    "ix_interaction_closed": (["workspace_id", "ended_at", "id"], "ended_at IS NOT NULL"),
}


def upgrade() -> None:
    op.drop_index("ix_interaction_waiting", table_name="interaction")
    op.drop_index("ix_interaction_operator", table_name="interaction")
    for name, (columns, where) in _INDEXES.items():
        op.create_index(name, "interaction", columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where))


def downgrade() -> None:
    for name in _INDEXES:
        op.drop_index(name, table_name="interaction")
    op.create_index("ix_interaction_waiting", "interaction", ["workspace_id", "owner", "waiting_since"])
    op.create_index("ix_interaction_operator", "interaction", ["workspace_id", "operator_id", "last_message_at"])
