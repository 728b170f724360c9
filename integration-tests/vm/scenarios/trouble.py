"""Kernels that do not boot, agents that die, hosts that do not return.

`web-3` takes the blows; `web-4` stands beside it and must not be touched. The watchdog of `web-4`
stops over a kexec, so kexec must be refused there. Rows 2, 3, 5 and 6.
"""

from lab.host import Host
from lab.story import Stage, demand, spec
from lab.tools import say

NUMBERS = {2: "a kernel that panics at boot",
           3: "a kernel that hangs after kexec",
           5: "the agent is killed between ledger and reboot",
           6: "a host that never returns"}


def play(stage: Stage) -> None:
    """Boots both hosts and plays the rows one after another on them."""
    hit = stage.add("web-3", "web", "r1", product="R640")
    other = stage.add("web-4", "web", "r2", product="R640", watchdog_survives_kexec=False)
    stage.boot(hit, other)
    for number, act in {2: panics, 3: hangs, 5: agent_dies, 6: never_returns}.items():
        if stage.wants(number):
            act(stage, hit, other)
            stage.controller.clear()


def add_artifact(stage: Stage, name: str, kernel) -> None:
    """Registers a kernel as a file that the controller serves."""
    stage.controller.ask("kernel", "add", name, "--kernel", kernel.release, "--artifact", kernel.deb,
                         "--reason", "the lab's artifact")


def add_package(stage: Stage, name: str, kernel) -> None:
    """Registers a kernel from the hosts' own apt source. The parameter does nothing, but makes
    each row's release one of its own, so that what went wrong in one row is not held against
    the next one."""
    stage.controller.ask("kernel", "add", name, "--kernel", kernel.release, "--package",
                         kernel.package, "--append", f"lab.row={name}", "--reason", "the lab's kernel")


def panics(stage: Stage, hit: Host, other: Host) -> None:
    """Row 2. The canary is `web-3` because only it and `web-4` are there, and `web-4` is held."""
    ctl, old = stage.controller, stage.kernels.old.release
    with stage.scenario(2, NUMBERS[2]) as seen:
        add_artifact(stage, "panics", stage.kernels.panics)
        ctl.ask("host", "hold", other.name, "--reason", "so that web-3 is the canary")
        mark = hit.machine.mark()
        ctl.apply(spec("bad", "panics", "role=web"))
        hit.machine.wait_for("BYE", since=mark, timeout=600)
        ctl.ask("host", "release", other.name, "--reason", "it may follow, if the gate lets it")
        hit.machine.wait_for("READY", since=mark, timeout=400)
        view = ctl.phase("bad", "paused", timeout=180)
        seen |= {"uname": hit.kernel(), "started_by": hit.started_by(),
                 "downtime_s": hit.downtimes(mark), "reason": view["reason"],
                 "why": ctl.ask("rollout", "why", "bad", fine=(0, 3, 4))["text"]}
        demand(hit.kernel() == old, f"web-3 runs {hit.kernel()}, not {old}")
        demand("Kernel panic" in hit.machine.serial(), "there was no panic")
        state = ctl.host(hit.name)
        seen["cause"] = state["report"]["boot"]["cause"]
        seen["phase"] = state["rollout"]["phase"]
        demand("fell_back" in seen["cause"], f"not seen as a fallback: {seen['cause']}")
        demand("Attempted to kill init" in str(state["report"]), "the panic record is not shown")
        untouched(other, 1)
        not_again(stage, hit, seen)
        ctl.ask("rollout", "abort", "bad", "--reason", "the kernel is bad")


def not_again(stage: Stage, hit: Host, seen: dict) -> None:
    """The same kernel is not tried on this host again, not even by a new rollout."""
    ctl, boots = stage.controller, len(hit.boots())
    hit.machine.must("sleep 20", timeout=60)
    demand(len(hit.boots()) == boots, "web-3 was tried again")
    again = ctl.write_spec(spec("bad-again", "panics", f"host={hit.name}"))
    said = ctl.cli("rollout", "plan", "-f", again, "-o", "json")
    seen["plan_again"] = (said.out + said.err)[-700:]
    demand("known" in (said.out + said.err).lower(), "the plan does not know that it went wrong here")


def untouched(host: Host, boots: int) -> None:
    """A host that nothing was to happen to."""
    demand(len(host.boots()) == boots, f"{host.name} booted {len(host.boots())} times, not {boots}")
    demand(host.machine.count("RESET") == 0, f"{host.name} was reset")


def hangs(stage: Stage, hit: Host, other: Host) -> None:
    """Row 3: the watchdog is what brings the old kernel back; where it would stop, no kexec."""
    ctl, old = stage.controller, stage.kernels.old.release
    with stage.scenario(3, NUMBERS[3]) as seen:
        add_artifact(stage, "hangs", stage.kernels.hangs)
        mark = hit.machine.mark()
        ctl.apply(spec("hung", "hangs", f"host={hit.name}", method="kexec"))
        gone = hit.machine.wait_for("BYE", since=mark, timeout=600)
        fired = hit.machine.wait_for("WATCHDOG", since=mark, timeout=400)
        say("the watchdog fired")
        back = hit.machine.wait_for("READY", since=mark, timeout=400)
        view = ctl.phase("hung", "paused", timeout=180)
        seen |= {"uname": hit.kernel(), "downtime_s": hit.downtimes(mark),
                 "bye_to_watchdog_s": round(fired.at - gone.at, 1),
                 "watchdog_to_ready_s": round(back.at - fired.at, 1), "reason": view["reason"],
                 "bootstatus": hit.machine.must("cat /sys/class/watchdog/watchdog0/bootstatus"),
                 "cause": ctl.host(hit.name)["report"]["boot"]["cause"]}
        demand(hit.kernel() == old, f"web-3 runs {hit.kernel()}, not {old}")
        demand("fell_back" in seen["cause"], f"not seen as a fallback: {seen['cause']}")
        ctl.ask("rollout", "abort", "hung", "--reason", "the kernel is bad")
        refused_where_watchdog_stops(stage, hit, other, seen)


