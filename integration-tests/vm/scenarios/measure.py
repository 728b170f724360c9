"""What the agent costs: ten minutes of an idle, enrolled host. Row 11.

Times are of the guest's own clock. It counts instructions (one every 2 ns), so the share of
processor time is that of a machine with 500 million instructions per second, whatever the
machine outside is busy with.
"""

from lab.host import Host
from lab.story import Stage, demand

NUMBERS = {11: "memory and processor time of the agent over ten minutes"}
SECONDS = 600
SAMPLE = """
pid=$(systemctl show -p MainPID --value wavegate-agent)
awk '/^(VmRSS|VmHWM|RssAnon|RssFile):/{print $1 $2}' /proc/$pid/status
awk '/^(Pss|Private_Dirty|Private_Clean):/{print $1 $2}' /proc/$pid/smaps_rollup
echo "jiffies:$(awk '{print $14+$15}' /proc/$pid/stat)"
echo "uptime:$(cut -d' ' -f1 /proc/uptime)"
echo "pid:$pid"
"""
# Connects, says nothing, and looks at the process that systemd started for it.
ACTUATOR = r"""
perl -MSocket -e '
socket(my $s, PF_UNIX, SOCK_STREAM, 0) or die; connect($s, sockaddr_un("/run/wavegate/actuator.sock")) or die;
for (1..100) { my $p = `pgrep -n -x wavegate-actuat`; chomp $p;
  if ($p) { select(undef,undef,undef,0.5); open(my $f, "<", "/proc/$p/status") or next;
    while (<$f>) { print "$1:$2\n" if /^(VmRSS|VmHWM|RssAnon):\s+(\d+)/ } exit 0 }
  select(undef,undef,undef,0.1) } exit 1'
"""


def play(stage: Stage) -> None:
    """Boots one host and lets it idle."""
    host = stage.add("idle-1", "web", "r1")
    stage.boot(host)
    with stage.scenario(11, NUMBERS[11]) as seen:
        host.machine.must("sleep 20", timeout=60)
        first = sample(host)
        peak = first["VmRSS"]
        for _ in range(20):
            host.machine.must(f"sleep {SECONDS // 20}", timeout=SECONDS)
            last = sample(host)
            peak = max(peak, last["VmRSS"])
        demand(last["pid"] == first["pid"], "the agent was restarted meanwhile")
        span = last["uptime"] - first["uptime"]
        used = (last["jiffies"] - first["jiffies"]) / 100
        seen |= {"agent_rss_mib": round(peak / 1024, 2), "agent_cpu_percent": round(100 * used / span, 4),
                 "seconds": round(span, 1), "cpu_seconds": used, "agent": last,
                 "actuator": sample_of(host.machine.must(ACTUATOR, timeout=60))}
        seen["actuator_rss_mib"] = round(seen["actuator"].get("VmRSS", 0) / 1024, 2)


def sample(host: Host) -> dict:
    """Memory in KiB, time in jiffies of 10 ms."""
    return sample_of(host.machine.must(SAMPLE))


def sample_of(text: str) -> dict:
    """Reads lines of `key:number`."""
    pairs = (line.split(":") for line in text.splitlines() if line.count(":") == 1)
    return {key: float(value) for key, value in pairs}
