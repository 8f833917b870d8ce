#!/usr/bin/env python3
"""Who gives pods their addresses, by the Helm chart's values: never two nodes the same.

Usage: chart_addresses_test.py CHART RENDERER POLICYD (chart.py).
"""

import json
import pathlib
import subprocess
import tempfile
import unittest

from chart import ADDRESSES, conflist, conflists, render, run_renderer


class Addresses(unittest.TestCase):
    """No two nodes give one address."""

    def refusal(self, changes):
        done = run_renderer(changes)
        self.assertNotEqual(done.returncode, 0, changes)
        return done.stderr

    def test_nobody_who_said_nothing_gets_a_cluster(self):
        self.assertIn("set ipam.nodeRanges", self.refusal({}))

    def test_one_range_for_all_is_refused(self):
        self.assertIn("Set ipam.nodeRanges", self.refusal({"ipam": {"ranges": [["10.244.0.0/24"]]}}))
        self.assertIn("Set ipam.nodeRanges", self.refusal({"ipam": {"ranges": [["10.244.0.0/24"]], **ADDRESSES["ipam"]}}))

    def test_unless_there_is_one_node(self):
        single = conflist(render({"ipam": {"nodeRanges": {}, "singleNode": True, "ranges": [["10.244.0.0/24"]]}}))
        self.assertEqual(single["plugins"], [{"type": "policyc-cni", "ipam": {"type": "policyc", "ranges": [[{"subnet": "10.244.0.0/24"}]]}}])
        self.assertIn("set ipam.ranges", self.refusal({"ipam": {"singleNode": True}}))
        self.assertIn("exclude each other", self.refusal({"ipam": {"singleNode": True, "ranges": [["10.244.0.0/24"]], **ADDRESSES["ipam"]}}))

    def test_ranges_by_node(self):
        nodes = {"node-a": [["10.244.1.0/24"], ["fd00:1::/64"]], "b.example.org": [["10.244.2.0/24", "10.244.3.0/24"]]}
        data = conflists(render({"ipam": {"nodeRanges": nodes}}))
        self.assertEqual(set(data), {"node-a.conflist", "b.example.org.conflist"})
        self.assertEqual(data["node-a.conflist"], {
            "cniVersion": "1.1.0", "name": "policyc",
            "plugins": [{"type": "policyc-cni", "ipam": {"type": "policyc", "ranges": [[{"subnet": "10.244.1.0/24"}], [{"subnet": "fd00:1::/64"}]]}}]})
        self.assertEqual(data["b.example.org.conflist"]["plugins"][0]["ipam"]["ranges"], [[{"subnet": "10.244.2.0/24"}, {"subnet": "10.244.3.0/24"}]])

    def test_ranges_that_overlap_are_refused(self):
        for one, other in (("10.0.0.0/24", "10.0.0.0/24"), ("10.0.0.0/24", "10.0.0.9/24"), ("10.0.0.0/16", "10.0.7.0/24"), ("10.0.7.128/25", "10.0.0.0/21"),
                           ("0.0.0.0/0", "10.0.0.0/8"), ("fd00::/64", "FD00:0:0:0::/64"), ("fd00::/56", "fd00:0:0:ff::/64"), ("::/0", "fd00::1:2/128"),
                           ("fd00::8000:0:0:0/65", "fd00::/64")):
            for first, second in ((one, other), (other, one)):
                with self.subTest(first=first, second=second):
                    said = self.refusal({"ipam": {"nodeRanges": {"node-a": [[first]], "node-b": [[second]]}}})
                    self.assertIn("node-a", said)
                    self.assertIn("node-b", said)
                    self.refusal({"ipam": {"nodeRanges": {"node-a": [[first, second]]}}})
        for one, other in (("10.0.0.0/25", "10.0.0.128/25"), ("10.0.0.0/16", "10.1.0.0/24"), ("fd00::/64", "fd00:0:0:1::/64"), ("fd00::/65", "fd00::8000:0:0:0/65"),
                           ("0.0.0.0/8", "::/8")):
            with self.subTest(one=one, other=other):
                render({"ipam": {"nodeRanges": {"node-a": [[one]], "node-b": [[other]]}}})

    def test_others_that_give_addresses(self):
        self.assertIn("ipam.delegate", self.refusal({"ipam": {"mode": "delegated"}}))
        delegated = conflist(render({"ipam": {"nodeRanges": {}, "mode": "delegated", "delegate": {"type": "dhcp"}}}))
        self.assertEqual(delegated, {"cniVersion": "1.0.0", "name": "policyc", "plugins": [{"type": "policyc-cni", "ipam": {"type": "dhcp"}}]})
        chained = conflist(render({"ipam": {"nodeRanges": {}}, "cni": {"chainingMode": "generic-veth", "chainedPlugins": [{"type": "bridge"}]}, "MTU": 1400}))
        self.assertEqual(chained["plugins"], [{"type": "bridge"}, {"type": "policyc-cni", "chaining-mode": "generic-veth", "mtu": 1400}])
        self.assertEqual(chained["cniVersion"], "1.0.0")
        without = render({"ipam": {"nodeRanges": {}}, "cni": {"install": False}})
        self.assertNotIn("policyc-cni", without)
        self.assertNotIn("initContainers", without["DaemonSet"]["spec"]["template"]["spec"])


