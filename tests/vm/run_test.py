#!/usr/bin/env python3
"""What run.py concludes from a guest's console, and that an image holds what a path needs."""
import contextlib
import io
import os
import tempfile
import unittest

import image
import run

GOOD = """firmware
[    0.1] a kernel line@vm up 6.1.0 2.0
@vm begin doctor 2.1
{"kernel": "6.1.0", "features": [], "datapath": {"programs": []}}
@vm end doctor 0 3.1
@vm begin loader_bpf_test 3.1
[==========] 9 tests from 2 test suites ran. (5 ms total)
@vm end loader_bpf_test 0 4.1
@vm begin demo 4.1
  api      lxc-api      clsact, attached, verifier walked 127 instructions of policy, 133.7 ms
@vm end demo 0 9.1
@vm done 9.2
"""


def problems(console, hook="clsact"):
    guest = run.Guest(hook)
    with contextlib.redirect_stdout(io.StringIO()) as shown:
        guest.follow(console.splitlines(keepends=True))
    return guest.problems, shown.getvalue()


class Console(unittest.TestCase):
    def test_all_is_well(self):
        found, shown = problems(GOOD)
        self.assertEqual(found, [])
        self.assertIn("loader_bpf_test: ok, 9 tests, 1.0 s", shown)

    def test_a_failing_test_is_shown(self):
        found, shown = problems(GOOD.replace("loader_bpf_test 0", "loader_bpf_test 1"))
        self.assertEqual(found, ["loader_bpf_test: exit code 1"])
        self.assertIn("    [==========] 9 tests", shown)

    def test_a_filter_that_matches_nothing_is_no_success(self):
        found, _ = problems(GOOD.replace("9 tests", "0 tests"))
        self.assertEqual(found, ["loader_bpf_test: no test ran"])

    def test_the_demo_must_use_the_hook(self):
        found, _ = problems(GOOD, hook="tcx")
        self.assertEqual(found, ["demo: not attached by tcx"])

    def test_a_guest_that_hangs(self):
        found, _ = problems(GOOD[:GOOD.index("@vm end loader")])
        self.assertEqual(found, ["loader_bpf_test: did not end", "the guest did not come to its end"])

    def test_a_kernel_that_does_not_boot(self):
        found, shown = problems("firmware\nKernel panic - not syncing\n")
        self.assertEqual(found, ["the guest did not come to its end"])
        self.assertIn("Kernel panic", shown)


class Image(unittest.TestCase):
    def test_links_and_folders_on_the_way_are_part_of_it(self):
        with tempfile.TemporaryDirectory() as folder:
            folder = os.path.realpath(folder)
            os.makedirs(os.path.join(folder, "real"))
            open(os.path.join(folder, "real/file"), "w", encoding="utf-8").close()
            os.symlink("real", os.path.join(folder, "link"))
            entries = set()
            image.with_parents(os.path.join(folder, "link/file"), entries)
            for name in ["", "/link", "/real", "/real/file"]:
                self.assertIn(folder + name, entries)
            self.assertNotIn(os.path.join(folder, "link/file"), entries)


if __name__ == "__main__":
    unittest.main()
