"""Four hosts of two classes go from one Debian kernel to the next: the canaries of both classes,
then two waves of one host each.

Two `web` hosts may use kexec; on the two `db` hosts it is switched off, so they take the way
through firmware and boot loader. Rows 1, 4, 7, 8 and 9.
"""

import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

from lab.controller import foreign_certificate
from lab.host import Host
from lab.paths import PROBE
from lab.story import Stage, demand, spec
from lab.tools import run, say

NUMBERS = {1: "old kernel to new, canary and waves, kexec and full reboot",
           4: "kill -9 of the controller while a host reboots",
           7: "an unasked reboot during a bake",
           8: "pause while hosts drain",
           9: "strangers, used tokens, false names"}
MOVE = "to-new"


def play(stage: Stage) -> None:
    """Boots the fleet and plays the rows in the order in which they need each other."""
    hosts = [
        stage.add("web-1", "web", "r1", product="R640"),
        stage.add("db-1", "db", "r2", product="R740", kexec=False),
        stage.add("web-2", "web", "r3", product="R640"),
        stage.add("db-2", "db", "r4", product="R740", kexec=False),
    ]
    stage.boot(*hosts)
    first_move(stage, hosts)
    if stage.wants(9):
        strangers(stage, hosts)
    if stage.wants(7):
        stage.controller.clear()
        unasked_reboot(stage, hosts)


def first_move(stage: Stage, hosts: list[Host]) -> None:
    """Row 1, with the pause of row 8 in its canary stage and the kill of row 4 in its waves."""
    ctl, new = stage.controller, stage.kernels.new
    with stage.scenario(1, NUMBERS[1]) as seen:
        ctl.ask("kernel", "add", "new", "--kernel", new.release, "--package", new.package,
                "--reason", "the lab's new kernel")
        began = time.monotonic()
        for host in hosts:
            host.busy(True)
        budget = {"selected": {"selector": "*", "max_down": 2}}
        # Shares are of the hosts that are left after the canaries: one host in each wave.
        plan = ctl.apply(spec(MOVE, "new", "role in (web,db)", budgets=[budget],
                              waves=["50%", "100%"]))
        seen["plan"] = {"hash": plan["hash"], "p50": plan["p50"], "p90": plan["p90"],
                        "waves": [(w["index"], w["hosts"]) for w in plan["waves"]]}
        pause_while_draining(stage, hosts)
        kill_while_rebooting(stage, hosts)
        view = ctl.phase(MOVE, "succeeded", timeout=900)
        seen["seconds_in_all"] = round(time.monotonic() - began, 1)
        seen["counts"] = view["hosts"]
        demand(view["hosts"]["updated"] == len(hosts), f"not all are updated: {view['hosts']}")
        judge_moves(stage, hosts, seen)
        judge_waves(stage, hosts, view, seen)


def judge_moves(stage: Stage, hosts: list[Host], seen: dict) -> None:
    """What the hosts themselves say of the move."""
    new, old = stage.kernels.new.release, stage.kernels.old.release
    seen["hosts"] = {}
    for host in hosts:
        boots, fact = host.boots(), host.started_by()
        view = stage.controller.host(host.name)
        seen["hosts"][host.name] = {
            "class": view["class"], "uname": [b.words[1] for b in boots],
            "boot_ids": [b.words[0] for b in boots], "downtime_s": host.downtimes(),
            "started_by": fact, "default": view["report"]["default_kernel"],
            "cause": view["report"]["boot"]["cause"],
        }
        demand([b.words[1] for b in boots] == [old, new],
               f"{host.name} booted {[b.words[1] for b in boots]}: one reboot was due")
        demand(fact == ("kexec" if host.kexec else "grub"), f"{host.name} was started by {fact}")
        demand(host.machine.must("uname -r") == new, f"{host.name} does not run {new}")
        demand(view["report"]["default_kernel"] == new, f"{host.name}: the default is not {new}")
    ways = {way: [h.downtimes()[0] for h in hosts if h.kexec == way] for way in (True, False)}
    kexec, full = (sum(spans) / len(spans) for spans in (ways[True], ways[False]))
    seen["downtime_kexec_s"], seen["downtime_full_s"] = round(kexec, 1), round(full, 1)
    seen["ratio"] = round(kexec / full, 2)
    demand(len({d["class"] for d in seen["hosts"].values()}) == 2, "there are not two classes")


