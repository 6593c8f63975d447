"""What a run found, in words and in tables of plain text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from eval.datasets import GROUND_TRUTH

HEADLINE = "all"
"""Group that the sentence speaks of."""


def sentences(results: Mapping[str, Any]) -> list[str]:
    """What beats what by how much, how sure that is, and what these questions can show at all.

    The arm that they speak of is the best of all that aren't the baseline, so that its p-value is adjusted for having
    chosen it. An arm that reads ground truth is a ceiling: it is named apart, unless the baseline reads it as well.
    """
    suite, dataset = results["suite"], results["dataset"]
    budget = suite["primary_budget"]
    means = {arm["name"]: arm["groups"][HEADLINE][f"recall@{budget}"]["mean"] for arm in results["arms"]}
    base = suite["baseline"]
    asked = f"{sum(dataset['questions'].values())} questions on {dataset['documents']} documents"
    tests = {test["arm"]: test for test in results["comparisons"] if test["group"] == HEADLINE}
    if not tests:
        return [f"{base} finds the evidence of {percent(means[base])} of {asked} within {budget:,} tokens."]
    best, contenders = leader(results), contending(results)
    test = tests[best]
    found = f"Within {budget:,} retrieved tokens, {best} finds the evidence of {percent(means[best])} of {asked}"
    chosen = f", the best of {len(contenders)} arms" if len(contenders) > 1 else ""
    highest = max((name for name in tests if name not in contenders), key=lambda name: means[name], default=None)
    ceiling = [_ceiling(highest, means[highest], means[best])] if highest else []
    return [
        f"{found}{chosen}; the baseline {base} finds {percent(means[base])}.",
        f"The difference is {interval_in_points(test['difference'])}, {_p(test, len(tests))}: "
        f"{verdict(test, results['method']['alpha'])}.",
        *ceiling,
        can_show(test),
    ]


def _ceiling(arm: str, mean: float, best: float) -> str:
    if mean < best:
        return f"No more is found with ground-truth Markdown, {arm}: {percent(mean)}."
    return f"The ceiling with ground-truth Markdown, {arm}: {percent(mean)}."


def contending(results: Mapping[str, Any]) -> list[str]:
    """Arms that could beat the baseline: none that reads ground truth, unless the baseline or all of them do."""
    base = results["suite"]["baseline"]
    engines = {arm["name"]: arm["engine"] for arm in results["arms"]}
    others = [name for name in engines if name != base]
    fair = [name for name in others if engines[name] != GROUND_TRUTH]
    return others if engines[base] == GROUND_TRUTH or not fair else fair


def leader(results: Mapping[str, Any]) -> str:
    """The contending arm with the highest recall at the primary budget, the first of equals; "" without any."""
    primary = f"recall@{results['suite']['primary_budget']}"
    means = {arm["name"]: arm["groups"][HEADLINE][primary]["mean"] for arm in results["arms"]}
    return max(contending(results), key=lambda name: means[name], default="")


def verdict(test: Mapping[str, Any], alpha: float) -> str:
    """Whether a difference is established, in words."""
    p, mean = test.get("p_arms", test["p"]), test["difference"]["mean"]
    if p > alpha:
        return "no difference is established"
    return "a real gain" if mean > 0 else "a real loss"


def can_show(test: Mapping[str, Any]) -> str:
    """The smallest difference that would come out, in words."""
    if test["smallest"] is None:
        documents = f"{test['documents']} document{' is' if test['documents'] == 1 else 's are'} too few"
        return f"What this set can show at all: {documents if test['documents'] < 6 else 'too little varies'} to say."
    return (
        f"What this set can show at all: a true difference of {100 * test['smallest']:.0f} points or more would be "
        f"found four times in five; smaller ones mostly go unseen."
    )


def percent(share: float) -> str:
    """`72 %`."""
    return f"{100 * share:.0f} %"


def interval_in_points(change: Mapping[str, float]) -> str:
    """`+9.5 points [+2.1, +17.0]`."""
    return f"{100 * change['mean']:+.1f} points [{100 * change['low']:+.1f}, {100 * change['high']:+.1f}]"


def _p(test: Mapping[str, Any], arms: int) -> str:
    if arms == 1:
        return f"p = {p_value(test['p'])}"
    return f"p = {p_value(test['p'])}, {p_value(test['p_arms'])} after Holm's correction for {arms} arms"


def p_value(p: float) -> str:
    """Three digits, more for a small one."""
    return f"{p:.3f}" if p >= 0.001 else f"{p:.4f}"


def summary(results: Mapping[str, Any]) -> str:
    """A table a group (recall at every budget, and the difference to the baseline at the primary one), then words."""
    budgets, primary = results["suite"]["budgets"], results["suite"]["primary_budget"]
    tests = {(test["arm"], test["group"]): test for test in results["comparisons"]}
    lines: list[str] = []
    for group in results["method"]["groups"]:
        arms = [arm for arm in results["arms"] if group in arm["groups"]]
        if not arms:
            continue
        title = f"{group}, {arms[0]['groups'][group]['questions']} questions"
        width = max(len(title), *(len(arm["name"]) for arm in arms))
        heads = "".join(f"{f'@{budget}':>7}" for budget in budgets)
        extra = [name for name in results["method"]["measures"] if name.startswith("lcs@")]
        heads += "".join(f"{name:>7}" for name in extra)
        lines += ["", f"{title:{width}}{heads} ceiling passages tokens  difference@{primary}      p"]
        for arm in arms:
            found = arm["groups"][group]
            names = [*(f"recall@{budget}" for budget in budgets), *extra]
            recalls = "".join(f"{found[name]['mean']:7.3f}" for name in names)
            size = f"{arm['passages']:8} {arm['mean_tokens']:6.0f}"
            end = _difference(tests.get((arm["name"], group)))
            lines.append(f"{arm['name']:{width}}{recalls} {found['ceiling']['mean']:7.3f} {size}  {end}")
    return "\n".join([*lines[1:], "", *sentences(results)])


def _difference(test: Mapping[str, Any] | None) -> str:
    return "baseline" if test is None else f"{interval(test['difference'])} {p_value(test['p']):>6}"


def interval(change: Mapping[str, float]) -> str:
    """`+0.095 [+0.02, +0.17]`."""
    return f"{change['mean']:+.3f} [{change['low']:+.2f}, {change['high']:+.2f}]"


def comparison_table(tests: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """A line a group of `comparison.compare`."""
    width = max(5, *(len(test["group"]) for test in tests))
    yield f"{'group':{width}} questions documents  won lost  difference               p p (Holm) can show"
    for test in tests:
        holm = "" if test["p_holm"] is None else p_value(test["p_holm"])
        smallest = "—" if test["smallest"] is None else f"±{test['smallest']:.2f}"
        sizes = f"{test['questions']:9} {test['documents']:9}  {test['won']:3} {test['lost']:4}"
        end = f"{p_value(test['p']):>7} {holm:>8} {smallest:>8}"
        yield f"{test['group']:{width}} {sizes}  {interval(test['difference']):20} {end}"
