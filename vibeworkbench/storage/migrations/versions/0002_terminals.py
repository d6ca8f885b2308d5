"""Terminals and who may do what with them.

Revision: 0002, after 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "terminal",
        sa.Column("terminal_id", sa.String(length=32), nullable=False),
        sa.Column("home", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("owner", sa.String(length=256), nullable=False),
        sa.Column("owner_name", sa.String(length=128), nullable=False),
        sa.Column("sandbox", sa.String(length=128), nullable=False),
        sa.Column("upstream", sa.Text(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("cols", sa.Integer(), nullable=False),
        sa.Column("recorded", sa.Boolean(), nullable=False),
        sa.Column("created_at_us", sa.BigInteger(), nullable=False),
        sa.Column("ended_at_us", sa.BigInteger(), nullable=True),
        sa.Column("exit_code", sa.Integer(), nullable=True),
        sa.Column("exit_reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("terminal_id", name=op.f("pk_terminal")),
    )
    op.create_table(
        "terminal_grant",
        sa.Column("terminal_id", sa.String(length=32), nullable=False),
        sa.Column("identity", sa.String(length=256), nullable=False),
        sa.Column("right", sa.String(length=16), nullable=False),
        sa.Column("granted_by", sa.String(length=256), nullable=False),
        sa.Column("granted_at_us", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["terminal_id"],
            ["terminal.terminal_id"],
            name=op.f("fk_terminal_grant_terminal_id_terminal"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("terminal_id", "identity", name=op.f("pk_terminal_grant")),
    )


def downgrade() -> None:
    op.drop_table("terminal_grant")
    op.drop_table("terminal")
