// The matrix as a heat map: any two axes as rows and columns, the others within each box, or held by a filter.

/** So many cells in one box have their words; of more, each is a mark. */
const WORDED = 6;

const choice = (label, value, options, change) => {
  const select = make("select", {}, ...options.map(([text, name]) => make("option", { value: name, selected: name === value }, text)));
  select.addEventListener("change", () => change(select.value));
  return make("label", {}, `${label} `, select);
};

/** What an axis is called; `@run` is that of the repetitions, which have no name of the author's. */
const called = (name) => (name.startsWith("@") ? words[name] : name);

const controls = (scenario) => {
  const several = scenario.axes.filter((axis) => axis.values.length > 1);
  const bar = make("div", { class: "controls" });
  const names = several.map((axis) => [called(axis.name), axis.name]);
  if (several.length > 1) {
    // Choosing for the rows what the columns are swaps them.
    bar.append(
      choice(words.rows, scenario.rows, names, (name) => {
        if (scenario.columns === name) scenario.columns = scenario.rows;
        scenario.rows = name;
        update();
      }),
      choice(words.columns, scenario.columns, [[words.none, ""], ...names], (name) => {
        if (scenario.rows === name) scenario.rows = scenario.columns || names.find(([, other]) => other !== name)[1];
        scenario.columns = name;
        update();
      }),
    );
  }
  for (const { name, values } of several) {
    if ([scenario.rows, scenario.columns].includes(name) && several.length > 1 && !(name in scenario.only)) continue;
    bar.append(
      choice(called(name), scenario.only[name] ?? "", [[words.any, ""], ...values.map((value) => [value, value])], (value) => {
        if (value) scenario.only[name] = value;
        else delete scenario.only[name];
        update();
      }),
    );
  }
  return bar;
};

/** Cells that say the same but for their time. */
const alike = (cell) => [cell.behaviour, cell.verdict, cell.heat, cell.label, cell.error].join("/");

/** A list by what `key` says of its members, in their order. */
const groups = (list, key) => {
  const found = new Map();
  for (const one of list) {
    if (!found.has(key(one))) found.set(key(one), []);
    found.get(key(one)).push(one);
  }
  return [...found.values()];
};

/** Cells as few blocks: each is every combination of some values of these axes, and has { cells, ranges: [[value]] }. */
const blocks = (list, axes) => {
  const [axis, ...others] = axes;
  if (axis === undefined) return [{ cells: list, ranges: [] }];
  const parts = groups(list, (cell) => cell.values[axis]).flatMap((some) =>
    blocks(some, others).map((block) => ({ ...block, value: some[0].values[axis] })),
  );
  return groups(parts, (part) => JSON.stringify(part.ranges)).map((same) => ({
    cells: same.flatMap((part) => part.cells),
    ranges: [same.map((part) => part.value), ...same[0].ranges],
  }));
};

/** Of which values a block is, by the names of the axes, without those of which it has every value. */
const distinction = (block, scenario, axes) => {
  const known = axes.map((axis, at) => {
    const { name, values } = scenario.axes[axis];
    const range = block.ranges[at];
    return range.length < values.length ? `${called(name)} ${range.join(", ")}` : "";
  });
  const text = known.filter(Boolean).join(" · ");
  return text || (block.cells.length > 1 ? say("all-alike", { count: block.cells.length }) : "");
};

/** The shortest and the longest time of cells, as they stand in the table; `1m2s` is longer than `5s`. */
const span = (list) => {
  const UNITS = { h: 3600, m: 60, s: 1, ms: 1e-3, "µs": 1e-6 };
  const seconds = (time) => [...time.matchAll(/([\d.]+)(h|ms|m|s|µs)/g)].reduce((sum, [, number, unit]) => sum + number * UNITS[unit], 0);
  const times = [...new Set(list.map((cell) => cell.time))].filter((time) => time !== "–");
  const sorted = times.toSorted((one, other) => seconds(one) - seconds(other));
  return sorted.length > 1 ? `${sorted[0]} – ${sorted.at(-1)}` : (sorted[0] ?? "");
};

/** Cells as a link to the first of them. Its name for those who do not see it is everything that it says. */
const chip = (list, rest, worded) => {
  const [cell] = list;
  const note = words[`note-${cell.verdict}`];
  const error = cell.error === "–" ? "" : cell.error;
  const time = span(list);
  const said = [rest, cell.label, time, error, note].filter(Boolean).join(", ");
  const link = make("a", {
    class: `chip b-${cell.behaviour} v-${cell.verdict} h${cell.heat}${worded ? "" : " mark"}`,
    href: `#${cell.id}`,
    tabindex: "-1",
    "data-cell": cell.id,
    "data-count": list.length,
    title: worded ? undefined : said,
    "aria-label": worded ? undefined : said,
  });
  for (const one of list) one.chip = link;
  if (worded) {
    if (rest) link.append(make("span", { class: "rest" }, rest));
    link.append(make("span", { class: "what" }, cell.label), " ", make("b", {}, time));
    if (error) link.append(" ", make("span", { class: "error" }, error));
    if (note) link.append(" ", make("span", { class: "look" }, note));
  }
  return link;
};

