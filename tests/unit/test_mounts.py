"""Which file system a folder lies on, from the kernel's own list."""

from __future__ import annotations

from pathlib import Path

import pytest

from facewatchd.mounts import filesystem_type, is_network

MOUNTINFO = """\
22 1 254:0 / / rw,relatime - ext4 /dev/vda rw
23 22 0:21 / /srv rw shared:5 - btrfs /dev/sdb rw
24 23 0:40 / /srv/my\\040nas rw master:2 - nfs4 nas:/export rw
25 22 0:41 / /mnt/share rw - cifs //nas/share rw
26 22 0:42 / /mnt/cloud rw - fuse.rclone remote: rw
27 25 0:43 / /mnt/share/local rw - tmpfs tmpfs rw
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/home/me", "ext4"),
        ("/srv", "btrfs"),
        ("/srv/my nas/state", "nfs4"),
        ("/srv/my nasty", "btrfs"),
        ("/mnt/share/state", "cifs"),
        ("/mnt/share/local/state", "tmpfs"),
        ("/mnt/cloud", "fuse.rclone"),
    ],
)
def test_the_innermost_mount_decides(path: str, kind: str) -> None:
    assert filesystem_type(Path(path), MOUNTINFO) == kind


def test_a_later_mount_hides_an_earlier_one_at_the_same_place() -> None:
    over = MOUNTINFO + "28 23 0:44 / /srv rw - overlay overlay rw\n"
    assert filesystem_type(Path("/srv/x"), over) == "overlay"


def test_this_machines_temporary_folder_is_local(tmp_path: Path) -> None:
    assert not is_network(tmp_path)
