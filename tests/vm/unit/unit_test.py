#!/usr/bin/env python3
"""What a guest's system is made of, and which container the chart becomes."""
import unittest

import container
import packages

STATUS = """Package: base
Status: install ok installed
Essential: yes
Architecture: all
Pre-Depends: libc (>= 2)

Package: libc
Status: install ok installed
Architecture: amd64
Provides: libc-dev (= 2), c-library

Package: tool
Status: install ok installed
Architecture: amd64
Depends: missing | second:any (>= 1), c-library
Description: text
 more of it

Package: second
Status: install ok installed
Architecture: amd64

Package: second
Status: install ok installed
Architecture: i386
Depends: tool

Package: gone
Status: deinstall ok config-files
Architecture: amd64
"""
POD = {
    "hostNetwork": True,
    "containers": [{
        "args": ["--node-name=$(NODE_NAME)"],
        "securityContext": {"allowPrivilegeEscalation": False, "seccompProfile": {"type": "Unconfined"}, "capabilities": {"drop": ["ALL"], "add": ["BPF"]}},
        "volumeMounts": [{"name": "objects", "mountPath": "/sys/fs/bpf", "mountPropagation": "HostToContainer"}, {"name": "config", "mountPath": "/config", "readOnly": True}],
    }],
    "volumes": [{"name": "objects", "hostPath": {"path": "/sys/fs/bpf"}}, {"name": "config", "configMap": {"name": "c"}}],
}


class Packages(unittest.TestCase):
    def setUp(self):
        self.machine = packages.Installed(STATUS, "amd64")

    def test_all_that_is_needed_comes_with_it(self):
        self.assertEqual(self.machine.closure(["tool (= 1)"]), {"base", "libc", "second", "tool"})

    def test_one_may_stand_for_another(self):
        self.assertEqual(self.machine.closure(["nothing | c-library"]), {"base", "libc"})

    def test_what_is_not_installed_is_told(self):
        with self.assertRaisesRegex(SystemExit, "gone"):
            self.machine.closure(["gone"])


class Container(unittest.TestCase):
    def test_has_what_the_pod_says(self):
        spec = container.spec_of(POD, "/bundle")
        self.assertEqual(spec["process"]["args"][1], "--node-name=node-a")
        self.assertEqual(spec["process"]["capabilities"]["effective"], ["CAP_BPF"])
        self.assertTrue(spec["process"]["noNewPrivileges"])
        self.assertEqual({space["type"] for space in spec["linux"]["namespaces"]}, {"mount", "ipc", "uts", "cgroup", "pid"})
        mounts = {mount["destination"]: mount for mount in spec["mounts"]}
        self.assertEqual(mounts["/sys/fs/bpf"]["options"], ["rbind", "rslave", "rw"])
        self.assertEqual((mounts["/config"]["source"], mounts["/config"]["options"][2]), ("/bundle/volumes/config", "ro"))
        places = [mount["destination"] for mount in spec["mounts"]]
        self.assertLess(places.index("/sys"), places.index("/sys/fs/bpf"))

    def test_mounts_nothing_into_the_host(self):
        with self.assertRaises(KeyError):
            container.mount_of({"name": "x", "mountPath": "/x", "mountPropagation": "Bidirectional"}, {"name": "x", "hostPath": {"path": "/x"}}, "/bundle")


if __name__ == "__main__":
    unittest.main()
