// Four plots, each a function of the chosen group of questions and the chosen arms.

const WIDTH = 620;
const ENDS = 20; // documents shown of those that gained most, and of those that lost most
const said = (name, group, interval, what) =>
  s("title", {}, `${name}, ${group}: ${what} ${interval.mean.toFixed(3)}, interval ${interval.low.toFixed(2)} to ${interval.high.toFixed(2)}`);
const inGroup = (group, chosen) => DATA.arms.filter((arm) => chosen.has(arm.name) && arm.groups[group]);
const nothing = () => h("p", { class: "note" }, "No arm is chosen that was asked these questions.");

function drawBudget(group, chosen) {
  const arms = inGroup(group, chosen);
  if (!arms.length) return nothing();
  const recall = (arm, budget) => arm.groups[group][`recall@${budget}`];
  const all = arms.flatMap((arm) => DATA.budgets.flatMap((b) => [recall(arm, b).low, recall(arm, b).high]));
  const [low, high] = span(all);
  const [left, right, top, bottom] = [66, WIDTH - 16, 12, 290];
  const y = scale(low, high, bottom, top);
  const step = (right - left) / DATA.budgets.length;
  const spread = Math.min(11, (step * 0.62) / arms.length);
  const x = (i, k) => left + step * (i + 0.5) + (k - (arms.length - 1) / 2) * spread;
  const axes = [
    ...ticks(low, high).flatMap((t) => [line(left, y(t), right, y(t), { class: "grid" }), text(left - 8, y(t) + 4, percent(t), { "text-anchor": "end", class: "soft" })]),
    ...DATA.budgets.map((b, i) => text(left + step * (i + 0.5), bottom + 20, b.toLocaleString("en"), { "text-anchor": "middle" })),
    text((left + right) / 2, bottom + 42, "retrieved tokens", { "text-anchor": "middle", class: "soft" }),
    text(14, (top + bottom) / 2, "questions answered", { "text-anchor": "middle", class: "soft", transform: `rotate(-90 14 ${(top + bottom) / 2})` }),
  ];
  const series = arms.map((arm, k) => {
    const { colour } = look(arm.name);
    const points = DATA.budgets.map((b, i) => `${x(i, k)},${y(recall(arm, b).mean)}`).join(" ");
    const dashed = arm.name === DATA.baseline ? "5 4" : null;
    return s("g", {}, s("polyline", { points, fill: "none", stroke: colour, "stroke-width": 2, "stroke-dasharray": dashed, opacity: 0.75 }),
      ...DATA.budgets.map((b, i) => s("g", {}, said(arm.name, group, recall(arm, b), `recall within ${b} tokens`),
        line(x(i, k), y(recall(arm, b).low), x(i, k), y(recall(arm, b).high), { stroke: colour, "stroke-width": 1.6, class: "whisker" }),
        mark(arm.name, x(i, k), y(recall(arm, b).mean)))));
  });
  return canvas(WIDTH, bottom + 52, `Evidence recall by token budget, ${group} questions`, ...axes, ...series);
}

function drawStrata(_, chosen) {
  const names = Object.keys(DATA.groups).filter((group) => DATA.groups[group].length === 1 && inGroup(group, chosen).length);
  if (!names.length) return nothing();
  const [left, right, row] = [96, WIDTH - 54, 15];
  const x = scale(0, 1, left, right);
  let y = 18;
  const parts = [];
  for (const group of names) {
    const arms = inGroup(group, chosen);
    const start = y;
    parts.push(text(left - 14, start + (arms.length * row) / 2, group, { "text-anchor": "end", "font-weight": 600 }),
      text(left - 14, start + (arms.length * row) / 2 + 15, `${arms[0].groups[group].questions} questions`, { "text-anchor": "end", class: "soft", "font-size": 11 }));
    for (const arm of arms) {
      const found = arm.groups[group][PRIMARY];
      const middle = y + row / 2;
      parts.push(s("g", {}, said(arm.name, group, found, `recall ${WITHIN}`),
        line(x(found.low), middle, x(found.high), middle, { stroke: look(arm.name).colour, "stroke-width": 2, class: "whisker" }),
        mark(arm.name, x(found.mean), middle), text(right + 10, middle + 4, percent(found.mean), { class: "soft" })));
      y += row;
    }
    y = Math.max(y, start + 34) + 16;
    if (group !== names[names.length - 1]) parts.push(line(12, y - 8, WIDTH - 8, y - 8, { class: "grid" }));
  }
  const grid = ticks(0, 1).flatMap((t) => [line(x(t), 10, x(t), y, { class: "grid" }), text(x(t), y + 16, percent(t), { "text-anchor": "middle", class: "soft" })]);
  const label = text((left + right) / 2, y + 38, `questions answered ${WITHIN}`, { "text-anchor": "middle", class: "soft" });
  return canvas(WIDTH, y + 48, `Evidence recall ${WITHIN} by stratum`, ...grid, ...parts, label);
}