def judge_waves(stage: Stage, hosts: list[Host], view: dict, seen: dict) -> None:
    """Canaries, then two waves, each begun when the gate of the one before it had passed: by the
    hosts' own coming and going, no host left before those of earlier waves were back."""
    wave_of = {host.name: stage.controller.host(host.name)["rollout"]["wave"] for host in hosts}
    members = {wave["index"]: [h for h in hosts if wave_of[h.name] == wave["index"]]
               for wave in view["waves"]}
    seen["waves"] = [{"index": wave["index"], "share": wave["share"], "verdict": wave["verdict"],
                      "hosts": [host.name for host in members[wave["index"]]]}
                     for wave in view["waves"]]
    demand([len(members[index]) for index in sorted(members)] == [2, 1, 1],
           f"not two canaries and two waves of one host: {seen['waves']}")
    demand(all(wave["verdict"] == "pass" for wave in view["waves"]),
           f"a gate did not pass: {seen['waves']}")
    demand(len({host.role for host in members[0]}) == 2, "the canaries are of one class")
    for index in sorted(members)[1:]:
        back = max(host.boots()[-1].at for host in members[index - 1])
        left = min(host.left() for host in members[index])
        demand(left > back, f"wave {index} left before wave {index - 1} was back")


def phases(stage: Stage, hosts: list[Host]) -> dict[str, str]:
    """Where each host stands in its rollout."""
    views = {host.name: stage.controller.host(host.name) for host in hosts}
    return {name: (view.get("rollout") or {}).get("phase", "-") for name, view in views.items()}


def pause_while_draining(stage: Stage, hosts: list[Host]) -> None:
    """Row 8: a durable pause, and then nothing reboots, even when draining ends."""
    ctl = stage.controller

    def draining():
        now = phases(stage, hosts)
        return [name for name, phase in now.items() if phase == "draining"]

    if not stage.wants(8):
        for host in hosts:
            host.busy(False)
        return
    with stage.scenario(8, NUMBERS[8]) as seen:
        try:
            first = ctl.until("a host to drain", draining, timeout=400)
            seen["why_drain"] = ctl.ask("host", "why", first[0])["text"]
            ctl.until("both canaries to drain", lambda: len(draining()) >= 2, timeout=400)
            seen["draining"] = draining()
            ctl.ask("rollout", "pause", MOVE, "--reason", "the lab says stop")
            seen["rollout_why"] = ctl.ask("rollout", "why", MOVE, fine=(0, 3, 4))["text"]
        finally:
            for host in hosts:
                host.busy(False)
        marks = {host.name: host.machine.mark() for host in hosts}
        steps = watch_nothing_happen(stage, hosts, marks)
        seen["steps_after_pause"] = steps
        seen["host_why"] = ctl.ask("host", "why", seen["draining"][0])["text"]
        ctl.ask("rollout", "resume", MOVE, "--reason", "the lab says go")


def watch_nothing_happen(stage: Stage, hosts: list[Host], marks: dict[str, int]) -> dict:
    """Gives hosts every chance to reboot: 20 s of their own clocks, four times a permit's life."""
    def gone():
        return [h.name for h in hosts
                if any(e.kind in ("BYE", "RESET", "READY") for e in h.machine.events[marks[h.name]:])]

    with ThreadPoolExecutor(len(hosts)) as pool:
        list(pool.map(lambda host: host.machine.ask("sleep 20", timeout=60), hosts))
    demand(not gone(), f"rebooted although the rollout is paused: {gone()}")
    views = {host.name: stage.controller.host(host.name)["report"] for host in hosts}
    return {name: (r.get("transaction") or {}).get("step") for name, r in views.items()}


def kill_while_rebooting(stage: Stage, hosts: list[Host]) -> None:
    """Row 4: the controller dies while a host is away, comes back, and knows."""
    if not stage.wants(4):
        return
    ctl = stage.controller

    def away():
        return [h for h in hosts if h.machine.events[-1].kind in ("BYE", "RESET")]

    with stage.scenario(4, NUMBERS[4]) as seen:
        gone = ctl.until("a host to be away", away, timeout=600, every=0.1)
        boots = {h.name: len(h.boots()) for h in hosts}
        ctl.kill()
        seen["killed_while_away"] = [h.name for h in gone]
        say(f"controller killed while {seen['killed_while_away']} reboot")
        for host in gone:
            host.machine.wait_for("READY", since=len(host.machine.events) - 1, timeout=300)
        ctl.start()
        view = ctl.phase(MOVE, "succeeded", timeout=900)
        seen["phase"] = view["phase"]
        seen["reboots"] = {h.name: len(h.boots()) - boots[h.name] for h in hosts}
        for host in hosts:
            demand(len(host.boots()) == 2, f"{host.name} booted {len(host.boots())} times, not 2")
        seen["audit"] = ctl.ask("audit", "verify")


