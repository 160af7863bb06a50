"""What each process of ours makes once, made before it is forked: the gateway's routes and alembic's scripts.

It works by being imported: the fork server and the launcher take only names of modules.
"""

import gc

from lam.gateway import _routes
from lam.storage.database import _scripts

_routes()
_scripts().get_current_head()
gc.collect()
gc.freeze()  # a collection in a fork would copy every page that it looks at