function drawLosses(group, chosen) {
  const arms = inGroup(group, chosen);
  if (!arms.length) return nothing();
  const longest = Math.max(...arms.map((arm) => arm.name.length));
  const [left, right, row] = [Math.min(250, 36 + 7 * longest), WIDTH - 26, 30];
  const x = scale(0, 1, left, right);
  const kinds = ["reached", "ranking", "splitter", "parser"];
  const parts = kinds.map((kind, i) => s("g", {}, s("rect", { x: 4 + i * 96, y: 2, width: 12, height: 12, rx: 2, fill: `var(--${kind})` }),
    text(4 + i * 96 + 18, 12, i ? `${kind} lost` : "reached", { class: "soft" })));
  parts.push(s("g", {}, line(395, 1, 395, 15, { stroke: "var(--ink)", "stroke-width": 2.5 }), text(403, 12, "ceiling", { class: "soft" })));
  arms.forEach((arm, k) => {
    const found = arm.groups[group];
    const y = 26 + k * row;
    const short = arm.name.length > 30 ? arm.name.slice(0, 29) + "…" : arm.name;
    parts.push(mark(arm.name, 8, y + 11), text(22, y + 15, short, {}));
    let from = 0;
    for (const kind of kinds) {
      const share = kind === "reached" ? found[PRIMARY].mean : found.missed[kind] / found.questions;
      if (share > 0) {
        const label = kind === "reached" ? `reached ${WITHIN}` : `lost: ${DATA.reasons[kind]}`;
        parts.push(s("g", {}, s("title", {}, `${arm.name}: ${percent(share)} ${label}`),
          s("rect", { x: x(from) + 0.5, y, width: Math.max(0.5, x(from + share) - x(from) - 1), height: 22, fill: `var(--${kind})`, class: "mark" }),
          x(share) - left > 34 ? text((x(from) + x(from + share)) / 2, y + 15.5, percent(share), { "text-anchor": "middle", style: `fill: var(--on-${kind === "reached" ? "reached" : "other"})` }) : ""));
      }
      from += share;
    }
    const at = x(found.ceiling.mean);
    parts.push(s("g", {}, said(arm.name, group, found.ceiling, "ceiling"), line(at, y - 3, at, y + 25, { stroke: "var(--ink)", "stroke-width": 2.5 })));
  });
  const end = 26 + arms.length * row;
  const axis = ticks(0, 1).map((t) => text(x(t), end + 14, percent(t), { "text-anchor": "middle", class: "soft" }));
  return canvas(WIDTH, end + 42, `Questions reached and lost, ${group}`, ...parts, ...axis, text((left + right) / 2, end + 36, "share of questions", { "text-anchor": "middle", class: "soft" }));
}

// Mean difference to the baseline of each document that has questions of the group, from most won to most lost.
function byDocument(group, arm) {
  const sums = new Map();
  for (const q of DATA.questions) {
    if (!DATA.groups[group].includes(q.stratum)) continue;
    const row = sums.get(q.doc) || { doc: q.doc, sum: 0, n: 0 };
    row.sum += q.arms[arm].hit - q.arms[DATA.baseline].hit;
    row.n += 1;
    sums.set(q.doc, row);
  }
  return [...sums.values()].map((row) => ({ ...row, mean: row.sum / row.n })).sort((a, b) => b.mean - a.mean || (a.doc < b.doc ? -1 : 1));
}

function drawDocuments(group, arm) {
  const all = arm ? byDocument(group, arm) : [];
  if (!all.length) return h("p", { class: "note" }, "There is no other arm to hold against the baseline.");
  const same = all.filter((row) => !row.mean).length;
  const differing = all.length > 12 ? all.filter((row) => row.mean) : all;
  const rows = differing.length > 2 * ENDS ? [...differing.slice(0, ENDS), ...differing.slice(-ENDS)] : differing;
  const [left, right, height, top] = [150, WIDTH - 62, 17, 34];
  const reach = Math.max(0.2, ...all.map((row) => Math.abs(row.mean)));
  const x = scale(-reach, reach, left, right);
  const bottom = top + Math.max(1, rows.length) * height + 6;
  const overall = (DATA.differences[arm] || {})[group];
  const parts = [];
  if (overall) {
    const clip = (value) => x(Math.max(-reach, Math.min(reach, value)));
    parts.push(s("g", {}, said(arm, group, overall, "difference over all questions"),
      s("rect", { x: clip(overall.low), y: top - 6, width: Math.max(1, clip(overall.high) - clip(overall.low)), height: bottom - top + 6, fill: "var(--accent)", opacity: 0.12 }),
      line(clip(overall.mean), top - 6, clip(overall.mean), bottom, { stroke: "var(--accent)", "stroke-dasharray": "3 3" }),
      text(clip(overall.mean), top - 14, `all: ${signed(overall.mean)}`, { "text-anchor": "middle", style: "fill: var(--accent)" })));
  }
  for (const t of [-reach, -reach / 2, 0, reach / 2, reach]) {
    parts.push(line(x(t), top - 6, x(t), bottom, { class: t ? "grid" : "zero" }), text(x(t), bottom + 16, t ? signed(t) : "0", { "text-anchor": "middle", class: "soft" }));
  }
  rows.forEach((row, i) => {
    const y = top + i * height + height / 2;
    const name = row.doc.length > 22 ? row.doc.slice(0, 21) + "…" : row.doc;
    const colour = row.mean > 0 ? "var(--c0)" : row.mean < 0 ? "var(--c1)" : "var(--base)";
    parts.push(s("g", {}, s("title", {}, `${row.doc}: ${signed(row.mean)} over ${row.n} questions`),
      text(left - 10, y + 4, name, { "text-anchor": "end", "font-size": 11 }),
      line(x(0), y, x(row.mean), y, { stroke: colour, "stroke-width": 3 }), s("circle", { cx: x(row.mean), cy: y, r: 4.5, fill: colour, class: "mark" }),
      text(right + 12, y + 4, `n = ${row.n}`, { class: "soft", "font-size": 11 })));
  });
  const between = differing.length - rows.length;
  const rest = [between ? `${between} more between these` : "", same && differing.length < all.length ? `${same} more without a difference` : ""].filter(Boolean);
  const label = text((left + right) / 2, bottom + 38, `difference in recall ${WITHIN}${rest.length ? `; ${rest.join(", ")}` : ""}`, { "text-anchor": "middle", class: "soft" });
  return canvas(WIDTH, bottom + 48, `Difference to ${DATA.baseline} by document, ${arm}, ${group}`, ...parts, label);
}
