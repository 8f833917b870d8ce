#!/usr/bin/env python3
"""The deb: made from this build, linted, unpacked, and its compiler run from where it was unpacked.

Usage: package_test.py BUILD_FOLDER POLICY.
"""

import pathlib
import subprocess
import sys
import tempfile
import unittest

BUILD = pathlib.Path(sys.argv.pop(1))
POLICY = pathlib.Path(sys.argv.pop(1))


def run(*words):
    done = subprocess.run([str(word) for word in words], check=False, capture_output=True, text=True)
    if done.returncode != 0:
        raise AssertionError(f"{words}: {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


class Package(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        made = pathlib.Path(cls.folder.name) / "made"
        run("cpack", "-G", "DEB", "--config", BUILD / "CPackConfig.cmake", "-B", made)
        cls.deb, = made.glob("*.deb")
        cls.root = pathlib.Path(cls.folder.name) / "root"
        run("dpkg-deb", "-x", cls.deb, cls.root)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def field(self, name):
        return run("dpkg-deb", "-f", self.deb, name).strip()

    def test_debian_s_own_check_has_nothing_to_say(self):
        # That units are reloaded by systemctl itself is what debhelper does as well.
        said = run("lintian", "--allow-root", "--fail-on", "error,warning", "--suppress-tags", "maintainer-script-calls-systemctl", self.deb)
        self.assertEqual(said.strip(), "")

    def test_needs_what_it_links(self):
        needs = self.field("Depends")
        for package in ("libbpf1", "libclang-cpp19", "libc6"):
            self.assertIn(package, needs)

    def test_configuration_is_kept_on_upgrade(self):
        run("dpkg-deb", "-e", self.deb, self.root / "DEBIAN")
        for name in (self.root / "DEBIAN/conffiles").read_text().split():
            self.assertTrue((self.root / name.lstrip("/")).is_file(), name)
        for script in ("postinst", "prerm", "postrm"):
            run("sh", "-n", self.root / "DEBIAN" / script)

    def test_the_unit_starts_a_program_that_is_there(self):
        unit, = (path for path in self.root.rglob("policyd.service") if path.is_file())
        start, = (line for line in unit.read_text().splitlines() if line.startswith("ExecStart="))
        program, *words = start.removeprefix("ExecStart=").split()
        self.assertTrue((self.root / program.lstrip("/")).is_file(), program)
        # As the unit starts it, with the configuration of the package.
        run(self.root / program.lstrip("/"), "--check", *[str(self.root / word.lstrip("/")) if word.startswith("/") else word for word in words])
        self.assertTrue(list(self.root.rglob("policyc-compilerd")))
        self.assertTrue(list(self.root.rglob("policyc-cni")))

    def test_systemd_understands_every_line_of_the_unit(self):
        unit, = (path for path in self.root.rglob("policyd.service") if path.is_file())
        unpacked = pathlib.Path(self.folder.name) / "policyd.service"
        unpacked.write_text(unit.read_text().replace("=/usr/sbin/", f"={self.root}/usr/sbin/"))
        done = subprocess.run(["systemd-analyze", "verify", "--man=no", unpacked], check=False, capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stdout + done.stderr), (0, ""))

    def test_kubectl_finds_it(self):
        script = self.root / "usr/bin/kubectl-policyc"
        done = subprocess.run([script, "--version"], check=False, capture_output=True, text=True, env={"PATH": f"{script.parent}:/usr/bin:/bin"})
        self.assertEqual((done.returncode, done.stdout.split()[0]), (0, "policyc"), done.stderr)

    def test_its_compiler_compiles(self):
        out = pathlib.Path(self.folder.name) / "objects"
        run(self.root / "usr/bin/policyc", "compile", POLICY, "-o", out)
        self.assertTrue(list(out.glob("*.o")))

    def test_brings_documentation_and_completions(self):
        for name in ("usr/share/man/man1/policyc.1.gz", "usr/share/man/man5/policyd.yaml.5.gz", "usr/share/man/man8/policyc-cni.8.gz",
                     "usr/share/bash-completion/completions/policyc",
                     "usr/share/zsh/vendor-completions/_policyc", "usr/share/fish/vendor_completions.d/policyc.fish",
                     "lib/systemd/system/policyd.service", "usr/share/doc/policyc/copyright", "etc/policyc/manifests"):
            self.assertTrue((self.root / name).exists() or (self.root / "usr" / name).exists(), name)


if __name__ == "__main__":
    unittest.main()
