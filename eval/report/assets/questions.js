// The list of questions: a line each, and what every arm retrieved once it is opened.

const CHIP = { ranking: (asked) => String(asked.rank), splitter: () => "S", parser: () => "P" };
const stateOf = (asked) => (asked.hit ? "hit" : asked.reason);

function verdictOf(asked) {
  if (asked.hit) return `answered at rank ${asked.hits[0] || asked.rank}`;
  const closest = asked.coverage ? `; the closest passage covers ${percent(asked.coverage)}` : "";
  const cut = asked.hits.length ? ", cut at the border of the budget" : "";
  const where = asked.reason === "ranking" ? ` (rank ${asked.rank}${cut})` : closest;
  return `missed by the ${asked.reason}: ${DATA.reasons[asked.reason]}${where}`;
}

function questionLine(question) {
  const chips = ARMS.map((name) => {
    const asked = question.arms[name];
    const state = stateOf(asked);
    const said = state === "hit" ? String(asked.hits[0] || asked.rank) : CHIP[state](asked);
    return h("span", { class: `chip ${state}`, title: `${name}: ${verdictOf(asked)}` }, said);
  });
  const summary = h("summary", {}, h("span", {}, question.question),
    h("span", { class: "meta" }, `${question.id} · ${question.stratum} · ${question.doc}`), h("span", { class: "row" }, ...chips));
  const details = h("details", { class: "q" }, summary);
  details.addEventListener("toggle", () => {
    if (details.open && details.childElementCount === 1) details.append(questionDetail(question));
  });
  return details;
}

function questionDetail(question) {
  const words = wordsOf(question);
  const opened = byId("f-arm").value;
  const arms = ARMS.map((name) => armDetail(question, name, words, ARMS.length <= 4 || name === opened));
  return h("div", { class: "detail" }, h("dl", { class: "pair" }, h("dt", {}, "Answer"), h("dd", {}, question.answer || "–"),
    h("dt", {}, "Evidence"), h("dd", {}, ...question.golds.map(evidenceOf))), ...arms);
}

function evidenceOf(gold) {
  const parts = gold.evidence.length ? gold.evidence : [["", "any passage of the document"]];
  const pages = gold.pages.length ? `, page ${gold.pages.join(", ")}` : "";
  return h("div", { class: "evidence" }, ...parts.map(([what, words]) =>
    h("div", {}, what && what !== "text" ? h("i", {}, what) : "", h("span", { class: what === "tex" ? "tex" : null }, words))),
    h("small", {}, `${gold.doc}${pages}`));
}

// Words of the evidence that say something: three letters or more, or a digit.
function wordsOf(question) {
  const parts = question.golds.flatMap((gold) => gold.evidence.filter(([what]) => what !== "caption" && what !== "lead").map(([, words]) => words));
  const common = new Set("the and for that with are was were this from has have not but its which than can been into also".split(" "));
  return new Set((parts.join(" ").toLowerCase().match(/[\p{L}\p{N}.]+/gu) || []).filter((word) => (word.length > 2 || /\d/.test(word)) && !common.has(word)));
}

function marked(passage, words) {
  return passage.split(/([\p{L}\p{N}.]+)/gu).map((part, i) => (i % 2 && words.has(part.toLowerCase()) ? h("mark", {}, part) : part));
}

function armDetail(question, name, words, open) {
  const asked = question.arms[name];
  const state = stateOf(asked);
  const summary = h("summary", {}, h("span", { class: "key" }, key(name)), h("b", {}, name), h("small", {}, verdictOf(asked)));
  const details = h("details", { class: `arm ${state}`, "data-arm": name }, summary);
  const fillIn = () => {
    if (details.childElementCount > 1) return;
    const docs = new Set(question.golds.map((gold) => gold.doc));
    let spent = 0;
    const list = asked.shown.map((number, i) => {
      spent += DATA.texts[number][1];
      return passage(number, i + 1, asked.hits.includes(i + 1), docs, words, spent > DATA.primary);
    });
    if (asked.more) list.push(h("p", { class: "note" }, `and ${asked.more} more within the budget`));
    if (asked.best !== undefined) {
      const label = asked.rank ? `Rank ${asked.rank} holds the evidence:` : `The closest passage, which covers ${percent(asked.coverage)} of the evidence:`;
      list.push(h("p", { class: "note" }, label), passage(asked.best, asked.rank || "–", Boolean(asked.rank), docs, words));
    }
    details.append(h("div", {}, ...list));
  };
  details.addEventListener("toggle", fillIn);
  if (open) {
    fillIn();
    details.open = true;
  }
  return details;
}

function passage(number, rank, holds, docs, words, cut = false) {
  const [doc, tokens, content] = DATA.texts[number];
  const summary = h("summary", {}, h("b", {}, String(rank)), h("span", { title: cut ? "judged on what was left of the budget" : null }, `${tokens} tokens${cut ? ", cut" : ""}`),
    h("span", { title: doc }, holds ? `✓ ${doc}` : doc), h("span", {}, content.slice(0, 200).replace(/\s+/g, " ")));
  const shown = docs.has(doc) ? marked(content, words) : [content];
  return h("details", { class: holds ? "passage holds" : "passage", open: holds }, summary, h("div", { class: "text" }, ...shown));
}

function passes(question, filter) {
  if (filter.stratum && question.stratum !== filter.stratum) return false;
  const states = (filter.arm ? [filter.arm] : ARMS).map((name) => stateOf(question.arms[name]));
  const hits = states.filter((state) => state === "hit").length;
  if (filter.outcome === "missed" && hits === states.length) return false;
  if (filter.outcome === "differ" && (ARMS.map((name) => question.arms[name].hit).every((hit, _, all) => hit === all[0]))) return false;
  if (filter.outcome && !["missed", "differ"].includes(filter.outcome) && !states.includes(filter.outcome)) return false;
  if (!filter.text) return true;
  const where = [question.id, question.doc, question.question, question.answer].join(" ").toLowerCase();
  return filter.text.toLowerCase().split(/\s+/).every((word) => where.includes(word));
}
