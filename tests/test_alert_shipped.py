"""`inv alert.configure`, then `inv alert.test`, with the configuration of Alertmanager that ships:
Slack, PagerDuty, OpsGenie, mail and a webhook are told, and are on this machine."""

from __future__ import annotations

from pathlib import Path

import yaml

from tests.support.project import Project
from tests.support.receivers import SECRETS, receivers

VARIABLES = {
    "PAGERDUTY_KEY": SECRETS["pagerduty_key"],
    "OPSGENIE_KEY": SECRETS["opsgenie_key"],
    "SMTP_PASSWORD": SECRETS["smtp_password"],
    "ALERT_WEBHOOK_TOKEN": SECRETS["webhook_token"],
}
WAYS = ("PagerDuty", "OpsGenie", "Slack", "email", "webhook")


def test_a_test_alert_reaches_every_receiver_that_ships(tmp_path: Path) -> None:
    home = tmp_path / "alertmanager"
    home.mkdir()
    project = Project(tmp_path / "a project")
    (project.root / "alertmanager").symlink_to(home)
    with receivers(home) as told, told.alertmanager(told.configuration()) as url:
        file = project.root / "invoke.yaml"
        said = yaml.safe_load(file.read_text())
        stack = {"alertmanager": url, "prometheus": "http://127.0.0.1:9"}
        contacts = {"team lead": "Slack #demo"}
        file.write_text(yaml.safe_dump(said | {"stack": stack, "contacts": contacts}))
        given = VARIABLES | {"SLACK_WEBHOOK_URL": f"{told.site.url}/slack"}
        (project.root / ".env").write_text("".join(f"{k}={v}\n" for k, v in given.items()))
        configured = project.document("alert.configure")["detail"]
        tried = project.document("alert.test", "--severity=critical")["detail"]["arrivals"]
        mail, pages, slack = told.mail.got, told.to("/pagerduty"), told.to("/slack")
        hooks, calls = told.to("/webhook"), told.to("/v2/alerts")
    assert [each for each in configured["receivers"] if each["lacking"]] == []
    assert configured["reloaded"] is True
    outcomes = {(each["receiver"], each["way"]): each["outcome"] for each in tried}
    assert outcomes == {("critical", way): "delivered" for way in WAYS}
    assert "please acknowledge" in str(mail[0]["Subject"]) and "TestAlert" in str(mail[0])
    text = mail[0].get_body(("plain",))
    assert text and "team lead: Slack #demo" in text.get_content(), "whom to call"
    assert pages[0]["routing_key"] == SECRETS["pagerduty_key"]
    assert "please acknowledge" in pages[0]["payload"]["summary"]
    assert hooks[0]["alerts"][0]["labels"]["service"] == "demo-test"
    assert calls and "TestAlert" in str(slack[0])
