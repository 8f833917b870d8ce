"""The guest as a node: systemd and dpkg, pods as network namespaces, connections between them."""
import concurrent.futures
import contextlib
import ctypes
import json
import os
import re
import socket
import struct
import subprocess
import threading
import time

LIBC = ctypes.CDLL(None, use_errno=True)
BUNDLE = "/test/bundle"
CONFIGURATION = "/etc/policyc/policyd.yaml"
MANIFESTS = "/etc/policyc/manifests"
ALLOWED_SECONDS = 30  # everything here is emulated
DENIED_SECONDS = 1
NETWORK = {"cniVersion": "1.1.0", "name": "pods", "type": "policyc-cni", "ipam": {"type": "policyc", "ranges": [[{"subnet": "10.244.1.0/24"}]]}}


def run(*words, code=0, **options):
    """Standard output and error of a command that ends with `code` (None: with any)."""
    done = subprocess.run(words, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)
    assert code is None or done.returncode == code, f"{words} ended with {done.returncode}:\n{done.stdout}"
    return done.stdout


def eventually(holds, seconds=300):  # far more than it takes on a machine that is busy
    end = time.monotonic() + seconds
    while True:
        found = holds()
        if found or time.monotonic() > end:
            return found
        time.sleep(0.1)


def write(path, text):
    with open(path + ".new", "w", encoding="utf-8") as file:
        file.write(text)
    os.rename(path + ".new", path)


class Unit:
    """policyd.service."""

    NAME = "policyd.service"

    def __getattr__(self, name):
        """A property as systemd has it now."""
        return run("systemctl", "show", self.NAME, "--value", "-p", name).strip()

    @property
    def pid(self):
        return int(self.MainPID)

    def is_in_force(self):
        return self.ActiveState == "active" and self.StatusText.startswith("in force")

    def do(self, verb, code=0):
        return run("systemctl", verb, self.NAME, code=code)

    def log(self, lines=50):
        return run("journalctl", "--no-pager", "-q", "-u", self.NAME, "-n", str(lines), "-o", "short-monotonic")


