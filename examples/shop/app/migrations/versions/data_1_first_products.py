"""The first products.

A branch of its own, so that data can be migrated in a step after the schema.
"""

import sqlalchemy as sa
from alembic import op

revision = "data_1"
down_revision = None
branch_labels = ("data",)
depends_on = "schema_1"

PRODUCTS = {"Tea": 450, "Teapot": 2900, "Cup": 1250, "Honey": 780}


def upgrade() -> None:
    table = sa.table("products", sa.column("name", sa.Text), sa.column("price_cents", sa.Integer))
    op.bulk_insert(table, [{"name": name, "price_cents": price} for name, price in PRODUCTS.items()])


def downgrade() -> None:
    table = sa.table("products", sa.column("name", sa.Text))
    op.execute(table.delete().where(table.c.name.in_(PRODUCTS)))
