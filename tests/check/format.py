#!/usr/bin/env python3
"""Checks that clang-format has nothing to change in any C and C++ file; with --fix it changes them.

Usage: format.py [--fix] CLANG_FORMAT [ROOT]. The style is the nearest .clang-format of each file.
"""

import os
import subprocess
import sys

FOLDERS = ("compiler", "runtime", "loader", "cli", "tests")
SUFFIXES = (".h", ".cpp", ".c")


def sources(root):
    for top in FOLDERS:
        for folder, folders, names in os.walk(os.path.join(root, top)):
            folders.sort()
            for name in sorted(names):
                if name.endswith(SUFFIXES):
                    yield os.path.join(folder, name)


def main():
    arguments = sys.argv[1:]
    fix = "--fix" in arguments
    arguments = [a for a in arguments if a != "--fix"]
    tool = arguments[0]
    root = arguments[1] if len(arguments) > 1 else os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
    files = list(sources(root))
    if not files:
        print(f"no source below {root}")
        return 1
    how = ["-i"] if fix else ["--dry-run", "-Werror", "--ferror-limit=1"]
    run = subprocess.run([tool, *how, *files], stderr=subprocess.PIPE, text=True, check=False)
    wrong = sorted({line.split(":")[0] for line in run.stderr.splitlines() if ": error:" in line})
    for path in wrong:
        print(os.path.relpath(path, root) + ": not as clang-format would have it")
    print(f"{len(files)} files, {len(wrong)} to format")
    if run.returncode != 0 and not wrong:
        print(run.stderr)
    return 1 if run.returncode != 0 else 0


if __name__ == "__main__":
    sys.exit(main())
