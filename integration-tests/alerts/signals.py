"""Signals from a real Prometheus: fresh, partial, empty, stale, away."""

import os
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from stage import expect, wait


class Exporter:
    """Counts for hosts by name, in one scrape; `old` has samples of a minute ago."""

    def __init__(self):
        self.hosts = []
        exporter = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                body = exporter.text().encode()
                self.send_response(200)
                self.send_header("content-type", "text/plain; version=0.0.4")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.address = f"127.0.0.1:{self.server.server_address[1]}"

    def text(self):
        lines = []
        stamp = int((time.time() - 60) * 1000)
        for host in self.hosts:
            lines.append(f'app_requests_total{{instance="{host}:8080"}} 1000')
            lines.append(f'app_errors_total{{instance="{host}:8080"}} 5')
            lines.append(f'app_latency{{instance="{host}:8080"}} 0.25')
            lines.append(f'app_old{{instance="{host}:8080"}} 1 {stamp}')
        lines.append('app_requests_total{instance="a-stranger:8080"} 7')
        return "\n".join(lines) + "\n"


def before(stage):
    """What must stand in the configuration before the controller starts."""
    stage.exporter = Exporter()
    stage.start_prometheus(stage.exporter.address)
    stage.sources = f"""
signals:
  errors:
    url: {stage.prometheus_url}
    ratio:
      errors: sum by (instance) (app_errors_total)
      requests: sum by (instance) (app_requests_total)
    freshness: max by (instance) (timestamp(app_requests_total))
    min_exposure: 100
    every: 1s
    stale_after: 30s
  latency:
    url: {stage.prometheus_url}
    value: {{query: 'app_latency{{instance=~"{{{{host}}}}:.*"}}', better: lower}}
    every: 2s
    stale_after: 30s
  old:
    url: {stage.prometheus_url}
    value: {{query: app_old, better: higher}}
    every: 1s
    stale_after: 30s
"""


def check(stage, source):
    """Exit status, kind of state, and what is in it."""
    code, reading, said = stage.command("signal", "check", source)
    expect(reading is not None, f"signal check {source}: {said}")
    state = reading["state"]
    kind = state if isinstance(state, str) else next(iter(state))
    return code, kind, {} if isinstance(state, str) else state[kind]


def covered(stage, source, count):
    code, kind, state = check(stage, source)
    return code == 0 and kind == "answered" and len(state["hosts"]) == count and state


def test(stage):
    names = [host["name"] for host in stage.asked("host", "list")["hosts"]]
    expect(len(names) == 60, f"{len(names)} hosts")

    code, kind, state = check(stage, "errors")
    expect((code, kind) == (1, "empty"), f"nothing is there yet: {code} {kind}")
    expect(state["strangers"] == 1, f"the stranger is counted: {state}")

    stage.exporter.hosts = names
    state = wait("every host is covered", lambda: covered(stage, "errors", 60))
    measure = state["hosts"][0]["measure"]["ratio"]
    expect(measure == {"errors": 5.0, "requests": 1000.0}, str(measure))
    state = wait("one query per host works", lambda: covered(stage, "latency", 60))
    expect(state["hosts"][0]["measure"]["value"]["value"] == 0.25, str(state["hosts"][0]))

    old = wait("old samples are seen", lambda: check(stage, "old")[1] == "answered" and check(stage, "old"))
    expect(old[0] == 1, "samples of a minute ago are taken for fresh")
    ages = [time.time() - host["at"] / 1000 for host in old[2]["hosts"]]
    expect(all(50 < age < 90 for age in ages), f"ages by sample: {ages[:3]}")

    stage.exporter.hosts = names[:20]
    wait("hosts that are gone are missed", lambda: covered(stage, "errors", 20))
    stage.exporter.hosts = []
    wait("an empty answer is no good answer", lambda: check(stage, "errors")[:2] == (1, "empty"))

    stage.exporter.hosts = names
    wait("they come back", lambda: covered(stage, "errors", 60))
    stage.stop_prometheus()
    code, kind, state = check(stage, "errors")
    expect((code, kind) == (1, "unreachable"), f"Prometheus is stopped: {code} {kind}")
    since = state["since"]
    listed = wait(
        "the poller keeps since when",
        lambda: [
            r
            for r in stage.asked("signal", "list")["readings"]
            if r["source"] == "errors" and "unreachable" in r["state"]
        ],
    )
    expect(listed[0]["state"]["unreachable"]["since"] == since, "another beginning")
    stage.start_prometheus(stage.exporter.address)
    wait("it goes on when Prometheus is back", lambda: covered(stage, "errors", 60))
    expect(stage.command("signal", "check", "nothing")[0] == 2, "a source that is not there")
    refused_in_a_plan(stage)


def refused_in_a_plan(stage):
    spec = os.path.join(stage.dir, "spec.yaml")
    kernel = stage.asked("kernel", "list")["kernels"][0]["release"]["name"]
    with open(spec, "w") as file:
        file.write(f"name: x\nrelease: {kernel}\nselector: '*'\nsignals: [{{source: error}}]\n")
    code, _, said = stage.command("rollout", "plan", "-f", spec)
    expect(code == 2 and "`errors`" in said, f"{code}: {said}")
