"""docs/METRICS.md names every metric that anything asks for; all else is a recording rule."""

import pytest

from tests.support import promql
from tests.support.promql import Said

RULES = {str(rule["record"]) for _, rule in promql.rules() if "record" in rule}
KNOWN = RULES.union(*(promql.stored(each) for each in promql.documented()))


def unknown(said: list[Said]) -> list[str]:
    return [f"{where}: {name}" for where, name in said if name not in KNOWN]


def test_dashboards_and_rules_ask_for_nothing_else() -> None:
    asked = [
        Said(where, name)
        for where, expression in promql.expressions()
        for name in sorted(promql.metrics(expression))
    ]
    assert len(asked) > 20 and not unknown(asked)


def test_the_recipes_name_nothing_else() -> None:
    named = list(promql.in_tasks())
    # Or the beginning of one: what is read off a page may end in _total or not.
    begun = [each for each in named if any(name.startswith(f"{each.text}_") for name in KNOWN)]
    assert len(named) > 10 and not unknown([each for each in named if each not in begun])


def test_no_metric_is_documented_twice() -> None:
    names = [each.name for each in promql.documented()]
    assert len(names) == len(set(names)) and len(names) > 20


@pytest.mark.parametrize(
    ("expression", "asked"),
    [
        ("sum(rate(a_total[5m])) / on (job) b > 0", {"a_total", "b"}),
        ('{__name__="c", job="d"}', {"c"}),
        ("max_over_time((e or f)[1d:5m])", {"e", "f"}),
        ("absent(up{job='x'})", {"up"}),
        ("vector(1)", set()),
    ],
)
def test_what_an_expression_asks_for(expression: str, asked: set[str]) -> None:
    assert promql.metrics(expression) == asked


def test_what_is_no_expression_is_said() -> None:
    with pytest.raises(ValueError):
        promql.metrics("sum(rate(a_total[5m])")
