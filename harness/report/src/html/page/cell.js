// The page of a cell: made of its inert text when it is opened.

let pages;

/** The element of a cell's inert text. */
const source = (id) => {
  pages ??= new Map(all("#cells > noscript").map((element) => [element.dataset.cell, element]));
  return pages.get(id);
};

/** So many values of an axis are offered; of more, those beside the cell's own. */
const OFFERED = 9;

/** For each axis its values, as links to the cells that differ from this one in nothing else. */
const neighbours = (cell) => {
  const { scenario } = cell;
  const byValues = new Map(scenario.cells.map((other) => [other.values.join("/"), other]));
  const lists = scenario.axes.map((axis, at) => {
    if (axis.values.length < 2) return null;
    const own = axis.values.indexOf(cell.values[at]);
    const from = axis.values.length <= OFFERED ? 0 : Math.min(Math.max(0, own - (OFFERED >> 1)), axis.values.length - OFFERED);
    const items = axis.values.slice(from, from + OFFERED).map((value) => {
      const other = byValues.get(cell.values.with(at, value).join("/"));
      if (!other) return make("li", {}, make("span", { class: "none" }, value));
      const name = [value, make("small", {}, `${other.label}${other.time === "–" ? "" : ` ${other.time}`}`)];
      const attributes = { class: `b-${other.behaviour}`, href: `#${other.id}`, "aria-current": other === cell ? "true" : undefined };
      return make("li", {}, make("a", attributes, ...name));
    });
    if (from > 0) items.unshift(make("li", {}, "…"));
    if (from + OFFERED < axis.values.length) items.push(make("li", {}, "…"));
    return make("div", {}, make("dt", {}, called(axis.name)), make("dd", {}, make("ul", {}, ...items)));
  });
  return make("dl", { class: "axes switch" }, ...lists.filter(Boolean));
};

const walk = (cell) => {
  const list = cell.scenario.cells;
  const at = list.indexOf(cell);
  const step = (other, text) => other && make("a", { href: `#${other.id}` }, text);
  const parts = [
    make("a", { href: `#${lastOverview}`, class: "back" }, words.back),
    step(list[at - 1], words.previous),
    step(list[at + 1], words.next),
  ];
  return make("nav", { class: "walk", "aria-label": words["cells-nav"] }, ...parts.filter(Boolean));
};

/** Opens a cell's page; returns false if the report has no such cell. */
const openCell = (id) => {
  const main = find("#cell");
  if (main.dataset.cell === id) return true;
  const text = source(id);
  const cell = cells.get(id);
  if (!text || !cell) return false;
  const page = document.createElement("template");
  page.innerHTML = text.textContent;
  main.replaceChildren(walk(cell), page.content);
  // Or the browser would scroll to it by itself, below the bar at the top.
  find("article", main).removeAttribute("id");
  main.dataset.cell = id;
  find("dl.axes", main)?.replaceWith(neighbours(cell));
  return true;
};

/** Leads to a place in the page that is shown: opens what hides it, and marks it. */
const goTo = (element) => {
  for (const old of all(".hit")) old.classList.remove("hit");
  for (let around = element.closest("details"); around; around = around.parentElement.closest("details")) around.open = true;
  element.classList.add("hit");
  element.scrollIntoView({ block: "center" });
  element.setAttribute("tabindex", "-1");
  element.focus({ preventScroll: true });
};
