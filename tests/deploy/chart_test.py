#!/usr/bin/env python3
"""The Helm chart: rendered for several values, and held to what a node agent needs.

Usage: chart_test.py CHART RENDERER POLICYD (chart.py).
"""

import json
import subprocess
import tempfile
import unittest

import jsonschema

from chart import CHART, POLICYD, agent_config, defaults, merged, render


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
            "ipv6": {"enabled": False}, "policyEnforcementMode": "always", "policyAuditMode": True, "masqueradeExclude": ["10.0.0.0/8"], "prometheus": {"enabled": False}, "labels": "k8s:app\\.example !job"}))
        self.assertEqual(config["labels"], "k8s:app\\.example !job")
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
            "cluster": {"name": "blue"}, "labels": "k8s:app\\.example k8s:!job"}
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
