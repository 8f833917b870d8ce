#!/usr/bin/env python3
"""Boots Debian with systemd under QEMU, installs the deb that this build makes, and runs the tests of guest/ in it.

  run.py --kernel FOLDER --build FOLDER

The kernel's folder is an unpacked linux-image package (scripts/test gets it); the system is made of this machine's packages. Exit code 1
when a test fails or the guest does not come to its end. What was printed by systemd and kernel is kept in BUILD/vm/unit.
"""
import argparse
import os
import shutil
import subprocess
import sys
import time

import container
import disk
import packages

HERE = os.path.dirname(os.path.abspath(__file__))
LIMIT_SECONDS = 840  # under that of ctest, so that a guest that hangs is shown; other tests run beside it
MEMORY_MIB = 1024
PASSED = "@vm passed"
SHOWN_LINES = 60
BESIDE = ["crun", "libcap2-bin", "systemd", "init-system-helpers", "iproute2", "kmod", "python3", "util-linux"]
# After the system is up, as a unit like any other.
UNIT = """[Unit]
Description=tests of the guest
After=multi-user.target

[Service]
ExecStart=/bin/sh -c 'exec /usr/bin/python3 -B /test/main.py >/dev/ttyS1 2>&1'
ExecStopPost=/bin/systemctl poweroff --force --force
"""
# Nobody logs in, nothing is cleaned, and libraries' cache is made already.
MASKED = ["getty.target", "timers.target", "ldconfig.service", "systemd-update-done.service", "systemd-journal-flush.service"]


def run(*words, **options):
    done = subprocess.run(words, check=False, capture_output=True, text=True, **options)
    if done.returncode != 0:
        raise SystemExit(f"{words}: {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def make_debs(build, work):
    """The deb of this build, and the same with a later version: paths. Both not compressed, which dpkg in the guest would pay for."""
    made = os.path.join(work, "deb")
    shutil.rmtree(made, ignore_errors=True)
    run("cpack", "-G", "DEB", "--config", os.path.join(build, "CPackConfig.cmake"), "-B", made)
    deb, = (os.path.join(made, name) for name in os.listdir(made) if name.endswith(".deb"))
    folder, later = os.path.join(made, "later"), os.path.join(made, "later.deb")
    run("dpkg-deb", "-R", deb, folder)
    control = os.path.join(folder, "DEBIAN/control")
    run("dpkg-deb", "-b", "-Znone", folder, deb)
    with open(control, encoding="utf-8") as file:
        lines = [f"{line}+later" if line.startswith("Version:") else line for line in file.read().splitlines()]
    with open(control, "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
    run("dpkg-deb", "-b", "-Znone", folder, later)
    return deb, later


def make_root(root, kernel, build, debs):
    depends = run("dpkg-deb", "-f", debs[0], "Depends").strip().split(",")
    packages.populate(root, BESIDE + depends)
    shutil.copytree(os.path.join(kernel, "lib/modules"), os.path.join(root, "lib/modules"))
    shutil.copytree(os.path.join(HERE, "guest"), os.path.join(root, "test"))
    for name, deb in zip(("policyc.deb", "later.deb"), debs):
        shutil.copy(deb, os.path.join(root, "test", name))
    container.make_bundle(os.path.join(root, "test/bundle"), "/test/bundle", os.path.join(build, "tests/deploy/render"))
    units = os.path.join(root, "etc/systemd/system")
    os.makedirs(units + "/multi-user.target.wants", exist_ok=True)
    for name, text in (("hostname", "node-a\n"), ("machine-id", "0123456789abcdef0123456789abcdef\n"), ("systemd/system/tests.service", UNIT), ("dpkg/dpkg.cfg.d/guest", "force-unsafe-io\n")):
        with open(os.path.join(root, "etc", name), "w", encoding="utf-8") as file:
            file.write(text)
    os.symlink("../tests.service", units + "/multi-user.target.wants/tests.service")
    for name in MASKED:
        os.symlink("/dev/null", os.path.join(units, name))


def boot(arguments, work):
    """Prints what the guest's tests say; whether they passed."""
    console = os.path.join(work, "console.log")
    command = ["timeout", "--foreground", str(LIMIT_SECONDS), "qemu-system-x86_64", "-accel", "tcg", "-cpu", "max", "-M", "pc",
               "-smp", "1", "-m", str(MEMORY_MIB), "-nographic", "-no-reboot", "-nodefaults", "-serial", f"file:{console}", "-serial", "stdio",
               "-kernel", os.path.join(arguments.kernel, "boot", f"vmlinuz-{disk.release_of(arguments.kernel)}"),
               "-initrd", os.path.join(work, "initramfs.cpio"), "-drive", f"file={work}/disk.img,format=raw,if=virtio,cache=unsafe",
               "-append", "console=ttyS0 quiet panic=-1 systemd.unit=multi-user.target systemd.show_status=true"]
    passed = False
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          errors="replace") as qemu:
        for line in qemu.stdout:
            print(line.rstrip(), flush=True)
            passed = passed or line.startswith(PASSED)
    if not passed:
        with open(console, encoding="utf-8", errors="replace") as file:
            print("".join(file.readlines()[-SHOWN_LINES:]))
    return passed


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--kernel", required=True)
    parser.add_argument("--build", required=True)
    arguments = parser.parse_args()
    arguments.kernel, build = os.path.abspath(arguments.kernel), os.path.abspath(arguments.build)
    work = os.path.join(build, "vm/unit")
    os.makedirs(work, exist_ok=True)
    begun = time.monotonic()
    root = os.path.join(work, "root")
    make_root(root, arguments.kernel, build, make_debs(build, work))
    disk.make_disk(os.path.join(work, "disk.img"), root)
    disk.make_initramfs(os.path.join(work, "initramfs.cpio"), os.path.join(work, "stage"), arguments.kernel)
    print(f"a disk of {os.path.getsize(os.path.join(work, 'disk.img')) >> 20} MiB in {time.monotonic() - begun:.1f} s", flush=True)
    try:
        passed = boot(arguments, work)
    finally:
        for name in ("disk.img", "initramfs.cpio"):
            os.remove(os.path.join(work, name))
        shutil.rmtree(os.path.join(work, "deb"))
    print(f"{time.monotonic() - begun:.1f} s in all")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
