"""One incident, from the closed gate to the rollback, as every receiver sees it."""

import threading
import time

from stage import expect, get, wait


class Silences(threading.Thread):
    """Watches Alertmanager's silences as long as the test runs."""

    def __init__(self, url):
        super().__init__(daemon=True)
        self.url = f"{url}/api/v2/silences"
        self.seen = {}
        self.start()

    def active(self):
        now = [s for s in get(self.url) if s["status"]["state"] == "active"]
        for silence in now:
            self.seen[silence["id"]] = silence
        return now

    def run(self):
        while True:
            try:
                self.active()
            except OSError:
                return
            time.sleep(0.05)


def alerts(stage, name):
    all_of_them = get(f"{stage.alertmanager}/api/v2/alerts")
    return [alert for alert in all_of_them if alert["labels"]["alertname"] == name]


def test(stage):
    silences = Silences(stage.alertmanager)
    wait("the gate closes and the demo rests", stage.demo_rests, 300)
    planned_reboots_are_silent(silences)
    closed = one_alert(stage)
    others_do_not_wait(stage)
    a_killed_controller_says_it_again(stage)
    flaky_and_late_get_it(stage)
    nothing_else(stage)
    operators_see_it(stage, closed)
    the_rollback_ends_it(stage, silences)


def planned_reboots_are_silent(silences):
    expect(silences.seen, "no host that rebooted was silent")
    for silence in silences.seen.values():
        (matcher,) = silence["matchers"]
        expect(matcher["name"] == "instance" and matcher["isRegex"], f"a wrong matcher: {silence}")
        expect(silence["createdBy"] == "wavegate", f"a silence of somebody else: {silence}")
    hosts = {silence["matchers"][0]["value"] for silence in silences.seen.values()}
    expect(len(hosts) > 1, "silences are per host")
    wait("silences end with the reboots", lambda: not silences.active())


def one_alert(stage):
    wait("Alertmanager has the alert", lambda: alerts(stage, "WavegateGateClosed"))
    # Posted again every 2 s: still the same one.
    first = alerts(stage, "WavegateGateClosed")[0]
    wait(
        "it is renewed",
        lambda: alerts(stage, "WavegateGateClosed")[0]["endsAt"] > first["endsAt"],
    )
    (alert,) = alerts(stage, "WavegateGateClosed")
    expect(alert["fingerprint"] == first["fingerprint"], "it is another alert")
    expect(alert["startsAt"] == first["startsAt"], "it begins again")
    labels = alert["labels"]
    expect(labels["fleet"] == "alert-test" and labels["severity"] == "critical", str(labels))
    expect(labels["scope"].startswith("class"), f"the pause names its class: {labels}")
    description = alert["annotations"]["description"]
    expect("wavegate rollout rollback" in description, f"no next commands: {description}")
    return alert


def others_do_not_wait(stage):
    """`hang` has not answered, `late` is not there: the others know all the same."""
    ops = wait("ops is told", lambda: stage.receivers.events("ops", "gate_closed"))
    expect([event for event, *_ in ops] == ["opened"], f"told more than once: {ops}")
    incident = ops[0][2]["incident"]
    expect(incident["host_count"] >= 1 and incident["hosts"], f"no hosts: {incident}")
    expect(incident["evidence"] and incident["next"], f"no evidence or commands: {incident}")
    wait("the pager is told", lambda: stage.receivers.all("pager"))
    text = wait("the chat is told", lambda: stage.receivers.all("slack"))[0]["body"]["text"]
    expect("paused" in text, f"what the chat reads: {text}")
    wait("hang is told, and does not answer", lambda: stage.receivers.all("hang"))


def a_killed_controller_says_it_again(stage):
    """SIGKILL between the send and its record."""
    address = stage.address()
    # While it waits for the answer nothing is recorded, so that it is due at once after the kill.
    wait("hang has a request", lambda: stage.receivers.in_flight > 0, 300)
    stage.kill_controller()
    before = stage.receivers.all("hang")
    stage.receivers.release.set()
    stage.restart_controller(address)
    after = wait(
        "it is sent again",
        lambda: [m for m in stage.receivers.all("hang")[len(before):] if m["key"] == before[0]["key"]],
    )
    expect(after[0]["body"]["event"] == before[0]["body"]["event"], "it says something else")
    wait("it is recorded", lambda: knows(stage, "hang"))