def unasked_reboot(stage: Stage, hosts: list[Host]) -> None:
    """Row 7: during the bake of the canaries one of them reboots by itself."""
    ctl, old = stage.controller, stage.kernels.old
    with stage.scenario(7, NUMBERS[7]) as seen:
        ctl.ask("kernel", "add", "back", "--kernel", old.release, "--package", old.package,
                "--reason", "the lab goes back, as a rollout of its own")
        before = {h.name: len(h.boots()) for h in hosts}
        ctl.apply(spec("watched", "back", "role=web", bake="10m"))
        ctl.phase("watched", "baking", timeout=600)
        canary = next(h for h in hosts if len(h.boots()) > before[h.name])
        mark = canary.machine.mark()
        canary.machine.tell("reboot -f")
        canary.machine.wait_for("READY", since=mark, timeout=300)
        view = ctl.phase("watched", "paused", timeout=120)
        seen |= {"host": canary.name, "reason": view["reason"],
                 "why": ctl.ask("rollout", "why", "watched", fine=(0, 3, 4))["text"]}
        state = ctl.host(canary.name)
        seen["phase"] = state["rollout"]["phase_detail"]
        seen["cause"] = state["report"]["boot"]["cause"]
        demand("unexpected_reboot" in str(seen["phase"]) or "unasked" in view["reason"],
               f"not recognised as unexpected: {seen}")
        other = next(h for h in hosts if h.role == "web" and h is not canary)
        demand(len(other.boots()) == before[other.name], f"{other.name} was touched as well")
        seen["other_host_why"] = ctl.ask("host", "why", other.name)["text"]


def strangers(stage: Stage, hosts: list[Host]) -> None:
    """Row 9: who may not, cannot, and it is on record."""
    ctl, web, db = stage.controller, hosts[0], hosts[1]
    with stage.scenario(9, NUMBERS[9]) as seen:
        before = len(ctl.ask("audit", "list")["entries"])
        foreign_connection(stage, seen)
        used = web.machine.ask(again("/root/token", ctl.port, "/tmp/again"), timeout=60)
        seen["used_token"] = used.text[-300:]
        demand(used.status != 0, "a used token was taken again")
        token = ctl.ask("token", "create", "--name", "web-9", "--reason", "for web-9 only")["secret"]
        db.machine.must(f"umask 077; printf '%s' '{token}' >/root/other")
        false = db.machine.ask(again("/root/other", ctl.port, "/tmp/false"), timeout=60)
        seen["token_of_another_host"] = false.text[-300:]
        demand(false.status != 0, "a host enrolled with another host's token")
        false_words(stage, web, db, seen)
        entries = ctl.ask("audit", "list")["entries"][before:]
        refused = [e for e in entries if "refused" in str(e["outcome"])]
        seen["audited"] = [{k: e[k] for k in ("who", "act", "target", "outcome")} for e in refused]
        seen["audit"] = ctl.ask("audit", "verify")
        demand(seen["audit"]["broken"] is None, "the audit log does not hold")
        acts = [e["act"] for e in refused]
        demand(len(refused) >= 6, f"six refusals were due in the audit log, there are: {acts}")


def foreign_connection(stage: Stage, seen: dict) -> None:
    """A client whose certificate comes from a CA of its own."""
    certificate, key = foreign_certificate(stage.folder)
    said = run("sh", "-c",
               f"openssl s_client -connect 127.0.0.1:{stage.controller.port} -cert {certificate} "
               f"-key {key} -alpn h2 -ign_eof -tls1_3 </dev/null 2>&1 || true", timeout=30)
    seen["foreign_certificate"] = [x for x in said.splitlines() if "alert" in x.lower()][:2]
    demand("alert" in said, f"a foreign certificate got through: {said[-400:]}")


def false_words(stage: Stage, web: Host, db: Host, seen: dict) -> None:
    """`web` holds a genuine certificate and tries to be more than it is."""
    ctl = stage.controller
    identity = stage.folder / "identity"
    identity.mkdir(exist_ok=True)
    for name in ("host.key", "host.crt", "ca.crt"):
        text = web.machine.must(f"cat /var/lib/wavegate-agent/identity/{name}")
        (identity / name).write_text(text + "\n")
        (identity / name).chmod(0o600)

    def order(host: Host) -> list[str]:
        transaction = ctl.host(host.name)["report"]["transaction"]
        return ["--command", transaction["command"], "--boot", host.boots()[0].words[0]]

    for what, words in {
        "certificate_for_another_key": ["other-key"],
        "replayed_permit": ["permit", *order(web)],
        "permit_of_another_host": ["permit", *order(db)],
    }.items():
        done = subprocess.run(
            [PROBE, "--controller", f"127.0.0.1:{ctl.port}", "--identity", identity, *words],
            capture_output=True, text=True, timeout=60, check=False)
        seen[what] = (done.stdout + done.stderr)[-400:]
        demand(done.returncode == 0, f"{what} was not refused: {seen[what]}")


def again(token: str, port: int, state: str) -> str:
    """A script that tries to enrol once more, into a state directory of its own."""
    return (
        f"mkdir -p {state}; chown wavegate: {state}\n"
        f"sed 's#\"observe\"#\"state_dir\": \"{state}\", \"observe\"#' /etc/wavegate/agent.yaml"
        f" >{state}.yaml\n"
        f"wavegate-agent enroll --config {state}.yaml --token-file {token} --ca-file /root/ca.crt"
        f" --controller controller.lab:{port}"
    )
