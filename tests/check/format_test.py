#!/usr/bin/env python3
"""Shows that format.py finds an unformatted file and accepts a formatted one. Usage: format_test.py CLANG_FORMAT."""

import os
import subprocess
import sys
import tempfile

TOOL = sys.argv[1]
FORMAT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "format.py")


def run(root, *options):
    return subprocess.run([sys.executable, FORMAT, *options, TOOL, root], stdout=subprocess.PIPE, text=True, check=False)


def main():
    with tempfile.TemporaryDirectory() as root:
        assert run(root).returncode == 1, "a tree without sources is a mistake"
        with open(os.path.join(root, ".clang-format"), "w", encoding="utf-8") as file:
            file.write("BasedOnStyle: Google\n")
        os.mkdir(os.path.join(root, "cli"))
        path = os.path.join(root, "cli", "a.cpp")
        with open(path, "w", encoding="utf-8") as file:
            file.write("int  x ;\n")
        found = run(root)
        assert found.returncode == 1 and "cli/a.cpp" in found.stdout, found.stdout
        assert run(root, "--fix").returncode == 0
        assert run(root).returncode == 0
        with open(path, encoding="utf-8") as file:
            assert file.read() == "int x;\n"
    return 0


if __name__ == "__main__":
    sys.exit(main())
