#!/usr/bin/env python3
"""Shows that every rule of layering.py is kept: a bad sample is found, its good twin is not."""

import os
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import layering  # noqa: E402

HEADER = "#pragma once\n"


class Sample(unittest.TestCase):
    def check(self, files):
        """Runs the check over a tree of `files` (path -> text); gives findings without the file's name and warnings."""
        with tempfile.TemporaryDirectory() as root:
            for path, text in files.items():
                full = os.path.join(root, path)
                os.makedirs(os.path.dirname(full), exist_ok=True)
                with open(full, "w", encoding="utf-8") as file:
                    file.write(text)
            check = layering.Check(root)
            check.run()
            return check.findings, check.warnings

    def assert_found(self, files, rule, place):
        findings, _ = self.check(files)
        self.assertEqual(len(findings), 1, findings)
        self.assertTrue(findings[0].startswith(f"{place}: {rule}: "), findings[0])

    def assert_clean(self, files):
        findings, _ = self.check(files)
        self.assertEqual(findings, [])

    def include(self, user, used):
        return {user: f'#include "{used}"\n', used: HEADER}


class Layers(Sample):
    def test_downwards_is_allowed(self):
        self.assert_clean(self.include("compiler/ir/a.cpp", "compiler/policy/b.h"))
        self.assert_clean(self.include("compiler/driver/a.cpp", "compiler/backend/b.h"))
        self.assert_clean(self.include("cli/a.cpp", "loader/endpoint/b.h"))
        self.assert_clean(self.include("cli/a.cpp", "cli/demo/b.h"))
        self.assert_clean(self.include("compiler/policy/a.cpp", "compiler/policy/l7/b.h"))

    def test_upwards_and_sideways_are_found(self):
        for user, used in (
            ("compiler/policy/a.cpp", "compiler/ir/b.h"),
            ("compiler/matrix/a.cpp", "compiler/eval/b.h"),
            ("compiler/support/a.cpp", "compiler/diag/b.h"),
            ("compiler/driver/a.cpp", "loader/bpf/b.h"),
            ("loader/maps/a.cpp", "loader/attach/b.h"),
            ("loader/bpf/a.cpp", "loader/maps/b.h"),
            ("loader/endpoint/a.cpp", "cli/b.h"),
            ("cli/demo/a.cpp", "cli/b.h"),
        ):
            self.assert_found(self.include(user, used), "layer", f"{user}:1")

    def test_the_two_engines_share_nothing(self):
        self.assert_found(self.include("compiler/eval/a.cpp", "compiler/manifest/b.h"), "layer", "compiler/eval/a.cpp:1")

    def test_the_backend_knows_no_policy(self):
        self.assert_found(self.include("compiler/backend/a.cpp", "compiler/policy/b.h"), "layer", "compiler/backend/a.cpp:1")
        self.assert_clean(self.include("compiler/backend/a.cpp", "compiler/support/b.h"))

    def test_a_new_folder_must_be_in_the_table(self):
        self.assert_found(self.include("compiler/novel/a.cpp", "compiler/support/b.h"), "layer", "compiler/novel/a.cpp:1")
        self.assert_found(self.include("compiler/ir/a.cpp", "compiler/novel/b.h"), "layer", "compiler/ir/a.cpp:1")

    def test_the_abi_is_for_everyone_and_the_rest_of_the_runtime_is_not(self):
        guard = "#ifndef POLICYC_X\n#define POLICYC_X\n#endif\n"
        for user in ("compiler/support/a.cpp", "loader/bpf/a.cpp", "tests/unit/a.cpp"):
            self.assert_clean({user: '#include "runtime/abi/abi.h"\n', "runtime/abi/abi.h": guard})
        self.assert_found({"compiler/ir/a.cpp": '#include "runtime/include/x.h"\n', "runtime/include/x.h": guard},
                          "layer", "compiler/ir/a.cpp:1")
        self.assert_found({"runtime/abi/a.h": guard + '#include "runtime/include/x.h"\n', "runtime/include/x.h": guard},
                          "layer", "runtime/abi/a.h:4")
        self.assert_found({"runtime/prog/a.c": '#include "compiler/support/x.h"\n', "compiler/support/x.h": HEADER},
                          "layer", "runtime/prog/a.c:1")

    def test_tests_include_what_they_like_and_nobody_includes_tests(self):
        self.assert_clean(self.include("tests/unit/a.cpp", "loader/endpoint/b.h"))
        self.assert_found(self.include("cli/a.cpp", "tests/support/b.h"), "layer", "cli/a.cpp:1")

    def test_includes_start_at_the_root(self):
        self.assert_found({"compiler/ir/a.cpp": '#include "b.h"\n', "compiler/ir/b.h": HEADER}, "include", "compiler/ir/a.cpp:1")

    def test_spelling_does_not_hide_an_include(self):
        files = {"compiler/policy/a.cpp": '\n  #  include   "compiler/ir/b.h"\n', "compiler/ir/b.h": HEADER}
        self.assert_found(files, "layer", "compiler/policy/a.cpp:2")


