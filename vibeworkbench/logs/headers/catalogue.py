"""Headers that are known by name: standards and the defaults of common programs. What is not here is learned.

Each is complete in itself: one line is enough to know it. The order counts, the strictest first.
No pattern asks which digit stands somewhere: lines that differ in digits only have one form.
"""

from __future__ import annotations

from vibeworkbench.logs.headers.cells import LEVEL_WORDS
from vibeworkbench.logs.headers.forms import Form
from vibeworkbench.logs.headers.stamps import BY_NAME

_ISO = BY_NAME["iso"].blind
_DAY = BY_NAME["month-day"].blind
_ANY_LEVEL = rf"(?P<level>(?i:{LEVEL_WORDS}))"
_TAG = (
    r"(?:(?P<component>[^\s\[\]:]+(?: \d[\d.]*)?)(?:\[(?P<pid>\d+)\])?|(?P<tag>[^:\[\]\n]+)\[(?P<tid>\d+)\])"
    r"(?: \([^()\s]*\))?:(?:[ \t]+|$)"
)

KNOWN = (
    # RFC 5424 section 6: <PRI>1 TIMESTAMP HOSTNAME APP-NAME PROCID MSGID STRUCTURED-DATA MSG
    Form(
        "syslog RFC 5424",
        rf"^<(?P<priority>\d{{1,3}})>\d{{1,2}} (?:{_ISO}|-) (?P<host>\S+) (?P<component>\S+) (?P<pid>\S+) \S+ "
        r"(?:-|(?:\[[^\]\n]*\])+)(?: |$)",
    ),
    # RFC 3164 section 4.1, with and without priority, as syslogd and journalctl write it
    Form("syslog RFC 3164", rf"^(?:<(?P<priority>\d{{1,3}})>)?{_DAY} (?P<host>\S+) {_TAG}"),
    Form("syslog RFC 3164, no tag", rf"^(?:<(?P<priority>\d{{1,3}})>)?{_DAY} (?P<host>\S+) (?:[ \t]*)"),
    # kernel ring buffer
    Form("kernel", r"^(?:<(?P<priority>\d{1,3})>)?\[ *\d+\.\d{6}\](?:\[ *[CT]\d+\])? "),
    # NCSA common and combined log format: what was asked, and the answer, are the message
    Form(
        "access log",
        r"^(?P<host>\S+) \S+ [^\[\n]{1,80}\[" + BY_NAME["day-month-year"].blind + r"\] ",
        r"^\"[^\"]*\" (\d{3}) ",
    ),
    # nginx: time [level] pid#tid: *connection message
    Form(
        "nginx error log",
        rf"^{_ISO} \[(?P<level>\w+)\] (?P<pid>\d+)#(?P<thread>\d+): (?:\*\d+ )?",
    ),
    # Apache 2.4: [time] [module:level] [pid n:tid n] message; 2.2 has [level] alone
    Form(
        "Apache error log",
        r"^\[" + BY_NAME["asctime"].blind + r"\] \[(?:(?P<component>[\w-]*):)?(?P<level>[a-z]+\d?)\] "
        r"(?:\[pid (?P<pid>\d+)(?::tid (?P<thread>\d+))?\] )?",
    ),
    # klog and glog: Lmmdd hh:mm:ss.uuuuuu threadid file:line] message
    Form(
        "klog",
        "^(?P<level>[IWEF])" + BY_NAME["year-or-not"].blind + r" +(?P<pid>\d+) (?P<component>[^\s\]]+:\d+)\] ",
    ),
    # java.util.logging: the level starts the second line
    Form(
        "java.util.logging",
        "^" + BY_NAME["month-day-year"].blind + r" (?P<component>[\w.$]+) \S+\n(?P<level>[A-Z]+): ",
    ),
    # Python's logging, basicConfig: level:logger:message
    Form("Python logging", r"^(?P<level>DEBUG|INFO|WARNING|ERROR|CRITICAL):(?P<component>[\w.-]+):"),
    # a level first: compilers, pip, apt, uvicorn, git
    Form("level first", rf"^\[?{_ANY_LEVEL}\]?:[ \t]+"),
    Form("level first, in brackets", rf"^\[{_ANY_LEVEL}\] +"),
    Form("npm", r"^npm (?P<level>error|warn|notice|info|ERR|WARN)!? "),
    Form("level letter first", r"^(?P<level>[WEIF]): "),
)

# What stands around another program's line: its header is looked for behind it.
WRAPPERS = (
    # Kubernetes' CRI: time stream P|F line
    Form("CRI", rf"^{_ISO} (?P<stream>stdout|stderr) [PF] "),
    # docker compose logs, kubectl logs --prefix
    Form("compose", r"^(?P<component>[\w.-]+) +\| "),
    Form("kubectl", r"^\[pod/(?P<host>[\w.-]+)/(?P<component>[\w.-]+)\] "),
)
