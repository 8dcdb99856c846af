// What the tables say, and what is selected of it. The selection is part of the address, so that it can be sent to others:
// #config-change?behaviour=hung&rows:config-change=mysqld&config-change:client=waiting

/** Scenarios by name: { name, section, axes: [{ name, values }], cells, rows, columns, only: { axis: value } }. */
const scenarios = new Map();
/** Cells by id: { id, scenario, row, values, behaviour, verdict, heat, cause, label, time, error, said, text, chip }. */
const cells = new Map();

const GROUPS = {
  behaviour: ["answered", "failed-fast", "hung", "undetermined"],
  verdict: ["met", "violated", "untested", "undetermined", "observed", "missing"],
};

const selection = { q: "", cause: "", behaviour: new Set(), verdict: new Set() };

const readTables = () => {
  for (const section of all("section.scenario")) {
    const axes = all("th[data-axis]", section).map((th) => ({ name: th.dataset.axis, values: [] }));
    const scenario = { name: section.id, section, axes, cells: [], only: {} };
    for (const row of all("tr[data-cell]", section)) {
      const columns = [...row.cells].map((cell) => cell.textContent);
      const values = columns.slice(0, axes.length);
      values.forEach((value, index) => {
        if (!axes[index].values.includes(value)) axes[index].values.push(value);
      });
      const [label, time, error] = columns.slice(axes.length);
      const { cell: id, behaviour, verdict, heat, cause, words: searched } = row.dataset;
      // The names of behaviours and verdicts in scenarios find a cell whatever the report's language.
      const said = [...columns, behaviour, verdict, cause, searched].join(" · ");
      const text = `${id} ${said}`.toLowerCase();
      const cell = { id, scenario, row, values, behaviour, verdict, heat, cause, label, time, error, said, text, shown: true };
      scenario.cells.push(cell);
      cells.set(id, cell);
    }
    scenarios.set(scenario.name, scenario);
    setDefaultAxes(scenario);
  }
};

/** Columns: the axis with the most values that still fits across a page. Rows: of the others, the one with the most. */
const setDefaultAxes = (scenario) => {
  const most = (axes) => axes.reduce((best, axis) => (!best || axis.values.length > best.values.length ? axis : best), null);
  const several = scenario.axes.filter((axis) => axis.values.length > 1);
  const columns = several.length > 1 ? most(several.filter((axis) => axis.values.length <= 5)) : null;
  const rows = most(several.filter((axis) => axis !== columns));
  scenario.columns = scenario.defaultColumns = columns?.name ?? "";
  scenario.rows = scenario.defaultRows = rows?.name ?? "";
};

const matches = (cell, sought) =>
  sought.every((word) => cell.text.includes(word)) &&
  (!selection.cause || cell.cause === selection.cause) &&
  (!selection.behaviour.size || selection.behaviour.has(cell.behaviour)) &&
  (!selection.verdict.size || selection.verdict.has(cell.verdict)) &&
  cell.scenario.axes.every((axis, index) => !(axis.name in cell.scenario.only) || cell.scenario.only[axis.name] === cell.values[index]);

/** The words that must all occur. */
const sought = () => selection.q.toLowerCase().split(/\s+/).filter(Boolean);

/** Sets `shown` of every cell; returns how many are. */
const select = () => {
  const all = sought();
  let count = 0;
  for (const cell of cells.values()) {
    cell.shown = matches(cell, all);
    if (cell.row.hidden === cell.shown) cell.row.hidden = !cell.shown;
    if (cell.shown) count += 1;
  }
  return count;
};

/** The selection as it is written into the address, without what is as it was at first. */
const selectionText = () => {
  const parts = [];
  if (selection.q) parts.push(`q=${encodeURIComponent(selection.q)}`);
  if (selection.cause) parts.push(`cause=${selection.cause}`);
  for (const group of Object.keys(GROUPS)) {
    if (selection[group].size) parts.push(`${group}=${[...selection[group]].join(",")}`);
  }
  for (const { name, rows, columns, defaultRows, defaultColumns, only } of scenarios.values()) {
    if (rows !== defaultRows) parts.push(`rows:${name}=${rows}`);
    if (columns !== defaultColumns) parts.push(`columns:${name}=${columns}`);
    for (const [axis, value] of Object.entries(only)) parts.push(`${name}:${axis}=${value}`);
  }
  return parts.join("&");
};

/** The other way round; what is not of this report is left out. */
const readSelection = (text) => {
  const parameters = new URLSearchParams(text);
  selection.q = parameters.get("q") ?? "";
  // A plus sign in an address is a blank.
  const cause = (parameters.get("cause") ?? "").replaceAll(" ", "+");
  selection.cause = [...cells.values()].some((cell) => cell.cause === cause) ? cause : "";
  for (const [group, known] of Object.entries(GROUPS)) {
    selection[group] = new Set((parameters.get(group) ?? "").split(",").filter((value) => known.includes(value)));
  }
  for (const scenario of scenarios.values()) {
    const axis = (name) => scenario.axes.some((axis) => axis.name === name);
    const rows = parameters.get(`rows:${scenario.name}`);
    const columns = parameters.get(`columns:${scenario.name}`);
    scenario.rows = axis(rows) ? rows : scenario.defaultRows;
    scenario.columns = columns === "" || axis(columns) ? columns : scenario.defaultColumns;
    if (scenario.columns === scenario.rows) scenario.columns = "";
    scenario.only = {};
    for (const { name, values } of scenario.axes) {
      const value = parameters.get(`${scenario.name}:${name}`);
      if (values.includes(value)) scenario.only[name] = value;
    }
  }
};
