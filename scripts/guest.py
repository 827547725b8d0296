# SPDX-License-Identifier: GPL-2.0-or-later
"""Virtual machines with the kernels that users have, under QEMU: where kernels come from, what an initramfs is, how one is booted.

A kernel is unpacked below build/kernels and not installed. A guest begins as an initramfs of busybox and a few files; with share() it
goes on in the host's own file system, which it reads and does not change (what it writes is in its memory), so it has the programs
and libraries of the host and nothing is built twice. There is no KVM everywhere: emulation does, slowly."""
import glob
import lzma
import os
import re
import subprocess
import sys

TOP = os.path.abspath(os.path.join(os.path.dirname(__file__), ".."))
KERNELS = {"6.1": "linux-image-amd64", "6.12": "linux-image-6.12-amd64"}  # Debian 12's own and its newest
PACKAGES = ("qemu-system-x86", "busybox-static", "kmod")
SHARED_BY = ("virtio_pci", "9pnet_virtio", "9p", "overlay")  # modules that the host's file system needs

BEGIN = """#!/bin/busybox sh
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sysfs /sys
echo # the firmware leaves a line begun
echo "kernel $(/bin/busybox uname -r)"
"""
END = """echo "end $?"
/bin/busybox poweroff -f
"""
# pid 1's root is where the kernel looks for modprobe, hence switch_root.
SHARE = """cd /modules
for module in {modules}; do /bin/busybox insmod $module || echo "$module: refused"; done
cd /
/bin/busybox mkdir /host /over /new
/bin/busybox mount -t 9p -o trans=virtio,version=9p2000.L,ro,msize=262144,cache=loose host /host
/bin/busybox mount -t tmpfs tmpfs /over
/bin/busybox mkdir /over/upper /over/work
/bin/busybox mount -t overlay -o lowerdir=/host,upperdir=/over/upper,workdir=/over/work overlay /new
for folder in proc sys; do /bin/busybox mount --move /$folder /new/$folder; done
/bin/busybox mount -t devtmpfs devtmpfs /new/dev
/bin/busybox mount -t tmpfs tmpfs /new/run
/bin/busybox mkdir -p /new/run/lock /new/run/netns /new/lib/modules
/bin/busybox cp /second /new/run/second
exec /bin/busybox switch_root /new /bin/busybox sh /run/second
"""
SECOND = """export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root PYTHONDONTWRITEBYTECODE=1
ln -sfn {modules} /lib/modules/$(uname -r)
ip link set lo up
mount -t bpf bpf /sys/fs/bpf
cd {top}
{command}
"""


def say(words):
    print(f"{os.path.basename(sys.argv[0])}: {words}", file=sys.stderr)


def fail(why):
    say(why)
    sys.exit(1)


def run(*command, **options):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", **options)
    if done.returncode:
        fail(f"{' '.join(command)}: {done.stdout.strip()[-600:]}")
    return done.stdout