const drawMap = (scenario) => {
  const place = find(".map", scenario.section);
  const index = (name) => scenario.axes.findIndex((axis) => axis.name === name);
  const [row, column] = [index(scenario.rows), index(scenario.columns)];
  const rest = scenario.axes.map((_, at) => at).filter((at) => at !== row && at !== column && scenario.axes[at].values.length > 1);
  const free = rest.filter((at) => !(scenario.axes[at].name in scenario.only));
  const boxes = new Map();
  const used = { rows: new Set(), columns: new Set() };
  for (const cell of scenario.cells) {
    if (!cell.shown) continue;
    const key = `${cell.values[row] ?? ""}/${cell.values[column] ?? ""}`;
    used.rows.add(cell.values[row] ?? "");
    used.columns.add(cell.values[column] ?? "");
    if (!boxes.has(key)) boxes.set(key, []);
    boxes.get(key).push(cell);
  }
  const shown = scenario.cells.filter((cell) => cell.shown).length;
  scenario.section.classList.toggle("nothing", shown === 0);
  const most = (list) => groups(list, alike).flatMap((same) => blocks(same, free)).length;
  const worded = Math.max(0, ...[...boxes.values()].map(most)) <= WORDED;
  const fill = (box, list) => {
    const merged = groups(list, alike).flatMap((same) => blocks(same, free));
    box.append(...merged.map((block) => chip(block.cells, distinction(block, scenario, free), worded)));
  };
  /** A value with the name of its axis. */
  const titled = (name, value) => (name ? [make("small", {}, called(name)), " ", value] : [value]);

  const rows = (scenario.axes[row]?.values ?? [""]).filter((value) => used.rows.has(value));
  const columns = (scenario.axes[column]?.values ?? [""]).filter((value) => used.columns.has(value));
  const head = make("thead");
  if (column >= 0) {
    head.append(
      make("tr", { role: "row" },
        make("td", { role: "gridcell", class: "corner" }),
        ...columns.map((value) => make("th", { scope: "col", role: "columnheader" }, ...titled(scenario.columns, value)))),
    );
  } else if (row >= 0) {
    head.append(
      make("tr", { role: "row" },
        make("td", { role: "gridcell", class: "corner" }),
        make("th", { scope: "col", role: "columnheader" }, words["outcome-head"])),
    );
  }
  const body = make("tbody");
  for (const value of rows) {
    const line = make("tr", { role: "row" });
    if (row >= 0) line.append(make("th", { scope: "row", role: "rowheader" }, ...titled(scenario.rows, value)));
    for (const other of columns) {
      const box = make("td", { role: "gridcell", "data-column": column >= 0 ? `${called(scenario.columns)} ${other}` : undefined });
      fill(box, boxes.get(`${value}/${other}`) ?? []);
      line.append(box);
    }
    body.append(line);
  }
  const table = make("table", { role: "grid", "aria-label": say("outcomes-of", { scenario: scenario.name }), class: worded ? "" : "marks" }, head, body);
  table.style.setProperty("--columns", columns.length);
  const note = make("p", { class: "note" });
  if (shown < scenario.cells.length) note.append(say("found", { count: shown, cells: plural(scenario.cells.length, "cell") }), " ");
  if (free.length) note.append(say("in-each-box", { axes: free.map((at) => called(scenario.axes[at].name)).join(" · ") }));
  place.replaceChildren(controls(scenario), note, ...(shown ? [make("div", { class: "scroll" }, table)] : []));
  const first = find("a.chip", table);
  if (first) first.tabIndex = 0;
};

/** One chip of a map takes part in the order of Tab; the arrows lead to the others. */
const focusChip = (link) => {
  for (const other of all('a.chip[tabindex="0"]', link.closest("table"))) other.tabIndex = -1;
  link.tabIndex = 0;
  link.focus();
};

/** The nearest chip in a direction, as it is drawn: a step aside counts for more than a step ahead. */
const neighbour = (link, [right, down]) => {
  const centre = (element) => {
    const box = element.getBoundingClientRect();
    return [box.left + box.width / 2, box.top + box.height / 2];
  };
  const [x, y] = centre(link);
  let best = null;
  let least = Infinity;
  for (const other of all("a.chip", link.closest("table"))) {
    const [left, top] = centre(other);
    const ahead = (left - x) * right + (top - y) * down;
    const aside = Math.abs((left - x) * down) + Math.abs((top - y) * right);
    if (other !== link && ahead > 1 && ahead + 4 * aside < least) {
      least = ahead + 4 * aside;
      best = other;
    }
  }
  return best;
};

const ARROWS = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] };

const moveInMap = (event) => {
  const link = event.target.closest?.("a.chip");
  if (!link || event.ctrlKey || event.metaKey || event.altKey) return;
  const chips = () => all("a.chip", link.closest("table"));
  let to = null;
  if (event.key in ARROWS) to = neighbour(link, ARROWS[event.key]);
  else if (event.key === "Home") to = chips()[0];
  else if (event.key === "End") to = chips().at(-1);
  else return;
  event.preventDefault();
  if (to) focusChip(to);
};
