"use strict";
// The data, elements without markup from strings, and what all plots share: colours, marks, axes.

const DATA = JSON.parse(document.getElementById("data").textContent);
const ARMS = DATA.arms.map((arm) => arm.name);
const PRIMARY = `recall@${DATA.primary}`;
const WITHIN = `within ${DATA.primary.toLocaleString("en")} tokens`;
const STRATA = DATA.groups.all;

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== ""));
  return element;
}
const h = (tag, attributes, ...children) => fill(document.createElement(tag), attributes, children);
const s = (tag, attributes, ...children) => fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
const byId = (id) => document.getElementById(id);
const percent = (share) => `${Math.round(100 * share)} %`;
const signed = (value) => (value > 0 ? "+" : value < 0 ? "−" : "") + Math.abs(value).toFixed(2);

// Colours of Okabe and Ito, which the colour-blind can tell apart; after seven arms the mark changes as well.
const OTHERS = ARMS.filter((name) => name !== DATA.baseline);
function look(name) {
  const i = OTHERS.indexOf(name);
  return i < 0 ? { colour: "var(--base)", mark: 3 } : { colour: `var(--c${i % 7})`, mark: Math.floor(i / 7) % 3 };
}
function mark(name, x, y, r = 4.5) {
  const { colour, mark: shape } = look(name);
  const at = { fill: colour, class: "mark" };
  if (shape === 0) return s("circle", { ...at, cx: x, cy: y, r });
  if (shape === 1) return s("rect", { ...at, x: x - r, y: y - r, width: 2 * r, height: 2 * r });
  if (shape === 2) return s("path", { ...at, d: `M${x} ${y - r - 1}L${x + r + 1} ${y + r}L${x - r - 1} ${y + r}Z` });
  return s("path", { ...at, d: `M${x} ${y - r - 1}L${x + r + 1} ${y}L${x} ${y + r + 1}L${x - r - 1} ${y}Z` });
}
const key = (name) => s("svg", { width: 14, height: 14, viewBox: "0 0 14 14", "aria-hidden": "true" }, mark(name, 7, 7));

function canvas(width, height, label, ...children) {
  return s("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label }, s("title", {}, label), ...children);
}
const text = (x, y, words, attributes = {}) => s("text", { x, y, ...attributes }, words);
const line = (x1, y1, x2, y2, attributes = {}) => s("line", { x1, y1, x2, y2, ...attributes });
const scale = (from, to, start, end) => (value) => start + ((value - from) / (to - from)) * (end - start);

// A range of round tenths around the values, within 0 and 1.
function span(values) {
  const low = Math.max(0, Math.floor(Math.min(...values) * 10) / 10);
  const high = Math.min(1, Math.ceil(Math.max(...values) * 10) / 10);
  return high > low ? [low, high] : [Math.max(0, low - 0.1), Math.min(1, high + 0.1)];
}
function ticks(low, high, step = high - low > 0.55 ? 0.2 : 0.1) {
  const all = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + 1e-9; i++) all.push(i * step);
  return all;
}