def refused_where_watchdog_stops(stage: Stage, hit: Host, other: Host, seen: dict) -> None:
    """`doctor`, the report and the order itself refuse kexec on `web-4`, before its workload is
    drained. `web-3` was drained, and its journal tells so."""
    ctl = stage.controller
    doctor = other.machine.ask("wavegate-agent doctor", timeout=60)
    seen["doctor"] = {"status": doctor.status, "text": doctor.text[-900:]}
    demand("watchdog" in doctor.text.lower(), "doctor says nothing of the watchdog")
    demand(doctor.status != 0, "doctor finds nothing wrong")
    reasons = ctl.host(other.name)["report"]["no_kexec"]
    seen["no_kexec"] = reasons
    demand(any("watchdog" in r for r in reasons), f"the report allows kexec: {reasons}")
    add_package(stage, "for-web-4", stage.kernels.new)
    ctl.apply(spec("no-kexec", "for-web-4", f"host={other.name}", method="kexec"))
    view = ctl.phase("no-kexec", "paused", timeout=400)
    state = ctl.host(other.name)
    step = state["report"]["transaction"]["step"]
    seen |= {"prepare": {"rollout": view["reason"], "host": state["rollout"]["phase_detail"],
                         "step": step},
             "drains": {host.name: host.drains() for host in (hit, other)}}
    demand("watchdog" in str(step), f"the order was not refused for its watchdog: {step}")
    demand("watchdog" in str(seen["prepare"]["host"]), f"not said of the host: {seen['prepare']}")
    demand(seen["drains"][hit.name] > 0, "the journal of web-3 knows of no drain")
    demand(seen["drains"][other.name] == 0, "web-4 was drained for a kexec that cannot be")
    untouched(other, 1)
    ctl.ask("rollout", "abort", "no-kexec", "--reason", "it was refused, as it must be")


def agent_dies(stage: Stage, hit: Host, other: Host) -> None:
    """Row 5: the ledger says `leaving`, the agent is dead, the machine is still here."""
    ctl, new = stage.controller, stage.kernels.new
    with stage.scenario(5, NUMBERS[5]) as seen:
        add_package(stage, "for-web-3", new)
        boots, mark = len(hit.boots()), hit.machine.mark()
        hit.kill_agent_after_ledger()
        ctl.apply(spec("cut", "for-web-3", f"host={hit.name}"))
        ctl.until("the agent to be killed", lambda: hit.machine.ask(
            "cat /run/lab-agent-killed").status == 0, timeout=600, every=1)
        seen["killed_pid"] = hit.machine.must("cat /run/lab-agent-killed")
        demand(len(hit.boots()) == boots, "the host left although its agent was dead")
        view = ctl.phase("cut", "succeeded", "paused", timeout=600)
        seen |= {"phase": view["phase"], "reason": view["reason"], "uname": hit.kernel(),
                 "reboots": len(hit.boots()) - boots, "downtime_s": hit.downtimes(mark),
                 "agent": hit.journal(lines=12)}
        demand(view["phase"] == "succeeded", f"the rollout did not go on: {view['reason']}")
        demand(hit.kernel() == new.release, f"web-3 runs {hit.kernel()}")
        demand(seen["reboots"] == 1, f"{seen['reboots']} reboots, not 1")


def never_returns(stage: Stage, hit: Host, other: Host) -> None:
    """Row 6: the machine is frozen in mid-reboot. Its slot stays taken until evidence comes."""
    ctl, goal = stage.controller, stage.kernels.new
    if hit.kernel() == goal.release:
        goal = stage.kernels.old
    with stage.scenario(6, NUMBERS[6]) as seen:
        add_package(stage, "last", goal)
        ctl.ask("host", "hold", other.name, "--reason", "so that web-3 goes first")
        mark = hit.machine.mark()
        limits = {"drain": "4m", "boot": "45s", "verify": "5m", "soak": "5s", "order": "10m"}
        ctl.apply(spec("gone", "last", "role=web", limits=limits))
        hit.machine.wait_for("BYE", since=mark, timeout=600)
        hit.machine.qmp("stop")
        ctl.ask("host", "release", other.name, "--reason", "it may follow, if the gate lets it")
        view = ctl.phase("gone", "paused", timeout=400)
        state = ctl.host(hit.name)
        seen |= {"phase": state["rollout"]["phase"], "reason": view["reason"],
                 "why_host": ctl.ask("host", "why", hit.name)["text"],
                 "why_other": ctl.ask("host", "why", other.name)["text"],
                 "down_by_domain": view["down_by_domain"]}
        demand(state["rollout"]["phase"] == "lost", f"web-3 is {state['rollout']['phase']}")
        demand(any(d["down"] >= 1 and d["domain"]["value"] == "r1" for d in view["down_by_domain"]),
               f"the slot of web-3 is not held: {view['down_by_domain']}")
        untouched(other, 1)
        hit.machine.qmp("cont")
        back = hit.machine.wait_for("READY", since=mark, timeout=400)
        seen["came_back_on"] = back.words[1]
        freed = ctl.until("its slot to be freed by its report", lambda: (
            lambda now: now if now["rollout"]["phase"] != "lost" else None)(ctl.host(hit.name)), 180)
        seen["after_its_return"] = freed["rollout"]["phase"]
