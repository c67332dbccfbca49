"""The table of products."""

import sqlalchemy as sa
from alembic import op

revision = "schema_1"
down_revision = None
branch_labels = ("schema",)
depends_on = None


def upgrade() -> None:
    op.create_table(
        "products",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.Text, nullable=False, unique=True),
        sa.Column("price_cents", sa.Integer, sa.CheckConstraint("price_cents >= 0"), nullable=False),
    )


def downgrade() -> None:
    op.drop_table("products")
