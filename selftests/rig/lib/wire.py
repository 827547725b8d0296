# SPDX-License-Identifier: GPL-2.0-or-later
"""Raw access to a device: many frames out at once, frames in with the tags that the kernel has put beside them."""
import ctypes
import os
import socket
import struct
import subprocess
import time

from .netns import inside

ETH_P_ALL = 3
SOL_PACKET, PACKET_AUXDATA, PACKET_IGNORE_OUTGOING = 263, 8, 23
TP_STATUS_VLAN_VALID = 1 << 4
SO_RCVBUFFORCE = 33
PACKET_OUTGOING = 4  # of a frame that a packet socket hears
_libc = ctypes.CDLL(None, use_errno=True)


class _Iovec(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]


class _Header(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.c_void_p),
        ("name_length", ctypes.c_uint32),
        ("iov", ctypes.POINTER(_Iovec)),
        ("iov_count", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("control_length", ctypes.c_size_t),
        ("flags", ctypes.c_int),
    ]


class _Message(ctypes.Structure):
    _fields_ = [("header", _Header), ("sent", ctypes.c_uint32)]


def send_many(sock, packets, burst=32, pause=0.0005):
    """Sends on a bound or connected socket by sendmmsg(2), `burst` at a time: a veth takes 256 and loses more."""
    packets = list(packets)
    count = len(packets)
    buffers = [ctypes.create_string_buffer(packet, len(packet)) for packet in packets]
    vectors = (_Iovec * count)(*[_Iovec(ctypes.addressof(b), len(b)) for b in buffers])
    messages = (_Message * count)()
    for i in range(count):
        messages[i].header.iov = ctypes.pointer(vectors[i])
        messages[i].header.iov_count = 1
    size = ctypes.sizeof(_Message)
    done = 0
    while done < count:
        sent = _libc.sendmmsg(sock.fileno(), ctypes.byref(messages, done * size), min(burst, count - done), 0)
        if sent < 0:
            error = ctypes.get_errno()
            if error in (11, 105):  # EAGAIN, ENOBUFS: the queue is full for the moment
                time.sleep(0.001)
                continue
            raise OSError(error, os.strerror(error), "sendmmsg")
        done += sent
        if pause:
            time.sleep(pause)


class Port:
    """A packet socket on a device of a namespace."""

    def __init__(self, namespace, device, protocol=ETH_P_ALL):
        with inside(namespace):
            self.sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        self.sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 16 << 20)
        self.sock.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
        self.sock.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
        self.sock.bind((device, protocol))
        self.mac = self.sock.getsockname()[4].hex(":")

    def send(self, frame):
        self.sock.send(frame)

    def send_many(self, frames, **pace):
        send_many(self.sock, frames, **pace)

    def receive(self, timeout):
        """The next frame, its tag put back where it was on the wire; None when the time is over."""
        return self.receive_way(timeout)[0]

    def receive_way(self, timeout):
        """The same, and whether it is one that leaves, which a socket hears where it does not ignore them."""
        self.sock.settimeout(max(timeout, 0.000001))
        try:
            frame, ancillary, _, address = self.sock.recvmsg(65536, 64)
        except (socket.timeout, BlockingIOError):
            return None, False
        for level, kind, data in ancillary:
            if level == SOL_PACKET and kind == PACKET_AUXDATA and len(data) >= 20:
                status, tci, tpid = struct.unpack_from("=I12xHH", data)
                if status & TP_STATUS_VLAN_VALID:
                    frame = frame[:12] + struct.pack("!HH", tpid or 0x8100, tci) + frame[12:]
        return frame, address[2] == PACKET_OUTGOING

    def until(self, wanted, timeout):
        """wanted(frame)'s first answer that is not None, or None when the time is over."""
        end = time.monotonic() + timeout
        while (left := end - time.monotonic()) > 0:
            frame = self.receive(left)
            if frame is not None and (answer := wanted(frame)) is not None:
                return answer
        return None

    def close(self):
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Capture:
    """tcpdump on a device, into a file that is kept only where asked."""

    def __init__(self, namespace, device, path):
        self.path = path
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with inside(namespace):
            self.process = subprocess.Popen(
                ["tcpdump", "-i", device, "-n", "-U", "-s", "192", "-c", "50000", "-w", path, "-Z", "root"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )

    def stop(self, keep):
        if self.process.poll() is None:
            self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if not keep and os.path.exists(self.path):
            os.unlink(self.path)
