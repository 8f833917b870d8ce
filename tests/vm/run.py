#!/usr/bin/env python3
"""Boots a kernel under QEMU, runs kernel tests and the demo in it, and prints what that kernel gives to policyc.

  run.py --kernel FOLDER --hook tcx|clsact --build FOLDER

The kernel's folder is an unpacked linux-image package (scripts/test gets it), the build's holds bin/. Exit code 1 when a test fails or
runs nothing, when the guest does not come to its end, or when the demo's programs hang on another hook than --hook. The guest has
neither disk nor network; its console is kept in BUILD/vm.
"""
import argparse
import glob
import json
import os
import re
import subprocess
import sys
import time

import image

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
LIMIT_SECONDS = 540  # under that of ctest, so that a guest that hangs is shown
MEMORY_MIB = 1024  # the image lies in it twice while it is unpacked
SHOWN_LINES = 60
MARK = "@vm "

# Test binary, and the filter of what runs in the guest. Emulation is some ten times slower than the machine, so what depends on the
# kernel comes first: loading, attaching, maps, events, real packets. How packets are parsed and tracked does not.
TESTS = [
    ("loader_kernel_test", "*"),
    ("loader_bpf_test", "*"),
    ("loader_maps_test", "*"),
    ("loader_attach_test", "*"),
    ("loader_load_test", "*"),
    ("loader_observe_test", "*"),
    ("loader_socket_connect_test", "*Reaches*tcp4:*Reaches*udp6:*WithoutBackends*tcp4_mapped:*Closed*tcp6"),
    ("loader_socket_send_test", "*Reaches*udp4:*Reaches*udp6:*KeepsItsBackend*udp4_mapped"),
    ("loader_socket_bind_test", "*ANodePort*tcp4:*ANodePort*udp6"),
    ("loader_socket_cut_test", "*AreCut*udp4:*AreCut*udp6:*AreCut*tcp4"),
    ("kernel_datapath_test", "*Live*:*Verifier*:*Constants*:*Abi*:*ADropTells*:*RateLimit*:*Traces*:*IpCache*4"),
    ("kernel_nat_test", "NatPrograms*:*RemoteBackendSees*:*TheFrontendTravels*:*ForwardsWhat*:*TheClientsPacketTravels*:*XdpWraps*:*TheBackendSeesItsOwn*:*ErrorsOfThe*:*AboutAWrapper*"),
    ("kernel_verify_test", "VerifyDemo*:*VerifyGolden*"),
]
NEEDED_BESIDE = ["policyc", "libpolicyc_clang.so"]


def plan(build, hook):
    """Lines "NAME COMMAND" for the guest."""
    policyc = os.path.join(build, "bin/policyc")
    yield f"doctor {policyc} doctor -o json"
    # Each kernel runs the hook that it is for: tests that force the other one fail (no tcx) or are run by the other kernel.
    without = "-*tcx*:*Tcx*" if hook == "clsact" else "-*clsact*"
    for name, chosen in TESTS:
        yield f"{name} POLICYC_CACHE= {build}/bin/{name} --gtest_filter='{chosen}{without}' --gtest_brief=1 --gtest_color=no"
    yield f"demo POLICYC_CACHE= {policyc} demo"


class Step:
    def __init__(self, name, begun):
        self.name = name
        self.begun = begun
        self.seconds = None
        self.status = None
        self.lines = []

    def problem(self, hook):
        """What is wrong with it, or nothing."""
        if self.status != 0:
            return "did not end" if self.status is None else f"exit code {self.status}"
        text = "\n".join(self.lines)
        if self.name == "demo" and f"{hook}, attached" not in text:
            return f"not attached by {hook}"
        if self.name.endswith("_test") and not self.tests():
            return "no test ran"
        return None

    def tests(self):
        found = re.search(r"\[=+\] (\d+) tests? from", "\n".join(self.lines))
        return int(found[1]) if found else 0

    def summary(self, problem):
        tests = f", {self.tests()} tests" if self.name.endswith("_test") else ""
        seconds = "" if self.seconds is None else f", {self.seconds:.1f} s"
        return f"  {self.name}: {problem or 'ok'}{tests}{seconds}"


