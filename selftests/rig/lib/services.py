# SPDX-License-Identifier: GPL-2.0-or-later
"""What talks: real TCP and UDP services inside a namespace, and the clients that keep talking while a VM moves."""
import select
import socket
import struct
import threading
import time

from .frames import is_ipv6
from .netns import RigError, inside
from .wire import SO_RCVBUFFORCE, send_many

ECHO_PORT, WHO_PORT, SINK_PORT = 7, 4000, 4001


def family(address):
    return socket.AF_INET6 if is_ipv6(address) else socket.AF_INET


ANY = "::"  # an own address of both families, for whoever listens


def make_socket(namespace, address, kind):
    """Of the family of the address; of both where that is ANY."""
    with inside(namespace):
        sock = socket.socket(family(address), kind)
    if address == ANY:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    return sock


def udp_socket(namespace, address="", port=0, buffer=4 << 20, to=""):
    """address: its own; to: to whom it will talk, where the family matters."""
    sock = make_socket(namespace, address or to, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, buffer)
    sock.bind((address, port))
    return sock


class _Background:
    """A thread with an end: _work() runs until self.over is set."""

    def _start(self):
        self.over = threading.Event()
        self.failure = None
        self.thread = threading.Thread(target=self._guarded, daemon=True)
        self.thread.start()

    def _guarded(self):
        try:
            self._work()
        except OSError as error:
            if not self.over.is_set():
                self.failure = error

    def stop(self, timeout=10):
        self.over.set()
        self.thread.join(timeout)
        if self.thread.is_alive():
            raise RigError(f"{type(self).__name__} does not end")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


class Echo(_Background):
    """TCP: gives back what comes, on any number of connections."""

    def __init__(self, namespace, port=ECHO_PORT):
        self.sock = make_socket(namespace, ANY, socket.SOCK_STREAM)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.sock.bind((ANY, port))
        self.sock.listen(16)
        self._start()

    def _work(self):
        connections = []
        try:
            while not self.over.is_set():
                for sock in select.select([self.sock, *connections], [], [], 0.05)[0]:
                    if sock is self.sock:
                        connections.append(sock.accept()[0])
                    elif data := sock.recv(65536):
                        sock.sendall(data)
                    else:
                        connections.remove(sock)
                        sock.close()
        finally:
            for sock in (self.sock, *connections):
                sock.close()


class Who(_Background):
    """UDP: answers each datagram with its own name and what it was sent."""

    def __init__(self, namespace, answer, address=ANY, port=WHO_PORT):
        self.sock = udp_socket(namespace, address, port)
        self.answer = answer.encode() + b" "
        self._start()

    def _work(self):
        self.sock.settimeout(0.05)
        try:
            while not self.over.is_set():
                try:
                    data, sender = self.sock.recvfrom(2048)
                except socket.timeout:
                    continue
                try:
                    self.sock.sendto(self.answer + data, sender)
                except OSError:
                    pass  # its link is down while the VM moves
        finally:
            self.sock.close()


class Sink:
    """UDP: the kernel keeps what comes; numbers() reads it. The first eight bytes of each datagram are its number."""

    def __init__(self, namespace, address=ANY, port=SINK_PORT):
        self.sock = udp_socket(namespace, address, port, buffer=512 << 20)
        self.sock.setblocking(False)
        self.taken = []

    def numbers(self):
        while True:
            try:
                data = self.sock.recv(2048)
            except BlockingIOError:
                return self.taken
            self.taken.append(struct.unpack("!Q", data[:8])[0])

    def close(self):
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Stream(_Background):
    """Numbered datagrams at a steady rate, in bursts of at most 16; `sent` is how many the kernel took."""

    def __init__(self, namespace, to, rate, size=64, source_port=0):
        self.sock = udp_socket(namespace, port=source_port, to=to[0])
        self.sock.connect(to)
        self.rate, self.filler = rate, bytes(size - 8)
        self.sent = 0
        self._start()

    def _work(self):
        begin = time.monotonic()
        while not self.over.is_set():
            due = int((time.monotonic() - begin) * self.rate) - self.sent
            if due > 256:  # woken late: the rate is a bound, not a debt
                begin += (due - 16) / self.rate
            if due > 0:
                due = min(due, 16)
                send_many(
                    self.sock, [struct.pack("!Q", self.sent + i) + self.filler for i in range(due)], burst=16, pause=0
                )
                self.sent += due
            time.sleep(0.001)

    def stop(self, timeout=10):
        super().stop(timeout)
        self.sock.close()
        if self.failure:
            raise RigError(f"the stream broke off: {self.failure}")


