"""The page about metrics names every metric that is shown, and no other."""

import re
from pathlib import Path

from support.ledger import a_cloud_line, a_line
from tandem.core.ports import Health
from tandem.ledger.store import SqliteLedger
from tandem.server.metrics import Measured, Metrics
from tandem.server.telemetry import Gauges

PAGE = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text(encoding="utf-8")


def test_every_metric_is_on_the_page(tmp_path: Path) -> None:
    metrics = Metrics()
    metrics.watch(Gauges(health=lambda: {"far": Health()}, ledger=SqliteLedger(tmp_path)))
    metrics.record(Measured(route="/", status=200, model="m", place="device", seconds=1.0, tokens_in=1))
    for line in (a_line(1), a_cloud_line(2, cost_usd=None)):
        metrics.telemetry.observe(line)

    families = re.findall(r"^# TYPE (\S+) (?:counter|gauge|histogram)$", metrics.text().decode(), re.MULTILINE)
    shown = {name for name in families if not name.endswith("_created")}

    assert shown == set(re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE))