class Installation(unittest.TestCase):
    """What the init container does, run on folders in the places of the node's."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        for name in ("usr/lib/cni", "cni", "host/bin", "host/conf", "dev"):
            (self.root / name).mkdir(parents=True)
        (self.root / "usr/lib/cni/policyc-cni").write_text("the plugin")

    def install(self, node, changes=None):
        documents = render(changes)
        container, = documents["DaemonSet"]["spec"]["template"]["spec"]["initContainers"]
        for old in (self.root / "cni").iterdir():
            old.unlink()
        for name, text in documents["policyc-cni"]["data"].items():
            (self.root / "cni" / name).write_text(text)
        shell, options, script = container["command"]
        for path in ("/usr/lib/cni", "/cni/", "/host/", "/dev/"):
            script = script.replace(f" {path}", f" {self.root}{path}").replace(f'"{path}', f'"{self.root}{path}')
        names = {variable["name"]: variable.get("value", node) for variable in container["env"]}
        done = subprocess.run([shell, options, script], check=False, capture_output=True, text=True, env={"PATH": "/usr/bin:/bin", **names})
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stderr

    def installed(self):
        return {path.name: json.loads(path.read_text()) for path in (self.root / "host/conf").iterdir()}

    def test_each_node_gets_its_own(self):
        ranges = {"ipam": {"nodeRanges": {"node-a": [["10.244.1.0/24"]], "node-b": [["10.244.2.0/24"]]}}}
        for node, subnet in (("node-a", "10.244.1.0/24"), ("node-b", "10.244.2.0/24")):
            self.assertEqual(self.install(node, ranges), "")
            self.assertEqual(list(self.installed()), ["05-policyc.conflist"])
            self.assertEqual(self.installed()["05-policyc.conflist"]["plugins"][0]["ipam"]["ranges"], [[{"subnet": subnet}]])
        self.assertEqual((self.root / "host/bin/policyc-cni").read_text(), "the plugin")

    def test_a_node_without_ranges_gets_none_and_says_so(self):
        said = self.install("node-b")
        self.assertEqual(self.installed(), {})
        self.assertIn("ipam.nodeRanges.node-b", said)
        self.assertEqual((self.root / "dev/termination-log").read_text(), said)

    def test_nor_keeps_what_it_had(self):
        (self.root / "host/conf/10-other.conflist").write_text("{}")
        self.install("node-a")
        self.assertEqual(set(self.installed()), {"05-policyc.conflist", "10-other.conflist"})
        self.install("node-a", {"ipam": {"nodeRanges": {"node-a": None, "node-b": [["10.244.1.0/24"]]}}})
        self.assertEqual(set(self.installed()), {"10-other.conflist"})

    def test_the_file_s_name_is_a_value(self):
        self.install("any", {"cni": {"fileName": "00-x.conflist"}, "ipam": {"nodeRanges": {}, "singleNode": True, "ranges": [["10.244.0.0/24"]]}})
        self.assertEqual(list(self.installed()), ["00-x.conflist"])


if __name__ == "__main__":
    unittest.main()
