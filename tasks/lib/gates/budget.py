"""The gate `budget`: what is left of the errors that the service may make."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import console
from ..telemetry import names
from ..telemetry.prometheus import Prometheus, Unanswered, matching
from .about import About, Answer

if TYPE_CHECKING:
    from ..settings import Environment

PERIOD = "30d"  # that the objective is for; prometheus/optional/slo.yml
DAYS = PERIOD.replace("d", " days")
LIMIT = 5.0  # seconds for an answer: it sums over the period


def budget(about: About) -> Answer:
    """The error budget isn't spent, where there is an objective and a Prometheus that knows it."""
    own = about.environment
    if not own.observability.prometheus:
        return Answer(says="no Prometheus is named")
    try:
        with Prometheus(own.observability.prometheus, LIMIT) as prometheus:
            return _left(prometheus, about.settings.app, own)
    except Unanswered as error:
        return _unknown(own, str(error))


def _left(prometheus: Prometheus, app: str, own: Environment) -> Answer:
    objective = [each.value for each in prometheus.query(names.OBJECTIVE) if each.value > 0]
    if not objective:
        return Answer(says="there is no objective")
    about = matching({"job": app, "environment": own.name})
    found = prometheus.query(
        f"sum(sum_over_time({names.ERRORS}{about}[{PERIOD}]))"
        f" / (sum(sum_over_time({names.RATE}{about}[{PERIOD}])) > 0)"
    )
    if not found:
        return Answer(says=f"no request in {DAYS}")
    ratio, allowed = found[0].value, min(objective)
    said = f"{ratio:.3%} of the requests of {DAYS} failed, and {allowed:.3%} may"
    if ratio < allowed:
        return Answer(says=said)
    return Answer(
        f"the error budget of {own.name} is spent ({said}): mend what fails first,"
        f" `inv monitor --env={own.name}`."
    )


def _unknown(own: Environment, why: str) -> Answer:
    """Not to know is no leave, but where the configuration says that it is."""
    if own.thresholds.nodata == "pass":
        console.warn(f"whether the error budget of {own.name} is spent is not known: {why}")
        return Answer(says="not known, and thresholds.nodata is pass")
    return Answer(f"whether the error budget of {own.name} is spent is not known: {why}")
