"""Search in every script: the index holds folded words, which Python makes, and is made anew from all messages"""

import logging
import time

import sqlalchemy as sa
from alembic import op

from lam.protocol.documents import readable
from lam.storage.words import index_words

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

log = logging.getLogger(__name__)

PAGE = 500
REPORT_SECONDS = 5

_SQLITE = (
    "DROP TRIGGER IF EXISTS messages_search_insert",
    "DROP TRIGGER IF EXISTS messages_search_delete",
    "DROP TRIGGER IF EXISTS messages_search_update",
    "DROP TABLE IF EXISTS message_search",
    # Words are separated by spaces, and `ascii` takes all other characters of theirs as they are.
    "CREATE VIRTUAL TABLE message_search USING fts5(words, tokenize='ascii', detail=none, prefix='1')",
    """CREATE TRIGGER messages_search_insert AFTER INSERT ON messages WHEN new.content <> '' BEGIN
        INSERT INTO message_search_pending (message_id) VALUES (new.id)
        ON CONFLICT (message_id) DO UPDATE SET revision = revision + 1;
    END""",
    """CREATE TRIGGER messages_search_update AFTER UPDATE OF content ON messages WHEN old.content <> new.content BEGIN
        INSERT INTO message_search_pending (message_id) VALUES (new.id)
        ON CONFLICT (message_id) DO UPDATE SET revision = revision + 1;
    END""",
    """CREATE TRIGGER messages_search_delete AFTER DELETE ON messages BEGIN
        DELETE FROM message_search WHERE rowid = old.id;
        DELETE FROM message_search_pending WHERE message_id = old.id;
    END""",
)
_POSTGRESQL = (
    "DROP INDEX IF EXISTS ix_messages_search",
    "DROP FUNCTION IF EXISTS lam_words(text)",
    "DROP TABLE IF EXISTS message_search",
    "CREATE TABLE message_search (message_id integer PRIMARY KEY, words tsvector NOT NULL)",
    """CREATE OR REPLACE FUNCTION lam_search_pending() RETURNS trigger LANGUAGE plpgsql AS $lam$ BEGIN
        INSERT INTO message_search_pending AS pending (message_id) VALUES (new.id)
        ON CONFLICT (message_id) DO UPDATE SET revision = pending.revision + 1;
        RETURN NULL;
    END $lam$""",
    # No foreign keys: their locks, in the other order, could stand in the way of one who deletes.
    """CREATE OR REPLACE FUNCTION lam_search_forget() RETURNS trigger LANGUAGE plpgsql AS $lam$ BEGIN
        DELETE FROM message_search_pending WHERE message_id = old.id;
        DELETE FROM message_search WHERE message_id = old.id;
        RETURN NULL;
    END $lam$""",
    """CREATE TRIGGER messages_search_insert AFTER INSERT ON messages FOR EACH ROW
        WHEN (new.content <> '') EXECUTE FUNCTION lam_search_pending()""",
    """CREATE TRIGGER messages_search_update AFTER UPDATE OF content ON messages FOR EACH ROW
        WHEN (old.content <> new.content) EXECUTE FUNCTION lam_search_pending()""",
    """CREATE TRIGGER messages_search_delete AFTER DELETE ON messages FOR EACH ROW EXECUTE FUNCTION lam_search_forget()""",
)
_ADD = {
    "sqlite": "INSERT INTO message_search (rowid, words) VALUES (:id, :words)",
    "postgresql": "INSERT INTO message_search (message_id, words) VALUES (:id, array_to_tsvector(string_to_array(:words, ' ')))",
}


def upgrade() -> None:
    connection = op.get_bind()
    connection.exec_driver_sql("DROP TABLE IF EXISTS message_search_pending")
    op.create_table(
        "message_search_pending",
        sa.Column("message_id", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("revision", sa.Integer(), nullable=False, server_default="1"),
        sa.PrimaryKeyConstraint("message_id", name="pk_message_search_pending"),
    )
    postgresql = connection.dialect.name == "postgresql"
    for statement in _POSTGRESQL if postgresql else _SQLITE:
        connection.exec_driver_sql(statement)
    _index(connection)
    if postgresql:  # after the rows: quicker so
        connection.exec_driver_sql("CREATE INDEX ix_message_search_words ON message_search USING gin (words)")
        connection.exec_driver_sql("ANALYZE messages, message_search")  # or its planner reads tables from end to end at first
    else:
        connection.exec_driver_sql("INSERT INTO message_search (message_search) VALUES ('optimize')")


def _index(connection: sa.Connection) -> None:
    """Every message, with a line in the log every few seconds."""
    count = connection.scalar(sa.text("SELECT count(*) FROM messages WHERE content <> ''")) or 0
    page = sa.text("SELECT id, content FROM messages WHERE id > :last AND content <> '' ORDER BY id LIMIT :page")
    add = sa.text(_ADD[connection.dialect.name])
    done, last, reported = 0, 0, time.monotonic()
    while rows := connection.execute(page, {"last": last, "page": PAGE}).all():
        connection.execute(add, [{"id": row.id, "words": index_words(readable(row.content))} for row in rows])
        done, last = done + len(rows), rows[-1].id
        if time.monotonic() - reported >= REPORT_SECONDS:
            log.warning("Making the search index: %d of %d messages", done, count)
            reported = time.monotonic()
