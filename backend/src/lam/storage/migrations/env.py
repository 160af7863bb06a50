"""Runs migrations on the connection that `Database.upgrade` hands over.

Alembic imports it; it opens no connection itself.
"""

from alembic import context

from lam.storage.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    transaction_per_migration=False,
)
with context.begin_transaction():
    context.run_migrations()