def status_of(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        return dict(re.findall(r"^(\w+):\s*(.*)$", file.read(), re.MULTILINE))


def capabilities_of(pid):
    """Names of those in effect."""
    return run("/sbin/capsh", "--decode=" + status_of(pid)["CapEff"]).strip().split("=")[1].split(",")


def children_of(pid):
    return [int(name) for name in os.listdir("/proc") if name.isdigit() and status_of(name).get("PPid") == str(pid)]


class Container:
    """The agent of BUNDLE."""

    NAME = "agent"

    def __init__(self):
        with open(self.NAME + ".log", "wb") as log:
            done = subprocess.run(["crun", "run", "--detach", "--bundle", BUNDLE, self.NAME], check=False, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        assert done.returncode == 0, self.log()
        self.pid = json.loads(run("crun", "state", self.NAME))["pid"]

    def log(self):
        with open(self.NAME + ".log", encoding="utf-8") as file:
            return file.read()

    def capabilities(self):
        """Names of those that it is given."""
        with open(f"{BUNDLE}/config.json", encoding="utf-8") as file:
            return [name.lower() for name in json.load(file)["process"]["capabilities"]["bounding"]]

    def is_well(self):
        done = subprocess.run(["policyc", "status"], check=False, capture_output=True, text=True)
        return done.returncode == 0 and "healthy" in done.stdout and "in force everywhere" in done.stdout

    def stop(self):
        run("crun", "kill", self.NAME, "TERM")
        assert eventually(lambda: json.loads(run("crun", "state", self.NAME))["status"] == "stopped"), self.log()
        run("crun", "delete", self.NAME)


@contextlib.contextmanager
def inside(namespace):
    """This thread in a network namespace of /run/netns; None: in the node's."""
    if namespace is None:
        yield
        return
    with open("/proc/thread-self/ns/net", "rb") as own, open(f"/run/netns/{namespace}", "rb") as other:
        assert LIBC.setns(other.fileno(), 0) == 0, namespace
        try:
            yield
        finally:
            assert LIBC.setns(own.fileno(), 0) == 0


def make_socket(namespace, kind=socket.SOCK_STREAM):
    with inside(namespace):
        return socket.socket(socket.AF_INET, kind)


def ask(namespace, address, port):
    """What the server there says, or nothing: who answered, and whom it saw."""
    with make_socket(namespace) as client:
        client.settimeout(ALLOWED_SECONDS)
        client.connect((address, port))
        return client.recv(100).decode()


def is_denied(namespace, address, port):
    with make_socket(namespace) as client:
        client.settimeout(DENIED_SECONDS)
        try:
            client.connect((address, port))
        except TimeoutError:
            return True
        return False


def ask_past_the_socket(namespace, address, port):
    """The same for a datagram that no program at a socket has translated: what a client on another machine would send."""
    with make_socket(namespace, socket.SOCK_DGRAM) as client, inside(namespace), socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP) as raw:
        client.bind(("0.0.0.0", 0))
        client.settimeout(ALLOWED_SECONDS)
        text = b"hello"
        raw.sendto(struct.pack("!HHHH", client.getsockname()[1], port, 8 + len(text), 0) + text, (address, 0))
        return client.recvfrom(100)


def not_denied(*attempts):
    """Which of them (namespace, address, port) came through, all asked at once."""
    with concurrent.futures.ThreadPoolExecutor(len(attempts)) as pool:
        return [attempt for attempt, denied in zip(attempts, pool.map(lambda attempt: is_denied(*attempt), attempts)) if not denied]


class Server:
    """Tells each connection, and with each datagram, its name and the client's address; datagrams come back behind that."""

    def __init__(self, namespace, name, port):
        self.name = name
        self.stream, self.datagrams = make_socket(namespace), make_socket(namespace, socket.SOCK_DGRAM)
        for one in (self.stream, self.datagrams):
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            one.bind(("0.0.0.0", port))
        self.stream.listen(16)
        for work in (self.accept, self.echo):
            threading.Thread(target=work, daemon=True).start()

    def accept(self):
        while True:
            connection, client = self.stream.accept()
            with connection, contextlib.suppress(OSError):
                connection.sendall(f"{self.name} to {client[0]}".encode())

    def echo(self):
        while True:
            text, client = self.datagrams.recvfrom(100)
            self.datagrams.sendto(f"{self.name} to {client[0]} {text.decode()}".encode(), client)


class Stream:
    """Datagrams with numbers, fifty a second, to a server that sends them back, while a `with` block runs. None may be lost."""

    def __init__(self, namespace, address, port):
        self.socket = make_socket(namespace, socket.SOCK_DGRAM)
        self.socket.connect((address, port))
        self.socket.settimeout(0.02)
        self.sent, self.received, self.stopped = 0, set(), False
        self.thread = threading.Thread(target=self.work)

    def work(self):
        drained = 0
        while not self.stopped or (len(self.received) < self.sent and drained < 100):
            if self.stopped:
                drained += 1
            else:
                self.socket.send(str(self.sent).encode())
                self.sent += 1
                time.sleep(0.01)
            with contextlib.suppress(TimeoutError):
                self.received.add(int(self.socket.recv(100).split()[-1]))

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopped = True
        self.thread.join()
        self.socket.close()

    def check(self):
        assert self.sent > 20, self.sent
        assert len(self.received) == self.sent, f"{self.sent - len(self.received)} of {self.sent} datagrams are lost"


class Pod:
    """A network namespace that the plugin connects, as a container runtime has it done."""

    def __init__(self, name):
        self.name = name
        run("ip", "netns", "add", name)
        self.address = self.plugin("ADD")["ips"][0]["address"].split("/")[0]

    def plugin(self, command):
        environment = {"CNI_COMMAND": command, "CNI_CONTAINERID": "container-" + self.name, "CNI_NETNS": f"/run/netns/{self.name}", "CNI_IFNAME": "eth0",
                       "CNI_PATH": "/usr/lib/cni", "CNI_ARGS": f"K8S_POD_NAMESPACE=shop;K8S_POD_NAME={self.name}"}
        text = run("/usr/lib/cni/policyc-cni", input=json.dumps(NETWORK), env=environment)
        return json.loads(text) if text else None

    def remove(self):
        self.plugin("DEL")
        run("ip", "netns", "delete", self.name)
