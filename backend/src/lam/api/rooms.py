"""Who may open rooms here. It must not know what a room is."""

from lam.accounts.accounts import Identity
from lam.api.services import Services


def may_open_rooms(parts: Services, caller: Identity) -> bool:
    """Returns whether this gateway has rooms and the caller may open one."""
    user = caller.user
    is_person = user.scope is None
    return parts.settings.lam_rooms and is_person and (user.is_admin or parts.configured.now.may_open_rooms(user.email))
