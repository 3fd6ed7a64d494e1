"""People: accounts with a role and a unit, sign-in by link, browser sessions, and who may do what.

Functions take a connection of `node.store` and the time, so that callers put what they do and its log entry into one
transaction. Nothing here knows HTTP. Imports `node.store` only.
"""

from node.access.accounts import (
    AccountError,
    Person,
    Role,
    add_user,
    find_user,
    list_users,
    remove_user,
)
from node.access.permissions import Act, allowed, sees_unit
from node.access.sign_in import (
    LINK_LIFETIME,
    SESSION_LIFETIME,
    LinkError,
    link_account,
    make_link,
    redeem,
    session_account,
    sign_out,
)

__all__ = [
    "LINK_LIFETIME",
    "SESSION_LIFETIME",
    "AccountError",
    "Act",
    "LinkError",
    "Person",
    "Role",
    "add_user",
    "allowed",
    "find_user",
    "link_account",
    "list_users",
    "make_link",
    "redeem",
    "remove_user",
    "sees_unit",
    "session_account",
    "sign_out",
]
