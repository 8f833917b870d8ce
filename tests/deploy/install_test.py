#!/usr/bin/env python3
"""`cmake --install` of this build below a folder: what is there, and that it runs from there.

Usage: install_test.py BUILD_FOLDER.
"""

import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

BUILD = pathlib.Path(sys.argv.pop(1))


class Install(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.root = pathlib.Path(cls.folder.name)
        subprocess.run(["cmake", "--install", BUILD, "--prefix", "/opt/policyc"], check=True, capture_output=True, env={**os.environ, "DESTDIR": cls.folder.name})
        cls.prefix = cls.root / "opt/policyc"

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def test_nothing_is_outside_of_its_places(self):
        self.assertEqual(sorted(path.name for path in self.root.iterdir()), ["etc", "opt"])
        self.assertEqual([path.name for path in (self.root / "opt").iterdir()], ["policyc"])
        self.assertEqual(sorted(str(path.relative_to(self.root / "etc")) for path in (self.root / "etc").rglob("*")),
                         ["policyc", "policyc/manifests", "policyc/policyd.yaml"])

    def test_programs(self):
        for name in ("bin/policyc", "bin/kubectl-policyc", "sbin/policyd", "lib/cni/policyc-cni"):
            self.assertTrue(os.access(self.prefix / name, os.X_OK), name)
        self.assertEqual(len(list(self.prefix.rglob("policyc-compilerd"))), 1)
        for name in ("bin/policyc", "sbin/policyd"):
            done = subprocess.run([self.prefix / name, "--version"], check=False, capture_output=True, text=True)
            self.assertEqual(done.returncode, 0, done.stderr)
        done = subprocess.run([self.prefix / "lib/cni/policyc-cni"], check=False, capture_output=True, text=True, env={"CNI_COMMAND": "VERSION"}, input="{}")
        self.assertIn("supportedVersions", done.stdout)

    def test_what_comes_beside_them(self):
        for name in ("share/man/man1/policyc.1.gz", "share/man/man1/policyc-doctor.1.gz", "share/man/man5/policyd.yaml.5.gz", "share/man/man8/policyd.8.gz",
                     "share/man/man8/policyc-cni.8.gz", "share/bash-completion/completions/policyc", "lib/systemd/system/policyd.service",
                     "share/doc/policyc/copyright", "share/doc/policyc/changelog.gz", "share/doc/policyc/examples/05-policyc.conflist"):
            self.assertTrue((self.prefix / name).is_file(), name)

    def test_nothing_of_the_tests(self):
        for path in self.prefix.rglob("*"):
            self.assertNotRegex(path.name, r"_(test|bench|soak)$|^fuzz_")
            self.assertNotIn("bench", path.name)


if __name__ == "__main__":
    unittest.main()
