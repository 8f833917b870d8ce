#!/usr/bin/env python3
"""The Helm chart: rendered by Go's templates for several values, read as YAML, and held to what a node agent needs.

Usage: chart_test.py CHART RENDERER POLICYD, where RENDERER is the program made from render.go.
"""

import copy
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

import jsonschema
import yaml

CHART = pathlib.Path(sys.argv.pop(1))
RENDERER = sys.argv.pop(1)
POLICYD = sys.argv.pop(1)
# The least that a cluster has to say.
ADDRESSES = {"ipam": {"nodeRanges": {"node-a": [["10.244.1.0/24"]]}}}


def defaults():
    return yaml.safe_load((CHART / "values.yaml").read_text())


def merged(base, changes):
    result = copy.deepcopy(base)
    for key, value in changes.items():
        if value is None:  # as Helm does
            result.pop(key, None)
        elif isinstance(value, dict) and isinstance(result.get(key), dict) and value:
            result[key] = merged(result[key], value)
        else:
            result[key] = value
    return result


def run_renderer(changes):
    """Of the defaults with these changes, which are held to the schema as Helm would."""
    values = merged(defaults(), changes)
    jsonschema.validate(values, json.loads((CHART / "values.schema.json").read_text()))
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(values, file)
        file.flush()
        return subprocess.run([RENDERER, str(CHART), file.name, "node", "kube-system"], check=False, capture_output=True, text=True)


def render(changes=None):
    """Every document of the chart, by kind, a ConfigMap by its name; one that comes twice is an error of the test."""
    done = run_renderer(merged(ADDRESSES, changes or {}))
    if done.returncode != 0:
        raise AssertionError(done.stderr)
    documents = {}
    for document in yaml.safe_load_all(done.stdout):
        if document is not None:
            key = document["metadata"]["name"] if document["kind"] == "ConfigMap" else document["kind"]
            assert key not in documents
            documents[key] = document
    return documents


def agent_config(documents):
    return yaml.safe_load(documents["policyc-config"]["data"]["policyd.yaml"])


def conflists(documents):
    return {name: json.loads(text) for name, text in documents["policyc-cni"]["data"].items()}


def conflist(documents):
    """The only one: of every node."""
    data = conflists(documents)
    assert list(data) == ["_every-node.conflist"], data
    return data["_every-node.conflist"]


class Schema(unittest.TestCase):
    def setUp(self):
        self.schema = json.loads((CHART / "values.schema.json").read_text())

    def test_is_a_schema_and_takes_the_defaults(self):
        jsonschema.Draft7Validator.check_schema(self.schema)
        jsonschema.validate(defaults(), self.schema)

    def test_says_something_of_every_value(self):
        self.assertEqual(set(defaults()), set(self.schema["properties"]) - {"global"})

    def test_refuses_what_would_be_ignored_or_wrong(self):
        for changes in ({"kubeProxyReplacment": True}, {"bpf": {"masquerad": True}}, {"policyEnforcementMode": "sometimes"},
                        {"prometheus": {"port": 0}}, {"maglev": {"tableSize": 1000}}, {"devices": ["eth0", "eth0"]}, {"MTU": 600},
                        {"ipam": {"ranges": [["10.0.0.0"]]}}, {"ipam": {"nodeRanges": {"node-a": []}}}, {"ipam": {"nodeRanges": {"_every-node": [["10.0.0.0/24"]]}}}, {"cni": {"fileName": "../x.conflist"}}, {"cni": {"chainingMode": "generic-veth"}}, {"image": {"digest": "abc"}}):
            with self.subTest(changes):
                with self.assertRaises(jsonschema.ValidationError):
                    jsonschema.validate(merged(defaults(), changes), self.schema)

    def test_names_of_cilium_s_with_what_holds_here(self):
        jsonschema.validate(merged(defaults(), {"MTU": 1400, "ipv4": {"enabled": True}, "ipv6": {"enabled": False}, "routingMode": "native",
                                                "hubble": {"enabled": False}, "encryption": {"enabled": False}}), self.schema)
        for changes in ({"routingMode": "tunnel"}, {"hubble": {"enabled": True}}, {"encryption": {"enabled": True}}, {"encryption": {"type": "wireguard"}}):
            with self.subTest(changes):
                with self.assertRaises(jsonschema.ValidationError):
                    jsonschema.validate(merged(defaults(), changes), self.schema)


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


