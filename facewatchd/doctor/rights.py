"""What an ACL grants, and whether a file system has any; see acl(5)."""

from __future__ import annotations

import errno
import os
import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from facewatchd.doctor.sight import Account

_ACCESS, _DEFAULT = "system.posix_acl_access", "system.posix_acl_default"
_HEAD = struct.Struct("<I")  # posix_acl_xattr_header of <linux/posix_acl_xattr.h>: the version
_ENTRY = struct.Struct("<HHI")  # posix_acl_xattr_entry: tag, rights, user or group
_USER, _GROUP = 0x02, 0x08  # ACL_USER, ACL_GROUP: the entries that name somebody
_WITHOUT = {errno.EOPNOTSUPP, errno.ENOSYS}


def takes_acl(path: bytes) -> bool:
    """Whether the file system takes ACLs; taken for true where one may not even look."""
    try:
        os.getxattr(path, _ACCESS)
    except OSError as error:
        return error.errno not in _WITHOUT
    return True


def shuts_out_what_comes(folder: bytes, account: Account) -> bool:
    """Whether ``account`` is let into ``folder`` by name, and into what is made in it is not."""
    return _names(folder, _ACCESS, account) and not _names(folder, _DEFAULT, account)


def _names(folder: bytes, acl: str, account: Account) -> bool:
    try:
        raw = os.getxattr(folder, acl)
    except OSError:  # there is none
        return False
    return any(
        rights and (number == account.user if tag == _USER else number in account.groups)
        for tag, rights, number in _ENTRY.iter_unpack(raw[_HEAD.size :])
        if tag in {_USER, _GROUP}
    )
