"""A Debian system made of packages that this machine has installed: nothing is fetched, and libraries are those that the build linked."""
import os
import re
import shutil
import subprocess

DATABASE = "/var/lib/dpkg"
# What nobody reads in a guest.
LEFT_OUT = ("/usr/share/doc/", "/usr/share/man/", "/usr/share/info/", "/usr/share/locale/", "/usr/share/i18n/", "/usr/share/lintian/", "/usr/share/bug/")
FOLDERS = ["dev", "proc", "sys", "run", "tmp", "root", "etc", "var/log", "var/tmp", *[f"var/lib/dpkg/{name}" for name in ("alternatives", "info", "parts", "triggers", "updates")]]


class Installed:
    """The packages of this machine's architecture, as dpkg's database has them."""

    def __init__(self, status, architecture):
        self.stanzas, self.fields, self.providers = {}, {}, {}
        for stanza in status.strip().split("\n\n"):
            fields = dict(re.findall(r"^([A-Za-z-]+): (.*)$", stanza, re.MULTILINE))
            if fields.get("Status") != "install ok installed" or fields["Architecture"] not in (architecture, "all"):
                continue
            name = fields["Package"]
            self.stanzas[name], self.fields[name] = stanza, fields
            for provided in names_in(fields.get("Provides", "")):
                self.providers.setdefault(provided, name)

    @classmethod
    def of_this_machine(cls):
        with open(f"{DATABASE}/status", encoding="utf-8") as file:
            return cls(file.read(), subprocess.run(["dpkg", "--print-architecture"], capture_output=True, text=True, check=True).stdout.strip())

    def satisfying(self, alternatives):
        """The package that stands for "a | b", or nothing."""
        for name in alternatives:
            if name in self.stanzas or name in self.providers:
                return name if name in self.stanzas else self.providers[name]
        return None

    def closure(self, wanted):
        """`wanted` (each a dependency as control files have it), the essential packages, and all that these depend on."""
        found = set()
        ahead = [name for name, fields in self.fields.items() if fields.get("Essential") == "yes"]
        for dependency in wanted:
            name = self.satisfying(alternatives_in(dependency))
            if not name:
                raise SystemExit(f"no package on this machine satisfies {dependency}: scripts/test installs it")
            ahead.append(name)
        while ahead:
            name = ahead.pop()
            if name in found:
                continue
            found.add(name)
            for field in ("Depends", "Pre-Depends"):
                for dependency in filter(None, self.fields[name].get(field, "").split(",")):
                    needed = self.satisfying(alternatives_in(dependency))
                    if needed:
                        ahead.append(needed)
        return found

    def database_files(self, name, kind):
        """What dpkg has of a package: its list of files ("list") or a script of its maintainer."""
        for path in (f"{DATABASE}/info/{name}.{kind}", f"{DATABASE}/info/{name}:{self.fields[name]['Architecture']}.{kind}"):
            if os.path.exists(path):
                yield path


def names_in(field):
    return [part.split("(")[0].strip().split(":")[0] for part in field.split(",") if part.strip()]


def alternatives_in(dependency):
    return [name for part in dependency.split("|") for name in names_in(part)]


def copy(path, root):
    target = root + path
    if os.path.islink(path):
        if not os.path.lexists(target):
            os.makedirs(os.path.dirname(target), exist_ok=True)
            os.symlink(os.readlink(path), target)
    elif os.path.isdir(path):
        os.makedirs(target, exist_ok=True)
        shutil.copystat(path, target)
    elif os.path.isfile(path):
        os.makedirs(os.path.dirname(target), exist_ok=True)
        shutil.copy2(path, target)


def populate(root, wanted):
    """Makes `root` a system of the packages `wanted`, in which dpkg knows them. Answers their names."""
    machine = Installed.of_this_machine()
    names = machine.closure(wanted)
    shutil.rmtree(root, ignore_errors=True)
    for folder in FOLDERS:
        os.makedirs(os.path.join(root, folder))
    os.chmod(os.path.join(root, "tmp"), 0o1777)
    for link in ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"):
        if os.path.islink(link):
            os.makedirs(os.path.join(root, os.readlink(link)), exist_ok=True)
            copy(link, root)
    for name in sorted(names):
        for listing in machine.database_files(name, "list"):
            shutil.copy2(listing, root + listing)
            with open(listing, encoding="utf-8") as file:
                for path in file.read().splitlines():
                    if path != "/." and not path.startswith(LEFT_OUT):
                        copy(path, root)
    with open(f"{root}{DATABASE}/status", "w", encoding="utf-8") as file:
        file.write("\n".join(machine.stanzas[name] + "\n" for name in sorted(names)))
    # Users of a fresh system, not of this one.
    for kind in ("passwd", "group"):
        shutil.copy2(f"/usr/share/base-passwd/{kind}.master", f"{root}/etc/{kind}")
    subprocess.run(["ldconfig", "-r", root], check=True)
    return names
