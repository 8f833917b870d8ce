"""The chart's DaemonSet as the container that a runtime would make of it: an OCI bundle."""
import json
import os
import subprocess
import tempfile

import yaml

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
CHART = os.path.join(ROOT, "deploy/helm/policyc")
VALUES = {"kubeProxyReplacement": True, "devices": ["uplink"], "extraArgs": ["--node-address=192.0.2.1"],
          "bpf": {"masquerade": True, "ctMax": 4096, "ipcacheMax": 4096}, "prometheus": {"enabled": False},
          "ipam": {"nodeRanges": {"node-a": [["10.0.0.0/24"]]}}}
# As runtimes of Kubernetes have them where a pod says nothing else.
MOUNTS = [
    {"destination": "/proc", "type": "proc", "source": "proc", "options": ["nosuid", "noexec", "nodev"]},
    {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "strictatime", "mode=755", "size=65536k"]},
    {"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["nosuid", "noexec", "nodev", "ro"]},
    {"destination": "/run", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "strictatime", "mode=755", "size=65536k"]},
]
MASKED = ["/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list", "/proc/sched_debug", "/proc/scsi", "/sys/firmware"]
READ_ONLY = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]
PROPAGATION = {None: "rprivate", "None": "rprivate", "HostToContainer": "rslave"}  # "Bidirectional" is for privileged containers


def render(renderer):
    """The chart's DaemonSet and its ConfigMap of the agent."""
    with open(os.path.join(CHART, "values.yaml"), encoding="utf-8") as file:
        values = yaml.safe_load(file)
    for key, value in VALUES.items():
        values[key] = {**values[key], **value} if isinstance(value, dict) else value
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(values, file)
        file.flush()
        text = subprocess.run([renderer, CHART, file.name, "node", "kube-system"], check=True, capture_output=True, text=True).stdout
    documents = [document for document in yaml.safe_load_all(text) if document]
    daemon_set, = (document for document in documents if document["kind"] == "DaemonSet")
    config, = (document for document in documents if document["kind"] == "ConfigMap" and document["metadata"]["name"] == "policyc-config")
    return daemon_set, config


def mount_of(mount, volume, bundle):
    # A ConfigMap is a folder that the kubelet writes.
    source = volume["hostPath"]["path"] if "hostPath" in volume else os.path.join(bundle, "volumes", volume["name"])
    return {"destination": mount["mountPath"], "type": "bind", "source": source,
            "options": ["rbind", PROPAGATION[mount.get("mountPropagation")], "ro" if mount.get("readOnly") else "rw"]}


def spec_of(pod, bundle):
    """The pod's agent, with its root file system in `rootfs` of the bundle."""
    agent, = pod["containers"]
    context = agent["securityContext"]
    assert context["capabilities"]["drop"] == ["ALL"] and context["seccompProfile"]["type"] == "Unconfined"
    capabilities = ["CAP_" + name for name in context["capabilities"]["add"]]
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    mounts = MOUNTS + [mount_of(mount, volumes[mount["name"]], bundle) for mount in agent["volumeMounts"]]
    spaces = ["mount", "ipc", "uts", "cgroup"] + ([] if pod.get("hostPID") else ["pid"]) + ([] if pod.get("hostNetwork") else ["network"])
    return {
        "ociVersion": "1.0.0",
        "process": {
            "user": {"uid": 0, "gid": 0},
            "args": ["/usr/sbin/policyd"] + [word.replace("$(NODE_NAME)", "node-a") for word in agent["args"]],
            "env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"],
            "cwd": "/",
            "capabilities": {kind: capabilities for kind in ("bounding", "effective", "permitted")},
            "noNewPrivileges": not context["allowPrivilegeEscalation"],
        },
        "root": {"path": "rootfs", "readonly": False},
        "hostname": "node-a",
        "mounts": sorted(mounts, key=lambda mount: mount["destination"].count("/")),
        "linux": {"namespaces": [{"type": kind} for kind in spaces], "cgroupsPath": "/kubepods/policyc", "maskedPaths": MASKED, "readonlyPaths": READ_ONLY,
                  "rootfsPropagation": "rslave"},
    }


def make_bundle(folder, bundle, renderer):
    """Writes to `folder` what is to lie at `bundle` in the guest."""
    daemon_set, config = render(renderer)
    pod = daemon_set["spec"]["template"]["spec"]
    os.makedirs(os.path.join(folder, "rootfs"))
    for volume in pod["volumes"]:
        if volume.get("configMap", {}).get("name") == config["metadata"]["name"]:
            os.makedirs(os.path.join(folder, "volumes", volume["name"]))
            for name, text in config["data"].items():
                with open(os.path.join(folder, "volumes", volume["name"], name), "w", encoding="utf-8") as file:
                    file.write(text)
    with open(os.path.join(folder, "config.json"), "w", encoding="utf-8") as file:
        json.dump(spec_of(pod, bundle), file)
