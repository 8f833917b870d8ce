"""Builds the initramfs of a guest: the programs and data of a plan at the paths that they have here, and what they load.

The kernel unpacks archives that follow each other. The first one holds files as they are on this machine, the second
what is made for the guest: stripped programs, modules, the plan, /init.
"""
import lzma
import os
import shutil
import subprocess

# busybox's shell runs its own `ip` whatever PATH says, so the tests get the one of this machine.
TOOLS = ["/bin/sh", "/usr/sbin/ip", "/usr/bin/ip", "/usr/bin/nsenter"]
MODULES = ["veth", "sch_ingress", "cls_bpf", "udp_diag", "tcp_diag"]


def with_parents(path, entries):
    """Adds to `entries` what `path` needs to resolve: folders, symbolic links and their targets."""
    current = "/"
    for part in path.strip("/").split("/"):
        entry = os.path.join(current, part)
        if os.path.islink(entry):
            entries.add(entry)
            target = os.path.normpath(os.path.join(current, os.readlink(entry)))
            with_parents(target, entries)
            entry = os.path.realpath(entry)
        entries.add(entry)
        current = entry


def libraries(program):
    output = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
    return [word for line in output.splitlines() for word in line.split() if word.startswith("/")]


def archive(out, root, names):
    """`names` are relative to `root`; folders come before what is in them."""
    listing = b"\0".join(name.encode() for name in sorted(names)) + b"\0"
    subprocess.run(["cpio", "-o", "-0", "-H", "newc", "--quiet", "-D", root], input=listing, stdout=out, check=True)


def files_below(folder):
    for parent, _, names in os.walk(folder):
        for name in names:
            yield os.path.join(parent, name)


def modules(kernel, release, wanted):
    """Paths of the modules below `kernel`, each after those that it needs."""
    paths = []
    for name in wanted:
        shown = subprocess.run(["modprobe", "-d", kernel, "-S", release, "--show-depends", name], capture_output=True, text=True,
                               check=True).stdout
        for line in shown.splitlines():
            verb, _, path = line.strip().partition(" ")
            if verb == "insmod" and path not in paths:
                paths.append(path)
    return paths


def stage_modules(kernel, release, stage, wanted):
    os.makedirs(os.path.join(stage, "modules"))
    for number, path in enumerate(modules(kernel, release, wanted)):
        with (lzma.open if path.endswith(".xz") else open)(path, "rb") as file:
            content = file.read()
        name = f"{number:02}-{os.path.basename(path).removesuffix('.xz')}"
        with open(os.path.join(stage, "modules", name), "wb") as file:
            file.write(content)


def build(out_path, stage, kernel, release, programs, data, plan):
    """`programs`: stripped and with their libraries; `data`: files and folders; `plan`: lines "NAME COMMAND"."""
    shutil.rmtree(stage, ignore_errors=True)
    os.makedirs(os.path.join(stage, "usr/bin"))
    entries = set()
    tools = [tool for tool in TOOLS if os.path.exists(tool)]
    for path in ["/bin", "/sbin", *tools]:
        with_parents(path, entries)
    for program in tools + programs:
        for library in libraries(program):
            with_parents(library, entries)
    for path in data:
        for file in files_below(path) if os.path.isdir(path) else [path]:
            with_parents(file, entries)
    made = []
    for program in programs:
        target = stage + program
        os.makedirs(os.path.dirname(target), exist_ok=True)
        subprocess.run(["strip", "--strip-debug", "-o", target, program], check=True)
    stage_modules(kernel, release, stage, MODULES)
    shutil.copy("/bin/busybox", os.path.join(stage, "usr/bin/busybox"))
    shutil.copy(os.path.join(os.path.dirname(os.path.abspath(__file__)), "init.sh"), os.path.join(stage, "init"))
    os.chmod(os.path.join(stage, "init"), 0o755)
    with open(os.path.join(stage, "plan"), "w", encoding="utf-8") as file:
        file.write("".join(line + "\n" for line in plan))
    for parent, folders, names in os.walk(stage):
        made += [os.path.relpath(os.path.join(parent, name), stage) for name in folders + names]
    with open(out_path, "wb") as out:
        archive(out, "/", {entry.lstrip("/") for entry in entries})
        out.flush()
        archive(out, stage, made)
    shutil.rmtree(stage)
