# SPDX-License-Identifier: GPL-2.0-or-later
"""What outlives what: one word switches, a switch survives, agents come and go, nothing stays behind."""
import signal
import time

from lib import contract, figure7, maps, netns, services, snapshot
from lib.netns import RigError

from . import Outcome


def _states(net):
    return {node: maps.state(net.name(node)) for node in figure7.NODES}


def _settled(net, timeout=netns.PATIENCE):
    """The maps once they have stopped changing (neighbours that were just learned are being copied)."""
    end = time.monotonic() + timeout
    last = _states(net)
    while time.monotonic() < end:
        time.sleep(0.3)
        now = _states(net)
        if all(not maps.differences(last[node], now[node]) for node in last):
            return now
        last = now
    raise RigError("the nodes' maps do not come to rest")


def one_write(net, domain, what, slice_name, vms):
    """Every map but the counters before and after a switch of `what` (vms: how many VMs it concerns)."""
    before = _settled(net)
    _, answer, _ = domain.switch(what, slice_name)
    after = _states(net)
    found = {node: maps.differences(before[node], after[node]) for node in before}
    words = {node: len(found[node]) for node in found}
    cells = [entry for entry in found["R3"] if entry[0] == "cell"]
    ok = words == {"R1": 0, "R2": 0, "R3": 1} and len(cells) == 1 and answer.get("vms") == vms
    ok = (
        ok
        and cells[0][2] & contract.CELL_SLICE_MASK != cells[0][3] & contract.CELL_SLICE_MASK
        and cells[0][3] > cells[0][2]
    )
    return Outcome(
        ok,
        sum(words.values()),
        "words",
        f"{what} ({answer.get('vms')} VMs): {words['R3']} word on R3, {words['R1']} on R1, {words['R2']} on R2"
        + ("" if ok else f": {found}"),
    )


def vm5_answers(net, name, at=figure7.V4, questions=50):
    """Only `name` answers for the VM's address, as the client sees it."""
    with services.Questions(net.name("client"), (at.vm5, services.WHO_PORT), 0.005) as asked:
        netns.until(lambda: len(asked.answers) >= questions, netns.PATIENCE)
    ok = set(asked.by_name()) == {name} and len(asked.answers) >= questions
    return ok, asked.by_name()


def survives_apply(net, domain, path, name, at=figure7.V4):
    revision = domain.apply(path)[1].get("revision")
    ok, who = vm5_answers(net, name, at)
    return Outcome(ok, sum(who.values()), "answers", f"after revision {revision} {at.vm5} is answered by {who}")


def survives_reboot(net, domain, name, at=figure7.V4):
    """Namespaces, veths and pins gone, agents started anew. The client keeps asking: the old VM must never answer."""
    domain.stop(signal.SIGKILL)
    domain.wipe()
    with services.Questions(net.name("client"), (at.vm5, services.WHO_PORT), 0.002) as asked:
        early = netns.until(lambda: len(asked.answers), 0.3)
        begin = time.monotonic()
        domain.start()
        domain.wait_ready()
        ready = time.monotonic() - begin
        first = asked.wait_for(name, 10.0, begin)
        netns.until(lambda: len(asked.answers) >= 200, netns.PATIENCE)
    who = asked.by_name()
    ok = not early and first is not None and set(who) == {name}
    after = f"{(first - begin) * 1000:.0f} ms" if first else "never"
    return Outcome(
        ok,
        round(ready * 1000),
        "ms until rebuilt",
        f"first answer after {after}; answers by {who}" + ("; it was not down" if early else ""),
    )


def _ledger(name):
    return maps.rx_total(name), maps.verdicts(name)


def adds_up(net):
    """Per node: received = sum of verdicts, read at rest (two readings alike)."""
    return counters_add_up(net, all_kinds=False)