def knows(stage, receiver):
    """Whether a receiver has taken everything."""
    listed = stage.asked("alert", "list")
    (one,) = [r for r in listed["receivers"] if r["name"] == receiver]
    return one["pending"] == 0 and one


def flaky_and_late_get_it(stage):
    wait("flaky takes it in the end", lambda: knows(stage, "flaky"))
    keys = [key for _, key, _ in stage.receivers.events("flaky")]
    expect(keys.count(keys[0]) >= 2, f"a try under another key: {keys}")
    expect(knows(stage, "flaky")["failures"] == 2, "its failures are not counted")
    listed = stage.asked("alert", "list")
    (late,) = [r for r in listed["receivers"] if r["name"] == "late"]
    expect(late["pending"] >= 1 and late["error"], f"it was told although it is not there: {late}")
    stage.receivers.open_late()
    wait("late takes it when it is there", lambda: knows(stage, "late"), 360)
    expect(stage.receivers.events("late", "gate_closed")[0][0] == "opened", "late hears the start")


def nothing_else(stage):
    """After the kill there is still one alert, one trigger, one message."""
    expect(len(alerts(stage, "WavegateGateClosed")) == 1, "more than one alert")
    pages = [m["body"] for m in stage.receivers.all("pager")]
    closed = [p for p in pages if p.get("payload", {}).get("class") == "gate_closed"]
    expect(len(closed) == 1, f"paged more than once: {closed}")
    expect(len(stage.receivers.events("ops", "gate_closed")) == 1, "ops was told again")


def operators_see_it(stage, alert):
    listed = stage.asked("alert", "list")["incidents"]
    (closed,) = [i for i in listed if i["kind"] == "gate_closed"]
    expect(closed["key"] == alert["labels"]["incident"], "another key")
    shown = stage.asked("alert", "show", str(closed["id"]))
    why = stage.asked("rollout", "why", str(closed["rollout_name"]))
    expect(shown["next"] == why["choices"], "other commands than `rollout why` says")
    expect(stage.command("alert", "show", "999999")[0] == 2, "an incident that is not there")
    tested = stage.asked("alert", "test", "ops")
    expect(tested["taken"], str(tested))
    expect(stage.receivers.events("ops")[-1][0] == "test", "the test did not come")
    expect(stage.command("alert", "test", "nobody")[0] == 2, "a receiver that is not there")


def the_rollback_ends_it(stage, silences):
    before = set(silences.seen)
    stage.asked("rollout", "rollback", "first-light", "--reason", "alert-test")
    wait("the alert ends", lambda: not alerts(stage, "WavegateGateClosed"), 300)
    last = wait(
        "ops hears the end",
        lambda: [e for e in stage.receivers.events("ops", "gate_closed") if e[0] == "resolved"],
    )
    expect(len(last) == 1, f"it ends more than once: {last}")
    names = {body["name"] for _, _, body in stage.receivers.events("ops", "gate_closed")}
    expect(len(names) == 1, f"more than one incident: {names}")
    pager = stage.receivers.all("pager")
    (trigger,) = [
        m["body"] for m in pager if m["body"].get("payload", {}).get("class") == "gate_closed"
    ]
    wait(
        "the pager hears the end",
        lambda: [
            m
            for m in stage.receivers.all("pager")
            if m["body"]["event_action"] == "resolve"
            and m["body"]["dedup_key"] == trigger["dedup_key"]
        ],
    )
    ended = lambda: [e[0] for e in stage.receivers.events("ops", "finished") if e[0] != "test"]  # noqa: E731
    expect(wait("ops hears that it is over", ended) == ["notice"], f"not one notice: {ended()}")
    expect(
        all(m["body"].get("payload", {}).get("class") != "finished" for m in stage.receivers.all("pager")),
        "a planned end paged somebody",
    )
    expect(not alerts(stage, "WavegateFinished"), "a planned end is an alert")
    expect(set(silences.seen) - before, "hosts on their way back were not silent")
    wait("no silence is left", lambda: not silences.active())
    expect(stage.asked("alert", "list")["incidents"] == [], "something is still open")
