#!/usr/bin/env python3
"""Holds the tree to its house rules: layers, third-party headers, file sizes, headers, documents.

Usage: layering.py [ROOT]. Prints one line for each finding, `path:line: rule: what`, and exits with 1 when there is one.
Warnings are printed and do not count. The tables below are the rules; tests/check/layering_test.py shows that each is
kept.
"""

import os
import re
import sys

# A folder may include its own files and those of folders with a smaller number. The longest matching prefix counts.
LAYERS = {
    "compiler/support": 0,
    "compiler/source": 1,
    "compiler/diag": 2,
    "compiler/manifest": 3,
    "compiler/policy": 4,
    "compiler/service": 5,
    "compiler/eval": 5,
    "compiler/flows": 5,
    "compiler/identity": 5,
    "compiler/matrix": 5,
    "compiler/scenario": 6,
    "compiler/ir": 6,
    "compiler/irtext": 7,
    "compiler/passes": 7,
    "compiler/explain": 8,
    "compiler/testlang": 9,
    "compiler/replay": 9,
    "compiler/verify": 10,
    "compiler/emit": 8,
    "compiler/lint": 8,
    "compiler/graph": 8,
    "compiler/suggest": 8,
    "compiler/backend": 9,
    "compiler/driver": 10,
    "compiler/diff": 11,
    "loader/bpf": 10,
    "loader/kernel": 11,
    "loader/kubeproxy": 11,
    "loader/events": 11,
    "loader/source": 11,
    "loader/ipam": 11,
    "loader/api": 11,
    "loader/maps": 12,
    "loader/attach": 12,
    "loader/endpoint": 13,
    "loader/conntrack": 14,
    "loader/sockets": 14,
    "loader/nat": 14,
    "loader/observe": 14,
    "loader/service": 14,
    "loader/health": 14,
    "loader/testrun": 14,
    "loader/network": 15,
    "loader/worker": 14,
    "loader/cni": 15,
    "loader/reconcile": 15,
    "loader/agent": 16,
    "cli/demo": 20,
    "cli/shell": 20,
    "cli": 21,
}
# Included by every layer; it compiles as C and C++ and includes nothing but itself.
SHARED = "runtime/abi"
# Folders that may use less than their number allows.
ONLY = {
    # The second engine must not share code with the first.
    "compiler/eval": {"compiler/policy", "compiler/diag", "compiler/source", "compiler/support"},
    "compiler/identity": {"compiler/policy", "compiler/support"},
    # Judges what was compiled, so it may not see how.
    "compiler/verify": {"compiler/eval", "compiler/ir", "compiler/matrix", "compiler/policy", "compiler/source",
                        "compiler/support"},
    # Answers from what is compiled, and knows neither C nor objects.
    "compiler/explain": {"compiler/eval", "compiler/passes", "compiler/ir", "compiler/matrix", "compiler/policy",
                         "compiler/diag", "compiler/source", "compiler/support"},
    "compiler/diff": {"compiler/explain", "compiler/verify", "compiler/eval", "compiler/ir", "compiler/matrix",
                      "compiler/policy", "compiler/manifest", "compiler/diag", "compiler/source", "compiler/support"},
    # Judges policies by what they decide; never sees C.
    "compiler/lint": {"compiler/passes", "compiler/ir", "compiler/matrix", "compiler/policy", "compiler/manifest",
                      "compiler/diag", "compiler/source", "compiler/support"},
    # Knows no policy.
    "compiler/backend": {"compiler/support"},
    "compiler/matrix": {"compiler/support"},
    "compiler/service": {"compiler/policy", "compiler/manifest", "compiler/diag", "compiler/source",
                         "compiler/support"},
    "loader/bpf": {"compiler/support", "compiler/backend"},
    "loader/events": {"compiler/support"},
    "loader/kubeproxy": {"compiler/support", "loader/bpf"},
    "loader/network": {"compiler/support", "loader/bpf", "loader/sockets"},
    "loader/health": {"compiler/service", "compiler/source", "compiler/support"},
    "loader/source": {"compiler/support", "loader/bpf"},
    "loader/ipam": {"compiler/support", "loader/bpf"},
    # Runs once for each pod: nothing of the compiler or the datapath comes with it.
    "loader/cni": {"compiler/support", "loader/api", "loader/bpf", "loader/ipam"},
}
RUNTIME_LAYERS = {"runtime/abi": 0, "runtime/include": 1, "runtime/prog": 2}
CODE_FOLDERS = ("compiler", "runtime", "loader", "cli", "tests")

