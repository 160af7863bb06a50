"""The only home of SQLAlchemy: tables, migrations, repositories, units of work and the lock. Its exceptions become ours here.

It must not know engines, runs in progress or HTTP.
"""