class ThirdParty(Sample):
    def test_each_library_has_its_folder(self):
        for header, good, bad in (
            ("yaml-cpp/yaml.h", "compiler/manifest/a.cpp", "compiler/policy/a.cpp"),
            ("clang/Basic/Version.h", "compiler/backend/a.cpp", "compiler/driver/a.cpp"),
            ("llvm/IR/Module.h", "compiler/backend/a.cpp", "cli/a.cpp"),
            ("bpf/libbpf.h", "loader/bpf/a.cpp", "compiler/backend/a.cpp"),
            ("bpf/bpf_helpers.h", "runtime/include/a.c", "cli/a.cpp"),
            ("linux/bpf.h", "tests/kernel/a.cpp", "tests/unit/ir/a.cpp"),
            ("CLI/CLI.hpp", "cli/a.cpp", "compiler/driver/a.cpp"),
        ):
            self.assert_clean({good: f"#include <{header}>\n"})
            self.assert_found({bad: f"#include <{header}>\n"}, "third-party", f"{bad}:1")

    def test_grammars_are_not_used_yet(self):
        self.assert_found({"compiler/ir/a.cpp": "#include <antlr4-runtime.h>\n"}, "third-party", "compiler/ir/a.cpp:1")


class Files(Sample):
    def test_long_files(self):
        self.assert_found({"cli/a.cpp": "\n" * 801}, "file-size", "cli/a.cpp:801")
        findings, warnings = self.check({"cli/a.cpp": "\n" * 501})
        self.assertEqual((findings, len(warnings)), ([], 1))
        findings, warnings = self.check({"cli/a.cpp": "\n" * 500})
        self.assertEqual((findings, warnings), ([], []))

    def test_headers(self):
        self.assert_found({"cli/a.h": "int x;\n"}, "header", "cli/a.h:1")
        self.assert_found({"cli/a.h": HEADER + "  using  namespace std;\n"}, "header", "cli/a.h:2")
        self.assert_clean({"cli/a.cpp": "using namespace std;\n", "cli/a.h": HEADER + "// not using namespace std\n"})

    def test_paths_of_one_machine(self):
        for path in ("/wo" + "rk/main", "/ho" + "me/someone", "/ro" + "ot/x"):
            self.assert_found({"docs/a.md": f"see {path}\n"}, "machine-path", "docs/a.md:1")
            self.assert_found({"cli/a.cpp": f'const char* p = "{path}";\n'}, "machine-path", "cli/a.cpp:1")
        self.assert_clean({"cli/a.cpp": '"/sys/fs/bpf", "build/wo' + 'rk/x", "a/ho' + 'me/b"\n'})

    def test_build_trees_are_not_read(self):
        self.assert_clean({"build/x/cli/a.h": "int x;\n", "build-asan/cli/a.h": "int x;\n"})


class Documents(Sample):
    def test_links(self):
        self.assert_found({"docs/a.md": "[x](b.md)\n"}, "dead-link", "docs/a.md:1")
        self.assert_found({"docs/a.md": "[x](b.md#no-such)\n", "docs/b.md": "# Some heading\n"}, "dead-link", "docs/a.md:1")
        self.assert_clean({"docs/a.md": "[x](b.md#some-heading) [y](../cli/) [z](https://example.org/q) `[w](c.md)`\n",
                           "docs/b.md": "# Some heading\n", "cli/a.h": HEADER})

    def test_paths(self):
        self.assert_found({"docs/a.md": "the file `compiler/gone.cpp`\n"}, "dead-path", "docs/a.md:1")
        self.assert_clean({"docs/a.md": "`compiler/ir/a.h`, `compiler/ir/`, `compiler/*/x.h`, `a/b`\n```\ncompiler/x\n```\n",
                           "compiler/ir/a.h": HEADER})


if __name__ == "__main__":
    unittest.main()