def counters_add_up(net, all_kinds=True):
    """The same, and frames were received, punted and dropped on each node, or the sum would say little."""
    faults, total = [], 0
    for node in figure7.NODES:
        name = net.name(node)
        end = time.monotonic() + netns.PATIENCE
        first, second = _ledger(name), None
        while first != second and time.monotonic() < end:
            time.sleep(0.1)
            first, second = _ledger(name), first
        received, verdicts = first
        total += received
        dropped = sum(verdicts[reason] for reason in contract.DROPS)
        if first != second:
            faults.append(f"{node}: never at rest")
        if received != sum(verdicts.values()):
            faults.append(f"{node}: {received} received, {sum(verdicts.values())} in verdicts {verdicts}")
        if all_kinds and not (received and verdicts["punted"] and dropped):
            faults.append(
                f"{node}: {received} received, {verdicts['punted']} punted, {dropped} dropped: one of them is zero"
            )
    return Outcome(
        not faults,
        total,
        "frames",
        "; ".join(faults) or "received = forwarded + punted + host + dropped, exactly, on R1, R2 and R3",
    )


def writes_nothing(domain, path):
    """What the agents counted while they took on a revision that asks for nothing new."""
    revision = domain.apply(path)[1].get("revision")
    counted = {}
    for node in domain.nodes:
        report = domain.report(node)
        counted[node] = (report.get("revision"), report.get("netlink_changes"), report.get("map_writes"))
    ok = all(entry == (revision, 0, 0) for entry in counted.values())
    total = sum((changes or 0) + (writes or 0) for _, changes, writes in counted.values())
    return Outcome(
        ok,
        total,
        "changes",
        f"revision {revision}: "
        + ", ".join(
            f"{node} {changes} netlink changes and {writes} map writes"
            for node, (_, changes, writes) in counted.items()
        ),
    )


def killed_no_loss(net, domain, vm, at=figure7.V4, rate=5000):
    """SIGKILL for all agents in mid-stream, a while without any, then new ones, still in mid-stream."""
    with services.Sink(net.name(vm)) as sink, services.Stream(net.name("client"), (at.vm5, services.SINK_PORT), rate) as stream:
        time.sleep(0.3)
        killed = len(domain.alive())
        domain.stop(signal.SIGKILL)
        time.sleep(0.7)
        alone = stream.sent
        domain.start()
        domain.wait_ready()
        time.sleep(0.5)
        stream.stop()
        netns.until(lambda: len(sink.numbers()) >= stream.sent, 1.0)
        got = sink.numbers()
    lost = stream.sent - len(set(got))
    ok = lost == 0 and len(got) == stream.sent and killed == len(domain.nodes) and stream.sent > rate / 2
    return Outcome(
        ok,
        lost,
        "packets lost",
        f"{killed} agents killed and started again in a stream of {stream.sent} ({alone} before they were back): "
        f"{lost} lost, "
        f"{len(got) - len(set(got))} doubled",
    )


def removed(domain, before, nodes):
    """xslice clean, then the state of everything against `before`."""
    objects = snapshot.loaded(nodes)
    domain.command("clean")
    codes = domain.stop()

    def left():
        stay = [f"{kind} {ident} is still loaded" for kind, ident in snapshot.still_loaded(objects)]
        return stay + snapshot.differences(before, snapshot.take(nodes))

    end = time.monotonic() + netns.PATIENCE
    lines = left()
    while lines and time.monotonic() < end:  # the kernel frees maps and programs a moment after their last user
        time.sleep(0.1)
        lines = left()
    bad = {node: code for node, code in codes.items() if code}
    whole = any(key.startswith(snapshot.SHARED) for key in before) and not snapshot.others(nodes)
    alike = f"{len(before)} properties are as before, {len(objects)} maps, programs and links are unloaded"
    alike += "" if whole else "; other nodes are on this machine, so what all nodes share was not compared"
    return Outcome(
        not lines and not bad,
        len(lines),
        "traces",
        "; ".join(lines[:8]) or (f"agents ended with {bad}" if bad else alike),
    )