# Prefix of an angle-bracket include -> where it may stand.
THIRD_PARTY = {
    "yaml-cpp/": ("compiler/manifest",),
    "antlr4": ("compiler/irtext", "compiler/testlang"),
    "PolicyIR": ("compiler/irtext",),  # made from grammar/PolicyIR.g4
    "PolicyTest": ("compiler/testlang",),  # made from grammar/PolicyTest.g4
    "clang/": ("compiler/backend",),
    "llvm/": ("compiler/backend",),
    "bpf/": ("loader", "runtime", "tests/bench", "tests/e2e/nat", "tests/kernel", "tests/unit/loader", "tests/unit/driver"),
    # The demo makes one map to see whether BPF is allowed at all, and needs the number of its type.
    "linux/bpf.h": ("loader", "runtime", "cli/demo", "tests/bench", "tests/e2e/agent", "tests/kernel",
                    "tests/unit/loader", "tests/unit/driver"),
    "CLI/": ("cli", "loader/agent"),
    "grpc": ("loader/agent", "loader/api", "loader/cni", "loader/worker", "tests/unit/loader", "tests/unit/cni"),
    "google/protobuf/": ("loader/agent", "loader/api", "loader/cni", "loader/worker", "tests/unit/loader", "tests/unit/cni"),
    "netlink/": ("loader/cni", "loader/network", "tests/unit/cni"),
    "loader/api/policyd": ("loader/agent", "loader/api", "loader/cni", "tests/unit/cni"),  # made from policyd.proto
    "loader/worker/worker.pb.h": ("loader/worker", "tests/unit/loader"),  # made from worker.proto
    "seccomp.h": ("loader/worker",),
    "cap-ng.h": ("loader/worker",),
    "prometheus/": ("loader/agent",),
    "httplib.h": ("loader/agent", "loader/health", "tests/unit/health"),
    "systemd/": ("loader/agent",),
}

MAX_LINES = 800
WARN_LINES = 500
# Files that may be longer, each with its reason.
LONG_FILES = {}

SKIPPED_FOLDERS = {".git", ".cache", "__pycache__"}
CODE_SUFFIXES = (".h", ".cpp", ".c")
TEXT_SUFFIXES = CODE_SUFFIXES + (".def", ".py", ".sh", ".cmake", ".md", ".txt", ".yaml", ".yml", ".json")
# Built from parts, so that this file passes its own check.
MACHINE_PATH = re.compile(r"(?<![\w.~-])/(?:" + "|".join(["wo" + "rk", "ho" + "me", "ro" + "ot"]) + r")/[\w.-]")
INCLUDE = re.compile(r'^\s*#\s*include\s+(?:"([^"]+)"|<([^>]+)>)')
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
CODE_SPAN = re.compile(r"`([^`]+)`")
TREE_PATH = re.compile(r"^(?:compiler|grammar|runtime|loader|cli|tests|testdata|docs|cmake|scripts)/[\w./-]*$")