class Rounds(_Background):
    """Numbered datagrams by many ways: one by each of them in every round. ways: (namespace, (address, port)); sent: rounds so far."""

    def __init__(self, ways, rate):
        self.socks = []
        for namespace, to in ways:
            self.socks.append(udp_socket(namespace, to=to[0]))
            self.socks[-1].connect(to)
            self.socks[-1].setblocking(False)
        self.rate, self.sent = rate, 0
        self._start()

    def _work(self):
        due = time.monotonic()
        while not self.over.is_set():
            data = struct.pack("!Q", self.sent).ljust(64)
            for sock in self.socks:
                for _ in range(2):  # what an earlier datagram was answered with is told in place of sending this one
                    try:
                        sock.send(data)
                        break
                    except OSError:
                        pass
            self.sent += 1
            due = max(due + 1 / self.rate, time.monotonic())
            time.sleep(max(due - time.monotonic(), 0))

    def stop(self, timeout=10):
        super().stop(timeout)
        for sock in self.socks:
            sock.close()


class Session(_Background):
    """A TCP connection that says something every few milliseconds and checks that the very same comes back."""

    def __init__(self, namespace, to, interval=0.005):
        self.sock = make_socket(namespace, to[0], socket.SOCK_STREAM)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock.settimeout(5)
        self.sock.connect(to)
        self.local = self.sock.getsockname()
        self.sock.settimeout(20)
        self.interval = interval
        self.exchanges, self.wrong = 0, 0
        self.longest = 0.0
        self._start()

    def _work(self):
        try:
            while not self.over.is_set():
                said = f"{self.exchanges:08d}".encode() * 8
                begin = time.monotonic()
                self.sock.sendall(said)
                heard = b""
                while len(heard) < len(said):
                    piece = self.sock.recv(len(said) - len(heard))
                    if not piece:
                        raise OSError(104, "the peer closed")
                    heard += piece
                self.longest = max(self.longest, time.monotonic() - begin)
                self.wrong += heard != said
                self.exchanges += 1
                time.sleep(self.interval)
        except OSError as error:
            self.failure = error
        finally:
            self.sock.close()


class Questions(_Background):
    """Asks a Who once a millisecond or so and notes who answered when."""

    def __init__(self, namespace, to, interval=0.001, source=""):
        self.sock = udp_socket(namespace, source, to=to[0])
        self.sock.connect(to)
        self.sock.setblocking(False)
        self.interval = interval
        self.asked = 0
        self.answers = []  # (monotonic time, name, number of the question)
        self._start()

    def _work(self):
        due = time.monotonic()
        while not self.over.is_set():
            try:
                self.sock.send(str(self.asked).encode())
                self.asked += 1
            except OSError:
                pass  # an ICMP error about an earlier one: it counts as unanswered
            due = max(due + self.interval, time.monotonic())
            while True:
                left = due - time.monotonic()
                if not select.select([self.sock], [], [], max(left, 0))[0]:
                    break
                self._take()
                if left <= 0:
                    break

    def _take(self):
        try:
            name, number = self.sock.recv(2048).decode().rsplit(" ", 1)
        except OSError:
            return
        self.answers.append((time.monotonic(), name, int(number)))

    def stop(self, timeout=10):
        super().stop(timeout)
        time.sleep(0.02)
        while select.select([self.sock], [], [], 0)[0]:
            self._take()
        self.sock.close()

    def by_name(self):
        count = {}
        for _, name, _ in self.answers:
            count[name] = count.get(name, 0) + 1
        return count

    def wait_for(self, name, timeout, after=0.0):
        """Time of the first answer by `name` that came after `after`; None when the time is over."""
        end = time.monotonic() + timeout
        seen = 0
        while time.monotonic() < end:
            while seen < len(self.answers):
                when, who, _ = self.answers[seen]
                seen += 1
                if who == name and when > after:
                    return when
            time.sleep(0.002)
        return None


def ask(namespace, to, source="", timeout=2.0, tries=5):
    """One answer of a Who, or None."""
    sock = udp_socket(namespace, source, to=to[0])
    try:
        sock.connect(to)
        sock.settimeout(timeout / tries)
        for _ in range(tries):
            try:
                sock.send(b"0")
                return sock.recv(2048).decode().rsplit(" ", 1)[0]
            except OSError:
                time.sleep(0.01)
        return None
    finally:
        sock.close()