class Rendered(unittest.TestCase):
    def test_defaults(self):
        documents = render()
        self.assertEqual(set(documents), {"policyc-config", "policyc-cni", "DaemonSet", "Service", "ServiceAccount"})
        config = agent_config(documents)
        self.assertEqual(config["enable-policy"], "default")
        self.assertEqual(config["kube-proxy-replacement"], False)
        self.assertEqual(config["bpf-lb-sock"], False)
        self.assertEqual(config["prometheus-serve-addr"], ":9962")
        self.assertNotIn("devices", config)
        self.assertEqual((config["enable-ipv4"], config["enable-ipv6"]), (True, True))

    def test_values_reach_the_agent(self):
        config = agent_config(render({
            "kubeProxyReplacement": True, "devices": ["eth0", "eth1"], "bpf": {"masquerade": True}, "loadBalancer": {"algorithm": "maglev", "mode": "hybrid", "dsrDispatch": "ipip"},
            "nat46x64Gateway": {"enabled": True},
            "ipv6": {"enabled": False}, "policyEnforcementMode": "always", "policyAuditMode": True, "masqueradeExclude": ["10.0.0.0/8"], "prometheus": {"enabled": False}}))
        self.assertEqual(config["kube-proxy-replacement"], True)
        self.assertEqual(config["bpf-lb-sock"], True)
        self.assertEqual(config["devices"], ["eth0", "eth1"])
        self.assertEqual(config["enable-bpf-masquerade"], True)
        self.assertEqual(config["bpf-lb-algorithm"], "maglev")
        self.assertEqual(config["bpf-lb-mode"], "hybrid")
        self.assertEqual(config["bpf-lb-dsr-dispatch"], "ipip")
        self.assertEqual(config["enable-nat46x64-gateway"], True)
        self.assertEqual((config["enable-ipv4"], config["enable-ipv6"]), (True, False))
        self.assertEqual(config["policy-audit-mode"], True)
        self.assertEqual(config["masquerade-exclude"], ["10.0.0.0/8"])
        self.assertEqual(config["prometheus-serve-addr"], "")

    def test_the_agent_takes_its_configuration(self):
        everything = {
            "kubeProxyReplacement": True, "devices": ["lo"], "bpf": {"masquerade": True}, "loadBalancer": {"algorithm": "maglev", "mode": "hybrid", "dsrDispatch": "ipip"},
            "nat46x64Gateway": {"enabled": True}, "policyEnforcementMode": "always", "policyAuditMode": True, "policyDenyResponse": "icmp", "masqueradeExclude": ["10.0.0.0/8", "fd00::/8"],
            "cluster": {"name": "blue"}}
        texts = [render(changes)["policyc-config"]["data"]["policyd.yaml"] for changes in ({}, everything, {"prometheus": {"enabled": False}})]
        texts.append((CHART.parent.parent / "policyd.yaml").read_text())
        for text in texts:
            with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
                file.write(text)
                file.flush()
                done = subprocess.run([POLICYD, "--check", "--config", file.name], check=False, capture_output=True, text=True)
            self.assertEqual(done.returncode, 0, text + done.stdout + done.stderr)

    def test_restarts_are_for_what_they_heal(self):
        agent, = render()["DaemonSet"]["spec"]["template"]["spec"]["containers"]
        probes = {kind: agent[kind]["httpGet"] for kind in ("startupProbe", "livenessProbe", "readinessProbe")}
        self.assertEqual({kind: probe["path"] for kind, probe in probes.items()},
                         {"startupProbe": "/livez", "livenessProbe": "/livez", "readinessProbe": "/readyz"})
        for probe in probes.values():
            self.assertEqual((probe["host"], probe["port"]), ("127.0.0.1", 9879))

    def test_the_agent_has_what_it_needs_and_no_more(self):
        pod = render()["DaemonSet"]["spec"]["template"]["spec"]
        agent = pod["containers"][0]
        self.assertTrue(pod["hostNetwork"])
        self.assertFalse(pod["automountServiceAccountToken"])
        self.assertEqual(agent["securityContext"]["capabilities"]["drop"], ["ALL"])
        # vm_unit runs the agent with these, and with the mounts.
        unit = (CHART.parent.parent / "systemd/policyd.service.in").read_text()
        capabilities = {word for line in unit.splitlines() if line.startswith("CapabilityBoundingSet=") for word in line.split("=")[1].split()}
        self.assertEqual({"CAP_" + name for name in agent["securityContext"]["capabilities"]["add"]}, capabilities)
        self.assertNotIn("privileged", agent["securityContext"])
        for mount in agent["volumeMounts"]:
            self.assertNotEqual(mount.get("mountPropagation"), "Bidirectional", "the API server refuses it without `privileged`")
        # What outlives the agent lies on the node.
        volumes = {volume["name"]: volume for volume in pod["volumes"]}
        for name in ("bpffs", "run", "grace-holders", "state"):
            self.assertIn("hostPath", volumes[name])
        for container in pod["containers"] + pod.get("initContainers", []):
            for mount in container["volumeMounts"]:
                self.assertIn(mount["name"], volumes)

    def test_sources_of_manifests(self):
        def manifests(changes):
            volumes = render(changes)["DaemonSet"]["spec"]["template"]["spec"]["volumes"]
            return next(volume for volume in volumes if volume["name"] == "manifests")
        self.assertEqual(manifests({})["hostPath"]["path"], "/etc/policyc/manifests")
        self.assertEqual(manifests({"manifests": {"configMap": "policies"}})["configMap"], {"name": "policies"})

    def test_selectors_select_the_pods(self):
        documents = render()
        labels = documents["DaemonSet"]["spec"]["template"]["metadata"]["labels"]
        for selector in (documents["DaemonSet"]["spec"]["selector"]["matchLabels"], documents["Service"]["spec"]["selector"]):
            self.assertLessEqual(selector.items(), labels.items())

    def test_a_change_of_configuration_restarts_the_agent(self):
        def checksum(changes):
            return render(changes)["DaemonSet"]["spec"]["template"]["metadata"]["annotations"]["checksum/config"]
        self.assertNotEqual(checksum({}), checksum({"policyAuditMode": True}))
        self.assertNotEqual(checksum({}), checksum({"MTU": 1400}))

    def test_rbac_on_request(self):
        documents = render({"rbac": {"create": True}})
        for rule in documents["ClusterRole"]["rules"]:
            self.assertEqual(rule["verbs"], ["get", "list", "watch"])
            self.assertNotIn("secrets", rule["resources"])
        self.assertEqual(documents["ClusterRoleBinding"]["subjects"][0]["namespace"], "kube-system")

    def test_the_image(self):
        def image(changes):
            return render(changes)["DaemonSet"]["spec"]["template"]["spec"]["containers"][0]["image"]
        self.assertEqual(image({}), "policyc:0.1.0")
        digest = "sha256:" + "a" * 64
        self.assertEqual(image({"image": {"repository": "example.org/policyc", "tag": "v2", "digest": digest}}), f"example.org/policyc:v2@{digest}")


if __name__ == "__main__":
    unittest.main()
