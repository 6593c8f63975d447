// Ties the page together: which questions, which arms, which line.

const MOST = 8;
const state = { group: "all", chosen: new Set(chosenAtFirst()) };

// All arms, or where there are many the baseline and the best.
function chosenAtFirst() {
  if (ARMS.length <= MOST) return ARMS;
  const mean = (arm) => (arm.name === DATA.baseline ? 2 : arm.groups.all[PRIMARY].mean);
  return [...DATA.arms].sort((a, b) => mean(b) - mean(a)).slice(0, MOST).map((arm) => arm.name);
}

function draw() {
  byId("plot-budget").replaceChildren(drawBudget(state.group, state.chosen));
  byId("plot-losses").replaceChildren(drawLosses(state.group, state.chosen));
  byId("plot-strata").replaceChildren(drawStrata(state.group, state.chosen));
  byId("plot-documents").replaceChildren(drawDocuments(state.group, byId("document-arm").value));
  for (const table of document.querySelectorAll("[data-group]")) table.hidden = table.dataset.group !== state.group;
  for (const test of document.querySelectorAll("[data-of]")) test.hidden = test.dataset.of !== state.group;
  for (const button of byId("groups").children) button.setAttribute("aria-pressed", button.value === state.group);
  for (const button of byId("legend").children) button.setAttribute("aria-pressed", state.chosen.has(button.value));
}

function choices(select, pairs) {
  select.replaceChildren(...pairs.map(([value, label]) => h("option", { value }, label)));
}

function bar() {
  const groups = Object.keys(DATA.groups).filter((group) => DATA.arms.some((arm) => arm.groups[group]));
  byId("groups").append(...groups.map((group) => h("button", { type: "button", value: group, onclick: () => { state.group = group; draw(); } }, group)));
  const toggle = (name) => { if (!state.chosen.delete(name)) state.chosen.add(name); draw(); };
  byId("legend").append(...ARMS.map((name) => h("button", { type: "button", value: name, title: "show or hide in the plots", onclick: () => toggle(name) }, key(name), name)));
  for (const place of document.querySelectorAll(".key[data-arm]")) place.append(key(place.dataset.arm));
  choices(byId("document-arm"), OTHERS.map((name) => [name, name]));
  if (DATA.leader) byId("document-arm").value = DATA.leader;
  byId("document-arm").addEventListener("change", draw);
}

function explorer() {
  const lines = DATA.questions.map((question) => [question, questionLine(question)]);
  byId("questions").append(...lines.map(([, element]) => element));
  choices(byId("f-stratum"), [["", "all"], ...STRATA.map((name) => [name, name])]);
  choices(byId("f-arm"), [["", "any"], ...ARMS.map((name) => [name, name])]);
  choices(byId("f-outcome"), [["", "any"], ["hit", "answered"], ["missed", "missed"], ["ranking", "missed: ranking"], ["splitter", "missed: splitter"], ["parser", "missed: parser"], ["differ", "arms differ"]]);
  const filter = () => {
    const wanted = { text: byId("f-text").value.trim(), stratum: byId("f-stratum").value, arm: byId("f-arm").value, outcome: byId("f-outcome").value };
    let shown = 0;
    for (const [question, element] of lines) {
      element.hidden = !passes(question, wanted);
      shown += !element.hidden;
    }
    byId("f-count").textContent = `${shown} of ${lines.length} questions`;
  };
  byId("filters").addEventListener("input", filter);
  byId("filters").addEventListener("submit", (event) => event.preventDefault());
  filter();
}

bar();
explorer();
draw();
