"""What a guest with a disk boots from: the file system of a folder, and an initramfs that hands over to it."""
import glob
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import image  # noqa: E402 pylint: disable=wrong-import-position

MODULES = ["virtio_pci", "virtio_blk"]
FREE_MIB = 200
INIT = """#!/bin/sh
mount -t devtmpfs dev /dev
for module in /modules/*.ko; do insmod "$module"; done
mount -t ext4 /dev/vda /root
exec switch_root /root /lib/systemd/systemd
"""


def release_of(kernel):
    found = glob.glob(os.path.join(kernel, "boot/vmlinuz-*"))
    if len(found) != 1:
        raise SystemExit(f"no kernel in {kernel}: scripts/test gets it before it builds")
    return os.path.basename(found[0]).removeprefix("vmlinuz-")


def make_initramfs(path, stage, kernel):
    """busybox, the modules of the disk, and INIT."""
    shutil.rmtree(stage, ignore_errors=True)
    for folder in ("bin", "dev", "root"):
        os.makedirs(os.path.join(stage, folder))
    shutil.copy("/bin/busybox", os.path.join(stage, "bin/busybox"))
    for name in ("sh", "mount", "insmod", "switch_root"):
        os.symlink("busybox", os.path.join(stage, "bin", name))
    image.stage_modules(kernel, release_of(kernel), stage, MODULES)
    with open(os.path.join(stage, "init"), "w", encoding="utf-8") as file:
        file.write(INIT)
    os.chmod(os.path.join(stage, "init"), 0o755)
    names = [os.path.relpath(os.path.join(parent, name), stage) for parent, folders, files in os.walk(stage) for name in folders + files]
    with open(path, "wb") as out:
        image.archive(out, stage, names)
    shutil.rmtree(stage)


def make_disk(path, root):
    """An ext4 file system with what `root` holds; `root` goes."""
    used = int(subprocess.run(["du", "-s", "-m", root], capture_output=True, text=True, check=True).stdout.split()[0])
    if os.path.exists(path):
        os.remove(path)
    subprocess.run(["mke2fs", "-q", "-F", "-t", "ext4", "-E", "lazy_itable_init=1,lazy_journal_init=1,nodiscard", "-d", root, path, f"{used * 11 // 10 + FREE_MIB}M"], check=True)
    shutil.rmtree(root)
