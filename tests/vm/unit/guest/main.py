"""What the unit and the package have to do on a real system, step by step; each step starts where the one before ended."""
import os
import shutil
import signal
import socket
import time
import traceback
import urllib.request

import manifests
from manifests import NODE_PORT, SERVICE_ADDRESS
from node import (BUNDLE, CONFIGURATION, MANIFESTS, Container, Pod, Server, Stream, Unit, ask, ask_past_the_socket, capabilities_of, children_of, eventually, is_denied, make_socket, not_denied,
                  run, status_of, write)

UNIT = Unit()
OUTSIDE, NODE = "192.0.2.2", "192.0.2.1"
GRACE_RECORD = "/run/policyc-expedited/lock"  # made by whoever expedites them
OBJECTS = "/sys/fs/bpf/policyc"
WATCHDOG_SECONDS = 30
KEPT_COMMENT = "# Written by who runs this node.\n"


class Steps:
    """Functions named step_*, run in the order in which they stand here."""

    def __init__(self):
        self.pods = {}

    # -- helpers

    def web(self):
        return self.pods["web"].address

    def in_force(self):
        assert eventually(UNIT.is_in_force), UNIT.do("status", code=None)

    def enforced(self):
        """One connection allowed, two denied: by who asks, and by the port."""
        assert ask("client", self.web(), 8080).startswith("web to 10.244.1."), "allowed"
        assert not_denied(("stranger", self.web(), 8080), ("client", self.web(), 8081)) == []

    def reached_from_outside(self):
        """By a service's port of the node, through a device: packets alone."""
        assert ask_past_the_socket("outside", NODE, NODE_PORT) == (f"web to {OUTSIDE} hello".encode(), (NODE, NODE_PORT))

    def stream(self):
        return Stream("client", self.web(), 8080)

    def configure(self, text):
        write(CONFIGURATION, KEPT_COMMENT + text)

    def installed_version(self):
        return run("dpkg-query", "-W", "-f", "${Version}", "policyc")

    # -- steps

    def step_installed_it_runs_nothing(self):
        run("dpkg", "-i", "/test/policyc.deb")
        assert UNIT.ActiveState == "inactive"
        assert os.listdir(MANIFESTS) == []

    def step_systemd_finds_nothing_wrong_with_the_unit(self):
        assert run("systemd-analyze", "verify", "--man=no", "/lib/systemd/system/policyd.service") == ""
        print(run("systemd-analyze", "security", "--threshold=40", "policyd.service").splitlines()[-1])

    def step_tries_until_its_device_is_there(self):
        self.configure(manifests.CONFIGURATION)
        write(f"{MANIFESTS}/cluster.yaml", manifests.CLUSTER)
        write(f"{MANIFESTS}/web.yaml", manifests.POLICY)
        run("systemctl", "enable", "policyd.service")
        UNIT.do("start", code=1)
        assert "uplink" in UNIT.log(), UNIT.log()
        assert UNIT.StartLimitIntervalUSec == "0", "it gives up"
        assert UNIT.ActiveState == "activating", UNIT.ActiveState
        run("ip", "netns", "add", "outside")
        run("ip", "link", "add", "uplink", "type", "veth", "peer", "name", "eth0", "netns", "outside")
        run("ip", "address", "add", f"{NODE}/24", "dev", "uplink")
        run("ip", "link", "set", "uplink", "up")
        for words in (("address", "add", f"{OUTSIDE}/24", "dev", "eth0"), ("link", "set", "eth0", "up"), ("link", "set", "lo", "up")):
            run("ip", "-n", "outside", *words)
        self.in_force()
        assert int(UNIT.NRestarts) >= 1

    def step_tells_how_it_is(self):
        assert "in force: 1 policies" in UNIT.do("status")
        run("policyc", "status")
        with urllib.request.urlopen("http://127.0.0.1:9879/healthz") as page:
            assert page.status == 200

    def step_has_its_capabilities_and_the_compiler_none(self):
        agent = status_of(UNIT.pid)
        assert set(capabilities_of(UNIT.pid)) == set(UNIT.CapabilityBoundingSet.split()), UNIT.CapabilityBoundingSet
        assert (agent["NoNewPrivs"], agent["Seccomp"]) == ("1", "2")
        compiler, = children_of(UNIT.pid)
        found = status_of(compiler)
        for name in ("CapEff", "CapPrm", "CapBnd", "CapInh", "CapAmb"):
            assert int(found[name], 16) == 0, (name, found[name])
        assert (found["Uid"].split()[0], found["NoNewPrivs"], found["Seccomp"]) == ("65534", "1", "2"), found
        spaces = [os.stat(f"/proc/{pid}/ns/{kind}").st_ino for kind in ("net", "mnt", "ipc", "uts") for pid in (UNIT.pid, compiler)]
        assert len(set(spaces)) == len(spaces), "the compiler process shares a namespace"

    def step_enforces_policy_on_pods(self):
        for name in ("web", "client", "stranger"):
            self.pods[name] = Pod(name)
        for port in (8080, 8081):
            Server("web", "web", port)
        Server("outside", "outside", 8080)
        self.enforced()
        assert os.path.exists(GRACE_RECORD), "grace periods are not expedited"

    def step_balances_services(self):
        write(f"{MANIFESTS}/service.yaml", manifests.SERVICE + "---\n" + manifests.slice_of(self.web()))
        assert eventually(lambda: "shop/web" in run("policyc", "service", "list")), "no service"
        answer = f"web to {self.pods['client'].address}"
        assert ask("client", SERVICE_ADDRESS, 80) == answer, "a socket of a pod"
        assert ask(None, SERVICE_ADDRESS, 80).startswith("web"), "a socket of the node"
        self.reached_from_outside()
        assert is_denied("stranger", SERVICE_ADDRESS, 80)

    def step_masquerades(self):
        assert ask("client", OUTSIDE, 8080) == f"outside to {NODE}"

    def step_cuts_sockets_in_namespaces_of_pods(self):
        with make_socket("client", socket.SOCK_DGRAM) as client:
            client.settimeout(10)
            client.connect((SERVICE_ADDRESS, 80))
            client.send(b"hello")
            assert client.recv(100).endswith(b"hello")
            write(f"{MANIFESTS}/service.yaml", manifests.SERVICE + "---\n" + manifests.slice_of())
            client.settimeout(30)
            try:
                client.recv(10)
                raise AssertionError("a datagram")
            except ConnectionAbortedError:
                pass
        write(f"{MANIFESTS}/service.yaml", manifests.SERVICE + "---\n" + manifests.slice_of(self.web()))

    def step_reads_manifests_of_others(self):
        os.chown(f"{MANIFESTS}/web.yaml", 1234, 1234)
        os.chmod(f"{MANIFESTS}/web.yaml", 0o600)
        write("/etc/policyc/other.yaml", manifests.POLICY.replace("app: client}", "app: stranger}"))
        os.chown("/etc/policyc/other.yaml", 1234, 1234)
        os.chmod("/etc/policyc/other.yaml", 0o600)
        os.rename("/etc/policyc/other.yaml", f"{MANIFESTS}/web.yaml")
        assert eventually(lambda: not is_denied("stranger", self.web(), 8080)), UNIT.log()
        write(f"{MANIFESTS}/web.yaml", manifests.POLICY)
        assert eventually(lambda: is_denied("stranger", self.web(), 8080)), UNIT.log()
        self.enforced()

    def step_reloads(self):
        before = UNIT.pid
        self.configure(manifests.CONFIGURATION + "policy-audit-mode: true\n")
        UNIT.do("reload")
        assert eventually(lambda: UNIT.StatusText == "reloaded"), UNIT.StatusText
        assert eventually(lambda: not is_denied("stranger", self.web(), 8080)), "audit mode"
        self.configure(manifests.CONFIGURATION)
        UNIT.do("reload")
        assert eventually(lambda: is_denied("stranger", self.web(), 8080)), "audit mode stays"
        assert (UNIT.pid, UNIT.ActiveState) == (before, "active")

    def step_a_reload_of_what_is_wrong_fails_and_changes_nothing(self):
        before = UNIT.pid
        self.configure("enable-policy: sometimes\n")
        UNIT.do("reload", code=1)
        assert f"{CONFIGURATION}:2:16" in UNIT.log(5), UNIT.log(5)
        assert (UNIT.pid, UNIT.ActiveState) == (before, "active")
        self.configure(manifests.CONFIGURATION)
        self.enforced()

    def step_lives_longer_than_its_watchdog_s_patience(self):
        started = int(UNIT.ActiveEnterTimestampMonotonic)
        restarts = UNIT.NRestarts
        assert eventually(lambda: time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000 - started > (WATCHDOG_SECONDS + 3) * 1_000_000), "clock"
        assert (UNIT.ActiveState, UNIT.NRestarts) == ("active", restarts)

    def step_killed_it_comes_back_and_nothing_is_lost(self):
        before, restarts = UNIT.pid, int(UNIT.NRestarts)
        with self.stream() as stream:
            time.sleep(0.5)
            os.kill(before, signal.SIGKILL)
            assert eventually(lambda: int(UNIT.NRestarts) > restarts), UNIT.NRestarts
            self.in_force()
        stream.check()
        assert UNIT.pid != before
        self.enforced()

    def step_the_watchdog_restarts_one_that_hangs(self):
        before, restarts = UNIT.pid, int(UNIT.NRestarts)
        assert UNIT.WatchdogUSec == f"{WATCHDOG_SECONDS}s", UNIT.WatchdogUSec
        with self.stream() as stream:
            os.kill(before, signal.SIGSTOP)
            self.enforced()
            assert eventually(lambda: int(UNIT.NRestarts) > restarts), UNIT.do("status")
            self.in_force()
        stream.check()
        assert "Watchdog timeout" in UNIT.log(), UNIT.log()
        self.enforced()

    def step_stopped_the_datapath_stays(self):
        with self.stream() as stream:
            UNIT.do("stop")
        stream.check()
        assert (UNIT.ActiveState, UNIT.Result) == ("inactive", "success")
        self.enforced()
        self.reached_from_outside()

    def step_an_upgrade_of_one_that_is_stopped_does_not_start_it(self):
        run("dpkg", "-i", "/test/policyc.deb")
        assert UNIT.ActiveState == "inactive"

    def step_a_wrong_configuration_is_told_once(self):
        self.configure("enable-policy: sometimes\n")
        UNIT.do("start", code=1)
        assert (UNIT.ActiveState, UNIT.Result) == ("failed", "exit-code"), UNIT.Result
        assert f"{CONFIGURATION}:2:16" in UNIT.log(5), UNIT.log(5)
        restarts = UNIT.NRestarts
        time.sleep(3)
        assert (UNIT.ActiveState, UNIT.NRestarts) == ("failed", restarts)
        self.configure(manifests.CONFIGURATION)
        # A guest that gets hardly any time may need another try, which systemd gives it.
        UNIT.do("start", code=None)
        self.in_force()
        assert (UNIT.SubState, UNIT.Result) == ("running", "success")
        self.enforced()

    def step_upgraded_it_restarts_and_keeps_the_configuration(self):
        before, version = UNIT.pid, self.installed_version()
        with self.stream() as stream:
            run("dpkg", "-i", "/test/later.deb")
            assert self.installed_version() == version + "+later"
            self.in_force()
        stream.check()
        assert UNIT.pid != before
        with open(CONFIGURATION, encoding="utf-8") as file:
            assert file.readline() == KEPT_COMMENT
        assert UNIT.UnitFileState == "enabled"
        self.enforced()

    def step_removed_the_node_is_as_it_was(self):
        with self.stream() as stream:
            said = run("dpkg", "--remove", "policyc")
        stream.check()
        assert "stay enforced" in said, said
        assert UNIT.ActiveState == "inactive"
        assert UNIT.LoadState == "not-found"
        for path in (CONFIGURATION, f"{MANIFESTS}/web.yaml", "/var/lib/policyc/ipam", "/run/policyc", OBJECTS):
            assert os.path.exists(path), path
        self.enforced()

    def step_installed_again_it_is_enabled_as_before(self):
        run("dpkg", "-i", "/test/policyc.deb")
        assert (UNIT.UnitFileState, UNIT.ActiveState) == ("enabled", "inactive")

    def step_the_chart_s_container_takes_over_and_does_the_same(self):
        run("mount", "--bind", "/", f"{BUNDLE}/rootfs")
        container = Container()
        assert eventually(container.is_well), container.log()
        assert set(capabilities_of(container.pid)) == set(container.capabilities()), container.log()
        for capability in container.capabilities():
            assert capability in UNIT.CapabilityBoundingSet.split(), capability
        assert "adopted 3 endpoints" in container.log(), container.log()
        self.enforced()
        write(f"{MANIFESTS}/web.yaml", manifests.POLICY.replace("app: client}", "app: stranger}"))
        assert eventually(lambda: not is_denied("stranger", self.web(), 8080)), container.log()
        write(f"{MANIFESTS}/web.yaml", manifests.POLICY)
        assert eventually(lambda: is_denied("stranger", self.web(), 8080)), container.log()
        os.remove(GRACE_RECORD)
        self.pods["late"] = Pod("late")
        assert os.path.exists(GRACE_RECORD), "grace periods are not expedited"
        self.step_cuts_sockets_in_namespaces_of_pods()
        self.step_balances_services()
        container.stop()
        self.enforced()

    def step_purged_after_a_cleanup_nothing_is_left(self):
        for pod in self.pods.values():
            pod.remove()
        UNIT.do("stop")
        run("policyd", "--cleanup")
        shutil.rmtree(MANIFESTS)
        run("dpkg", "--purge", "policyc")
        for path in ("/etc/policyc", "/var/lib/policyc", "/run/policyc", "/run/policyc-expedited", OBJECTS, "/etc/systemd/system/multi-user.target.wants/policyd.service"):
            assert not os.path.lexists(path), path
        assert "policyc" not in run("tc", "filter", "show", "dev", "uplink", "ingress")


def main():
    steps = Steps()
    names = [name for name in Steps.__dict__ if name.startswith("step_")]
    for name in names:
        begun = time.monotonic()
        try:
            getattr(steps, name)()
        except Exception:  # pylint: disable=broad-exception-caught
            print(f"FAILED: {name}\n{traceback.format_exc()}\n{UNIT.log()}")
            for words in (("status",), ("endpoint", "list"), ("policy", "list"), ("service", "list"), ("observe", "--last", "10")):
                print(f"policyc {' '.join(words)}:\n{run('policyc', *words, code=None)}", flush=True)
            return
        print(f"  {name.removeprefix('step_').replace('_', ' ')}: ok, {time.monotonic() - begun:.1f} s", flush=True)
    print(f"@vm passed {len(names)}", flush=True)


if __name__ == "__main__":
    main()
