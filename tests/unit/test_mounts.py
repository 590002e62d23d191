"""What is mounted where, from the kernel's own list as many systems show it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facewatchd.mounts import Mounts, has_events, is_network, read_mounts

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

SERVER = rb"""
22 1 254:0 / / rw,relatime - ext4 /dev/vda rw
23 22 0:21 /@srv /srv rw shared:5 - btrfs /dev/sdb rw
24 23 0:40 / /srv/my\040nas rw master:2 - nfs4 nas:/export rw
25 22 0:41 / /mnt/share rw - cifs //nas/share rw
26 22 0:42 / /mnt/cloud rw - fuse.rclone remote: rw
27 25 0:43 / /mnt/share/local rw - tmpfs tmpfs rw
"""
SUBVOLUMES = rb"""
30 1 0:25 /@ / rw - btrfs /dev/sda2 rw,subvolid=256,subvol=/@
31 30 0:25 /@home /home rw - btrfs /dev/sda2 rw,subvolid=257,subvol=/@home
32 30 0:25 /@home/me/Photos /srv/photos rw - btrfs /dev/sda2 rw,subvolid=257,subvol=/@home
33 30 8:17 / /mnt/usb rw - exfat /dev/sdb1 rw
"""
ZFS = rb"""
40 1 0:30 / / rw - zfs rpool/ROOT/debian rw,xattr
41 40 0:31 / /tank rw - zfs tank rw,xattr
42 41 0:32 / /tank/photos rw - zfs tank/photos rw,xattr
43 42 0:33 / /tank/photos/.zfs/snapshot/monday ro - zfs tank/photos@monday ro
"""
DOCKER = rb"""
500 400 0:99 / / rw - overlay overlay rw,lowerdir=/l1:/l2,upperdir=/u,workdir=/w
501 500 0:100 / /proc rw - proc proc rw
502 500 8:1 /srv/photos /photos ro - ext4 /dev/sda1 rw
503 500 8:1 /var/lib/docker/containers/ab/hostname /etc/hostname rw - ext4 /dev/sda1 rw
504 502 0:50 / /photos/nas ro - nfs4 nas:/photos rw
"""
AUTOFS = rb"""
60 1 8:1 / / rw - ext4 /dev/sda1 rw
61 60 0:40 / /mnt/nas rw - autofs systemd-1 rw,fd=50,direct
62 60 0:41 / /net rw - autofs /etc/auto.net rw,indirect
63 61 0:44 / /mnt/nas rw - nfs4 nas:/photos rw
"""
OVER = rb"""
70 1 8:1 / / rw - ext4 /dev/sda1 rw
71 70 8:17 / /srv rw - ext4 /dev/sdb1 rw
72 71 8:33 / /srv/inner rw - xfs /dev/sdc1 rw
73 71 0:50 / /srv rw - tmpfs tmpfs rw
74 73 0:51 / /srv/other rw - tmpfs tmpfs rw
"""


def mounts(text: bytes, uuids: Mapping[bytes, str] | None = None) -> Mounts:
    known = uuids or {}
    return Mounts(text.lstrip(), lambda device, source: known.get(device) or known.get(source))


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        (b"/", "ext4"),
        (b"/home/me", "ext4"),
        (b"/srv", "btrfs"),
        (b"/srv/my nas", "nfs4"),
        (b"/srv/my nas/state", "nfs4"),
        (b"/srv/my nasty", "btrfs"),
        (b"/mnt/share/state", "cifs"),
        (b"/mnt/share/local/state", "tmpfs"),
        (b"/mnt/cloud", "fuse.rclone"),
    ],
)
def test_the_innermost_mount_holds_a_path(path: bytes, kind: str) -> None:
    assert mounts(SERVER).holding(path).kind == kind


def test_nested_mounts_are_listed_and_the_place_itself_is_not() -> None:
    places = [mount.place for mount in mounts(SERVER).below(b"/mnt/share")]
    assert places == [b"/mnt/share/local"]
    assert [mount.place for mount in mounts(SERVER).below(b"/srv/")] == [b"/srv/my nas"]
    assert len(mounts(SERVER).below(b"/")) == 5


def test_subvolumes_and_bind_mounts_of_one_disk_have_names_of_their_own() -> None:
    system = mounts(SUBVOLUMES, {b"/dev/sda2": "aa-bb", b"8:17": "1234-ABCD"})
    assert system.holding(b"/home/x").identity == "UUID=aa-bb /%40home"
    assert system.holding(b"/srv/photos").identity == "UUID=aa-bb /%40home/me/Photos"
    assert system.holding(b"/etc").identity == "UUID=aa-bb /%40"
    assert system.holding(b"/mnt/usb").identity == "UUID=1234-ABCD /"


def test_a_disk_keeps_its_name_when_the_disks_change_their_order() -> None:
    def identity(device: bytes, number: bytes, uuid: str | None) -> str:
        line = b"22 1 %s / / rw - ext4 %s rw\n" % (number, device)
        return mounts(line, {number: uuid} if uuid else {}).holding(b"/").identity

    assert identity(b"/dev/sdb1", b"8:17", "u-1") == identity(b"/dev/sdc1", b"8:33", "u-1")
    assert identity(b"/dev/sdb1", b"8:17", "u-1") != identity(b"/dev/sdb1", b"8:17", "u-2")
    assert identity(b"/dev/sdb1", b"8:17", None) == "ext4 /dev/sdb1 /"


def test_a_data_set_and_a_share_are_known_by_their_source_whatever_their_number() -> None:
    assert mounts(ZFS).holding(b"/tank/photos/a").identity == "zfs tank/photos /"
    again = ZFS.replace(b"0:32", b"0:77")
    assert mounts(again).holding(b"/tank/photos/a") == mounts(ZFS).holding(b"/tank/photos/a")
    assert mounts(SERVER).holding(b"/srv/my nas").identity == "nfs4 nas:/export /"


def test_a_container_sees_its_layers_and_the_hosts_folders() -> None:
    system = mounts(DOCKER)
    assert system.holding(b"/app").kind == "overlay"
    assert system.holding(b"/photos/2024").identity == "ext4 /dev/sda1 /srv/photos"
    assert [mount.kind for mount in system.below(b"/photos")] == ["nfs4"]


def test_an_automount_is_a_placeholder_until_something_is_mounted_on_it() -> None:
    system = mounts(AUTOFS)
    assert [mount.kind for mount in system.below(b"/mnt")] == ["nfs4"]
    assert system.below(b"/net") == []
    assert system.holding(b"/mnt/nas/2024").kind == "nfs4"
    waiting = mounts(b"".join(AUTOFS.splitlines(keepends=True)[:-1]))
    assert waiting.below(b"/mnt") == []
    assert waiting.holding(b"/mnt/nas").kind == "autofs"
    assert not has_events("autofs")


def test_a_later_mount_hides_what_lies_below_an_earlier_one_in_any_order_of_lines() -> None:
    for lines in (OVER, b"\n".join(reversed(OVER.splitlines()))):
        system = mounts(lines)
        assert system.holding(b"/srv/x").kind == "tmpfs"
        assert system.holding(b"/srv/inner/x").kind == "tmpfs"
        assert [mount.place for mount in system.below(b"/srv")] == [b"/srv/other"]
        places = [mount.place for mount in system.below(b"/")]
        assert places == [b"/srv", b"/srv/other"]


def test_a_process_in_a_folder_of_its_own_sees_mounts_but_no_root() -> None:
    system = mounts(b"80 70 0:21 / /proc rw - proc proc rw\n")
    assert system.holding(b"/proc/self").kind == "proc"
    assert system.holding(b"/srv").kind == ""
    assert not has_events("")


def test_a_root_that_stands_on_itself_is_the_root() -> None:
    assert mounts(b"1 1 0:2 / / rw - rootfs rootfs rw\n").holding(b"/srv").kind == "rootfs"


def test_a_mount_without_a_source_is_understood() -> None:
    mount = mounts(b"1 0 0:5 / / rw shared:1 - tmpfs  rw,size=4k\n").holding(b"/x")
    assert (mount.kind, mount.source) == ("tmpfs", b"")


# What the kernel escapes in these fields: show_mountinfo's mangle() and seq_path's " \t\n\\#".
names = st.binary(min_size=1, max_size=40).map(lambda b: b.replace(b"\0", b"").replace(b"/", b""))


def escaped(name: bytes) -> bytes:
    return b"".join(b"\\%03o" % c if c in b" \t\n\\#" else bytes([c]) for c in name)


@given(place=names, source=names, inside=names)
def test_any_name_is_read_as_it_is(place: bytes, source: bytes, inside: bytes) -> None:
    text = (
        b"1 0 8:1 / / rw - ext4 /dev/sda1 rw\n"
        b"2 1 0:5 /%s /p%s rw,noatime shared:3 master:4 - fuse.x %s rw,user=me\n"
        % (escaped(inside), escaped(place), escaped(source))
    )
    found = mounts(text).below(b"/")
    assert [(m.place, m.source, m.inside) for m in found] == [
        (b"/p" + place, source, b"/" + inside)
    ]
    assert mounts(text).holding(b"/p" + place + b"/photo.jpg") == found[0]
    assert found[0].identity.isascii()
    assert found[0].identity.isprintable()


@given(first=names, second=names)
def test_different_sources_have_different_names(first: bytes, second: bytes) -> None:
    def identity(source: bytes) -> str:
        return mounts(b"1 0 0:5 / / rw - cifs %s rw\n" % escaped(source)).holding(b"/").identity

    assert (identity(first) == identity(second)) == (first == second)


@pytest.mark.parametrize(
    "kind", ["ext4", "btrfs", "xfs", "zfs", "tmpfs", "overlay", "exfat", "vfat", "ntfs3", "fuseblk"]
)
def test_a_disk_of_this_machine_reports_its_changes(kind: str) -> None:
    assert has_events(kind)


@pytest.mark.parametrize(
    "kind",
    [
        *("nfs", "nfs4", "cifs", "smb3", "9p", "ceph", "fuse.glusterfs", "afs", "lustre", "davfs"),
        *("fuse", "fuse.sshfs", "fuse.rclone", "fuse.mergerfs", "fuse.bindfs", "fuse.shfs"),
        *("virtiofs", "vboxsf", "never-heard-of"),
    ],
)
def test_what_changes_behind_this_kernels_back_or_is_unknown_is_polled(kind: str) -> None:
    assert not has_events(kind)


def test_this_machines_temporary_folder_is_local(tmp_path: Path) -> None:
    assert not is_network(tmp_path)
    assert has_events(read_mounts().holding(bytes(tmp_path)).kind)
