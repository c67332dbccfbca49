"""Runs the migrations in one transaction each, on the database that the environment names."""

import os
from logging.config import fileConfig

from alembic import context
from sqlalchemy import URL, create_engine

fileConfig(context.config.config_file_name)
url = URL.create(
    "postgresql+psycopg",
    host=os.environ["DB_HOST"],
    port=int(os.environ.get("DB_PORT", "5432")),
    database=os.environ["DB_NAME"],
    username=os.environ["DB_USER"],
    password=os.environ["DB_PASSWORD"],
)
# A migration that waits for a lock makes everybody else wait behind it: better to give up and try again.
settings = f"-c lock_timeout={os.environ.get('DB_LOCK_TIMEOUT', '5s')}"
engine = create_engine(url, connect_args={"connect_timeout": 5, "options": settings})
with engine.connect() as connection:
    context.configure(connection=connection, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()
