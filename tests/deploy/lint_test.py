#!/usr/bin/env python3
"""Shell and manual pages, by the tools that know them: shellcheck over every script, groff over every page.

Usage: lint_test.py ROOT RENDERER POLICYD, where RENDERER is the program made from render.go.
"""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

import yaml

ROOT = pathlib.Path(sys.argv.pop(1))
RENDERER = sys.argv.pop(1)
POLICYD = sys.argv.pop(1)


def scripts():
    """What begins as a shell's script does, and what such a one sources."""
    for folder, folders, names in os.walk(ROOT):
        folders[:] = sorted(set(folders) - {".git", "build"})
        for path in (pathlib.Path(folder) / name for name in sorted(names)):
            with path.open("rb") as file:
                if path.suffix == ".sh" or re.match(rb"#!.*\b(ba|da|)sh\b", file.read(80)):
                    yield path


class Shell(unittest.TestCase):
    def check(self, text, shell, name):
        done = subprocess.run(["shellcheck", "--shell", shell, "-"], input=text, check=False, capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stdout), (0, ""), name)

    def test_scripts(self):
        found = list(scripts())
        for name in ("scripts/lib.sh", "scripts/test", "deploy/debian/postinst", "deploy/kubectl/kubectl-policyc"):
            self.assertIn(ROOT / name, found)
        done = subprocess.run(["shellcheck", "--external-sources", "--source-path=SCRIPTDIR", *found], check=False, capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stdout), (0, ""))

    def test_the_chart(self):
        chart = ROOT / "deploy/helm/policyc"
        values = yaml.safe_load((chart / "values.yaml").read_text())
        values["ipam"]["nodeRanges"] = {"node-a": [["10.244.1.0/24"]]}
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump(values, file)
            file.flush()
            text = subprocess.run([RENDERER, chart, file.name, "node", "kube-system"], check=True, capture_output=True, text=True).stdout
        daemon_set, = (document for document in yaml.safe_load_all(text) if document and document["kind"] == "DaemonSet")
        commands = [container["command"] for container in daemon_set["spec"]["template"]["spec"]["initContainers"]]
        self.assertTrue(commands)
        for shell, _, script in commands:
            self.check(script, pathlib.Path(shell).name, script)

    def test_the_github_action(self):
        steps = yaml.safe_load((ROOT / "deploy/github-action/action.yml").read_text())["runs"]["steps"]
        self.assertTrue(steps)
        for step in steps:
            variables = "".join(f"export {name}=''\n" for name in step["env"])
            self.check(variables + step["run"], step["shell"], step["name"])

    def test_the_unit(self):
        unit = (ROOT / "deploy/systemd/policyd.service.in").read_text()
        commands = re.findall(r"^Exec\w+=/bin/sh -c '(.*)'$", unit, re.MULTILINE)
        self.assertTrue(commands)
        for command in commands:
            # systemd puts MAINPID in its place, a number.
            self.check(command.replace("$MAINPID", "1"), "sh", command)


class Manual(unittest.TestCase):
    """Pages that are written by hand; those of policyc are made by itself, and held to the same by its own test."""

    pages = sorted((ROOT / "deploy/man").iterdir())

    def settings(self):
        text = subprocess.run([POLICYD, "--help"], check=True, capture_output=True, text=True).stdout
        return set(re.findall(r"^  --([a-z0-9-]+) ", text.split("Settings, as in the file")[1], re.MULTILINE))

    def test_groff_has_nothing_to_say(self):
        self.assertEqual([page.name for page in self.pages], ["policyc-cni.8", "policyd.8", "policyd.yaml.5"])
        for page in self.pages:
            done = subprocess.run(["groff", "-man", "-ww", "-Tascii", page], check=False, capture_output=True, text=True)
            self.assertEqual((done.returncode, done.stderr), (0, ""), page)

    def test_every_page_can_be_found(self):
        for page in self.pages:
            title, section = page.name.rsplit(".", 1)
            text = page.read_text()
            self.assertTrue(text.startswith(f".TH {title.upper()} {section} "), page)
            self.assertIn(".SH NAME\n" + title.replace("-", "\\-") + " \\- ", text)
            for other, number in re.findall(r"^\.BR (\S+) \((\d)\)", text, re.MULTILINE):
                if number != "1":
                    self.assertIn(other.replace("\\-", "-") + "." + number, [one.name for one in self.pages])

    def test_settings_are_those_of_the_agent(self):
        text = (ROOT / "deploy/man/policyd.yaml.5").read_text()
        named = {name.replace("\\-", "-") for name in re.findall(r"^\.TP\n\\fB(\S+)\\fR", text, re.MULTILINE)}
        aliases = set(re.findall(r"Another name: (\S+)\.$", text.replace("\\-", "-"), re.MULTILINE))
        self.assertEqual(named | aliases, self.settings())


if __name__ == "__main__":
    unittest.main()