class Check:
    def __init__(self, root):
        self.root = root
        self.findings = []
        self.warnings = []

    def find(self, path, line, rule, what):
        self.findings.append(f"{path}:{line}: {rule}: {what}")

    def files(self):
        for folder, folders, names in os.walk(self.root):
            relative = os.path.relpath(folder, self.root)
            folders[:] = sorted(
                f for f in folders
                if f not in SKIPPED_FOLDERS and not (relative == "." and f.startswith("build")))
            for name in sorted(names):
                yield name if relative == "." else os.path.join(relative, name)

    def lines(self, path):
        with open(os.path.join(self.root, path), encoding="utf-8", errors="replace") as file:
            return file.read().split("\n")

    def run(self):
        for path in self.files():
            is_text = path.endswith(TEXT_SUFFIXES) or os.path.basename(path) == "CMakeLists.txt"
            if not is_text:
                continue
            lines = self.lines(path)
            # Manifests of tests may name any path that a policy may name.
            if not path.startswith("testdata/"):
                self.check_machine_paths(path, lines)
            if path.endswith(".md"):
                self.check_document(path, lines)
            if path.split("/")[0] in CODE_FOLDERS and path.endswith(CODE_SUFFIXES):
                self.check_size(path, lines)
                self.check_includes(path, lines)
                if path.endswith(".h"):
                    self.check_header(path, lines)

    def check_machine_paths(self, path, lines):
        for number, line in enumerate(lines, 1):
            match = MACHINE_PATH.search(line)
            if match:
                self.find(path, number, "machine-path", f"{match.group(0)}... is a path of one machine")

    def check_size(self, path, lines):
        count = len(lines) - (lines[-1] == "")
        if count > MAX_LINES and path not in LONG_FILES:
            self.find(path, count, "file-size", f"{count} lines; at most {MAX_LINES}")
        elif count > WARN_LINES:
            self.warnings.append(f"{path}:{count}: file-size: {count} lines; aim under {WARN_LINES}")

    def check_header(self, path, lines):
        guarded = path.startswith("runtime/") and any(line.startswith("#ifndef POLICYC_") for line in lines)
        if "#pragma once" not in lines and not guarded:
            self.find(path, 1, "header", "no `#pragma once`")
        for number, line in enumerate(lines, 1):
            if re.match(r"\s*using\s+namespace\b", line):
                self.find(path, number, "header", "`using namespace` reaches everyone who includes it")

    def check_includes(self, path, lines):
        for number, line in enumerate(lines, 1):
            match = INCLUDE.match(line)
            if not match:
                continue
            if match.group(2):
                self.check_third_party(path, number, match.group(2))
            else:
                self.check_layer(path, number, match.group(1))

    def check_third_party(self, path, number, header):
        for prefix, folders in THIRD_PARTY.items():
            if header.startswith(prefix) and not any(path.startswith(folder + "/") for folder in folders):
                allowed = ", ".join(folders) or "nothing yet"
                self.find(path, number, "third-party", f"<{header}> belongs to {allowed}")

    def check_layer(self, path, number, header):
        user = os.path.dirname(path)
        if user.startswith(SHARED) and "/" not in header:
            return  # abi.h names its lists beside it, so that it compiles anywhere
        if not os.path.exists(os.path.join(self.root, header)):
            self.find(path, number, "include", f'"{header}" is not a path from the root of the tree')
            return
        used = os.path.dirname(header)
        if used.startswith("tests") and not user.startswith("tests"):
            self.find(path, number, "layer", f"{user} includes a test's header")
            return
        if user.startswith("tests") or used == SHARED and not user.startswith("runtime"):
            return
        if user.startswith("runtime"):
            if not used.startswith("runtime") or layer_of(used, RUNTIME_LAYERS) > layer_of(user, RUNTIME_LAYERS):
                self.find(path, number, "layer", f"{user} may not include {used}")
            return
        user_folder, user_layer = folder_and_layer(user)
        used_folder, used_layer = folder_and_layer(used)
        if user_layer is None:
            self.find(path, number, "layer", f"{user} is not in the table of layers")
        elif used_layer is None:
            self.find(path, number, "layer", f"{user_folder} may not include {used}")
        elif user_folder != used_folder and used_layer >= user_layer:
            self.find(path, number, "layer",
                      f"{user_folder} (layer {user_layer}) includes {used_folder} (layer {used_layer})")
        elif user_folder in ONLY and used_folder != user_folder and used_folder not in ONLY[user_folder]:
            self.find(path, number, "layer", f"{user_folder} may use only {', '.join(sorted(ONLY[user_folder]))}")

    def check_document(self, path, lines):
        folder = os.path.dirname(path)
        in_block = False
        for number, line in enumerate(lines, 1):
            if line.lstrip().startswith("```"):
                in_block = not in_block
                continue
            if in_block:
                continue
            for target in LINK.findall(CODE_SPAN.sub("", line)):
                self.check_link(path, number, folder, target)
            for span in CODE_SPAN.findall(line):
                if TREE_PATH.match(span) and not os.path.exists(os.path.join(self.root, span)):
                    self.find(path, number, "dead-path", f"`{span}` does not exist")

    def check_link(self, path, number, folder, target):
        if re.match(r"[a-z][a-z0-9+.-]*:", target):
            return
        file, _, anchor = target.partition("#")
        full = os.path.normpath(os.path.join(self.root, folder, file)) if file else os.path.join(self.root, path)
        if not os.path.exists(full):
            self.find(path, number, "dead-link", f"{target} leads nowhere")
        elif anchor and full.endswith(".md") and anchor not in anchors(full):
            self.find(path, number, "dead-link", f"{target}: no such heading")


def layer_of(folder, table):
    best = None
    for name, number in table.items():
        if (folder == name or folder.startswith(name + "/")) and (best is None or len(name) > len(best)):
            best = name
    return -1 if best is None else table[best]


def folder_and_layer(folder):
    best = None
    for name in LAYERS:
        if (folder == name or folder.startswith(name + "/")) and (best is None or len(name) > len(best)):
            best = name
    return best, LAYERS.get(best)


def anchors(path):
    """The anchors that GitHub makes of a document's headings."""
    found = set()
    with open(path, encoding="utf-8") as file:
        for line in file:
            if line.startswith("#"):
                text = line.lstrip("#").strip().lower()
                found.add(re.sub(r"[^\w\- ]", "", text).replace(" ", "-"))
    return found


def main():
    root = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
    check = Check(os.path.normpath(root))
    check.run()
    for warning in check.warnings:
        print("warning: " + warning)
    for finding in check.findings:
        print(finding)
    print(f"{len(check.findings)} findings, {len(check.warnings)} warnings")
    return 1 if check.findings else 0


if __name__ == "__main__":
    sys.exit(main())