class Guest:
    """Follows a guest's console."""

    def __init__(self, hook):
        self.hook = hook
        self.steps = []
        self.outside = []  # lines of no step: firmware, kernel, trouble
        self.done = False
        self.problems = []

    def follow(self, lines):
        step = None
        for line in lines:
            line = line.rstrip("\r\n")
            if MARK not in line:
                (step.lines if step else self.outside).append(line)
                continue
            # A kernel message may have begun the line.
            words = line[line.index(MARK) + len(MARK):].split()
            if words[0] == "up":
                print(f"{words[1]}: up after {words[2]} s", flush=True)
            elif words[0] == "begin":
                step = Step(words[1], float(words[2]))
                self.steps.append(step)
            elif words[0] == "end" and step:
                step.status, step.seconds = int(words[2]), float(words[3]) - step.begun
                self.conclude(step)
                step = None
            elif words[0] == "done":
                self.done = True
            else:
                self.outside.append(line)
        if step:
            self.conclude(step)
        if not self.done:
            self.problems.append("the guest did not come to its end")
            print("\n".join(self.outside[-SHOWN_LINES:]))

    def conclude(self, step):
        problem = step.problem(self.hook)
        print(step.summary(problem), flush=True)
        if problem:
            self.problems.append(f"{step.name}: {problem}")
            print("\n".join("    " + line for line in step.lines[-SHOWN_LINES:]), flush=True)


def boot(kernel, initramfs, log, guest):
    # Emulated, not virtualised: a machine that is itself a guest often cannot do the latter. ramfs, as a tmpfs takes half of the memory at most.
    command = ["timeout", "--foreground", str(LIMIT_SECONDS), "qemu-system-x86_64", "-accel", "tcg", "-cpu", "max", "-M", "pc", "-smp", "1",
               "-m", str(MEMORY_MIB), "-nographic", "-no-reboot", "-nodefaults", "-serial", "stdio", "-kernel", kernel, "-initrd", initramfs,
               "-append", "console=ttyS0 quiet panic=-1 rootfstype=ramfs"]

    def kept(lines):
        for line in lines:
            log.write(line)
            yield line

    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          errors="replace") as qemu:
        guest.follow(kept(qemu.stdout))


def print_kernel(text):
    """The table of what `policyc doctor -o json` said."""
    doctor = json.loads(text)
    print(f"\nkernel {doctor['kernel']}")
    for feature in doctor["features"]:
        print(f"  {feature['name']:36} {'yes' if feature['present'] else 'no':4} {feature['need']}")
    if "error" in doctor["datapath"]:
        print("  the datapath cannot be loaded; the end of what the verifier says is above")
    for program in doctor["datapath"]["programs"]:
        print(f"  {program['name']:36} {program['verified_instructions']} instructions verified")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--kernel", required=True)
    parser.add_argument("--hook", required=True, choices=["tcx", "clsact"])
    parser.add_argument("--build", required=True)
    arguments = parser.parse_args()
    kernel, build = os.path.abspath(arguments.kernel), os.path.abspath(arguments.build)
    found = glob.glob(os.path.join(kernel, "boot/vmlinuz-*"))
    if len(found) != 1:
        sys.exit(f"no kernel in {kernel}: scripts/test gets it before it builds")
    release = os.path.basename(found[0]).removeprefix("vmlinuz-")
    work = os.path.join(build, "vm", os.path.basename(kernel))
    os.makedirs(work, exist_ok=True)
    initramfs = os.path.join(work, "initramfs.cpio")
    programs = [os.path.join(build, "bin", name) for name in NEEDED_BESIDE + [name for name, _ in TESTS]]
    data = [os.path.join(ROOT, "testdata"), *glob.glob(os.path.join(build, "runtime/*.bpf.o")),
            *glob.glob(os.path.join(build, "tests/kernel/**/*.bpf.o"), recursive=True)]
    begun = time.monotonic()
    image.build(initramfs, os.path.join(work, "stage"), kernel, release, programs, data, plan(build, arguments.hook))
    print(f"image: {os.path.getsize(initramfs) >> 20} MiB in {time.monotonic() - begun:.1f} s", flush=True)
    guest = Guest(arguments.hook)
    try:
        with open(os.path.join(work, "console.log"), "w", encoding="utf-8", buffering=1) as log:
            boot(found[0], initramfs, log, guest)
    finally:
        os.remove(initramfs)
    if guest.steps and guest.steps[0].status in (0, 1):
        print_kernel("\n".join(guest.steps[0].lines))
    for problem in guest.problems:
        print(f"FAILED: {problem}")
    return 1 if guest.problems else 0


if __name__ == "__main__":
    sys.exit(main())
