"""The only home of SQLAlchemy: tables, migrations, repositories, units of work and the lock. Foreign exceptions stop here."""