def installed(package):
    done = subprocess.run(
        ["dpkg-query", "-W", "-f", "${db:Status-Status}", package], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    return done.stdout == "installed"


def install(packages):
    missing = [package for package in packages if not installed(package)]
    if missing:
        say(f"installing {' '.join(missing)}")
        run("apt-get", "update")
        env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        run("apt-get", "install", "-y", "--no-install-recommends", *missing, env=env)


class Kernel:
    """What a package that always means the newest depends on, unpacked, with its modules in order."""

    def __init__(self, package):
        named = re.findall(r"^\s*Depends: (linux-image-\S+)$", run("apt-cache", "depends", package), re.M)
        if not named:
            fail(f"{package}: its kernel is not known: apt-get update?")
        self.release = named[0][len("linux-image-") :]
        into = os.path.join(TOP, "build/kernels", named[0])
        self.image = os.path.join(into, "boot/vmlinuz-" + self.release)
        self.modules = os.path.join(into, "lib/modules", self.release)
        if not os.path.exists(os.path.join(self.modules, "modules.dep")):
            say(f"downloading {named[0]}")
            os.makedirs(into, exist_ok=True)
            run("apt-get", "download", named[0], cwd=into)
            for archive in glob.glob(os.path.join(into, "*.deb")):
                run("dpkg-deb", "-x", archive, into)
                os.unlink(archive)
            run("depmod", "-b", into, self.release)

    def module_files(self, names):
        """Files of modules and what they need, each after what it needs. What is built in needs no file."""
        needs, order = {}, []
        with open(os.path.join(self.modules, "modules.dep"), encoding="ascii") as file:
            for line in file:
                path, others = line.split(":", 1)
                needs[path] = others.split()
        by_name = {os.path.basename(path).split(".ko")[0].replace("-", "_"): path for path in needs}

        def add(path):
            for other in needs[path]:
                add(other)
            if path not in order:
                order.append(path)

        for name in names:
            if name in by_name:
                add(by_name[name])
        return [os.path.join(self.modules, path) for path in order]


def libraries(program):
    """What the dynamic linker loads, itself included: path there and here are the same."""
    return sorted(set(re.findall(r"(/\S+) \(0x", run("ldd", program))))


def _entry(name, mode, data=b""):
    """One member of an archive as the kernel unpacks it (cpio's newc)."""
    fields = (0, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0)
    head = b"070701" + b"".join(b"%08x" % field for field in fields) + name.encode() + b"\0"
    return head + b"\0" * (-len(head) % 4) + data + b"\0" * (-len(data) % 4)


def _content(path):
    with lzma.open(path) if path.endswith(".xz") else open(path, "rb") as file:
        return file.read()


def initramfs(target, commands, files=(), texts=None):
    """An archive whose init runs `commands`. files: {name there: path here}; texts: {name there: content}."""
    content = {"bin/busybox": _content("/bin/busybox"), **{name: _content(path) for name, path in dict(files).items()}}
    content.update({name: text.encode() for name, text in {**(texts or {}), "init": BEGIN + commands}.items()})
    folders = {"proc", "sys", "dev"}
    for name in content:
        while os.path.dirname(name):
            name = os.path.dirname(name)
            folders.add(name)
    archive = b"".join(_entry(folder, 0o040755) for folder in sorted(folders))
    archive += b"".join(_entry(name, 0o100755, data) for name, data in content.items())
    with open(target, "wb") as file:
        file.write(archive + _entry("TRAILER!!!", 0))
    return target


def share(target, kernel, command):
    """An initramfs that runs `command` (the shell's) in TOP, in the host's file system."""
    files = {}
    for path in kernel.module_files(SHARED_BY):
        files["modules/" + os.path.basename(path).removesuffix(".xz")] = path
    second = SECOND.format(modules=kernel.modules, top=TOP, command=command) + END
    names = " ".join(os.path.basename(name) for name in files)
    return initramfs(target, SHARE.format(modules=names), files, {"second": second})


SHARE_OPTIONS = (
    *("-fsdev", "local,id=host,path=/,security_model=none,readonly=on,multidevs=remap"),
    *("-device", "virtio-9p-pci,fsdev=host,mount_tag=host"),
)


def boot(image, archive, *options, memory=1024, limit=900, hear=None):
    """Boots and returns all that was said; hear: called with each line as it comes. It must say "end N" within `limit` seconds. The
    guest ends with us, whatever ends us."""
    command = [
        *("setpriv", "--pdeathsig", "TERM"),
        *("timeout", "--kill-after=10", str(limit)),
        *("qemu-system-x86_64", "-accel", "tcg,thread=multi", "-cpu", "max", "-m", str(memory), "-nographic", "-no-reboot"),
        *("-nic", "none", "-kernel", image, "-initrd", archive, "-append", "console=ttyS0 quiet panic=-1 no_timer_check"),
        *options,
    ]
    said = []
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as guest:
        for line in guest.stdout:
            said.append(line)
            if hear:
                hear(line.rstrip())
    said = "".join(said)
    if not re.search(r"^end \d", said, re.M):
        fail(f"{os.path.basename(image)}: it did not come to an end:\n{said[-2000:]}")
    return said
