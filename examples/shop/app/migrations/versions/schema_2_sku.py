"""Every product has an article number.

Version 2 of the shop. This is how it goes wrong in practice: on an empty test database the column can be added; where
there are products it cannot, for what would stand in their rows? It takes a default, or three steps: add, fill and
require.
"""

import sqlalchemy as sa
from alembic import op

revision = "schema_2"
down_revision = "schema_1"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("products", sa.Column("sku", sa.Text, nullable=False))


def downgrade() -> None:
    op.drop_column("products", "sku")
