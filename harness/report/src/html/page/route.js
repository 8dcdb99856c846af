// Where we are: the address says it, so the browser's own way back is ours.

let lastOverview = "";
let scrolled = 0;
/** No address of ours is longer; of another's this much is shown. */
const LONGEST_PLACE = 200;
/** Was the cell that is shown reached from the overview, so that one step back leads there? */
let oneStepFromOverview = false;

const parts = () => {
  const hash = location.hash.slice(1);
  const at = hash.indexOf("?");
  const [path, text] = at < 0 ? [hash, ""] : [hash.slice(0, at), hash.slice(at + 1)];
  try {
    return { path: decodeURIComponent(path), text };
  } catch {
    return { path, text };
  }
};

/** The overview as it is selected: all maps, the filters, and how many cells are left. */
const draw = () => {
  const count = select();
  for (const scenario of scenarios.values()) drawMap(scenario);
  for (const button of all(".filters button[data-group]")) {
    button.setAttribute("aria-pressed", selection[button.dataset.group].has(button.value));
  }
  if (find("#search").value.trim() !== selection.q) find("#search").value = selection.q;
  find("#found").textContent = say(count === cells.size ? "all-found" : "found", { count, cells: plural(cells.size, "cell") });
  const some = Boolean(selectionText());
  find("#clear").hidden = !some;
  drawHits();
};

/** The address of the overview as it is selected. */
const overviewText = () => {
  const { path } = parts();
  const text = selectionText();
  const ofCell = cells.has(path.split("/").slice(0, 2).join("/"));
  return (ofCell ? "" : path) + (text ? `?${text}` : "");
};

/** After a change of the selection: the address follows, without a step in the history, and the focus stays where it was. */
const update = () => {
  const focused = document.activeElement;
  const map = focused.closest?.(".map");
  const at = map ? all("select", map).indexOf(focused) : -1;
  lastOverview = overviewText();
  // In a cell the address stays the cell's: its way back leads to what is selected now.
  if (find("#cell").hidden) history.replaceState(null, "", `#${lastOverview}`);
  else find("#cell .back")?.setAttribute("href", `#${lastOverview}`);
  draw();
  if (at >= 0) all("select", map)[at]?.focus();
};

const show = (what) => {
  find("#overview").hidden = what !== "overview";
  find("#cell").hidden = what !== "cell";
};

const route = () => {
  const { path, text } = parts();
  const id = path.split("/").slice(0, 2).join("/");
  const before = find("#cell").hidden ? "overview" : "cell";
  if (cells.has(id)) {
    if (before === "overview") scrolled = scrollY;
    oneStepFromOverview = before === "overview" && started;
    openCell(id);
    show("cell");
    document.title = `${id} – lvs-matrix`;
    const place = path === id ? null : document.getElementById(path);
    if (place) goTo(place);
    else {
      scrollTo(0, 0);
      if (started) find("#cell h2").focus({ preventScroll: true });
    }
    return;
  }
  lastOverview = location.hash.slice(1);
  document.title = title;
  if (text !== selectionText()) readSelection(text);
  draw();
  show("overview");
  const last = find("#cell").dataset.cell;
  const link = last && cells.get(last)?.chip;
  const place = path ? document.getElementById(path) : null;
  const lost = Boolean(path) && !place;
  find("#no-such-place").hidden = !lost;
  find("#no-such-place").textContent = lost ? say("no-such-place", { place: path.slice(0, LONGEST_PLACE) }) : "";
  if (lost) find("#no-such-place").scrollIntoView({ block: "center" });
  else if (before === "cell") {
    scrollTo(0, scrolled);
    if (link) focusChip(link);
    delete find("#cell").dataset.cell;
  } else if (place?.matches("details, details *")) goTo(place);
  else if (place) place.scrollIntoView();
};

const leaveCell = () => {
  if (oneStepFromOverview) history.back();
  else location.hash = lastOverview;
};

const keys = (event) => {
  const search = find("#search");
  const writing = event.target.matches?.("input, select, textarea");
  if (event.key === "/" && !writing && !event.ctrlKey && !event.metaKey && !event.altKey) {
    event.preventDefault();
    search.focus();
    search.select();
  } else if (event.key === "Escape" && find("form.search").contains(event.target)) {
    if (selection.q) {
      search.focus();
      selection.q = "";
      update();
    } else if (find("#cell").hidden) find("a.chip")?.focus();
    else find("#cell h2")?.focus();
  } else if (moveInHits(event)) {
    // The focus has moved.
  } else if (event.key === "Escape" && !writing && !find("#cell").hidden) leaveCell();
  else moveInMap(event);
};

const filterButtons = () => {
  const groups = Object.entries(GROUPS).map(([group, values]) => {
    const buttons = values.map((value) => {
      const count = [...cells.values()].filter((cell) => cell[group] === value).length;
      if (!count) return null;
      const attributes = { type: "button", value, "data-group": group, class: `tag ${group[0]}-${value}`, "aria-pressed": "false" };
      const button = make("button", attributes, words[value], " ", make("small", {}, String(count)));
      button.addEventListener("click", () => {
        if (!selection[group].delete(value)) selection[group].add(value);
        update();
      });
      return button;
    });
    return make("div", { role: "group", "aria-label": words[group] }, make("span", {}, words[group]), ...buttons.filter(Boolean));
  });
  const clear = make("button", { type: "button", id: "clear", hidden: true }, words["show-all"]);
  clear.addEventListener("click", () => {
    readSelection("");
    update();
    find("#search").focus();
  });
  find(".filters .groups").append(...groups, clear);
};

const printing = () => {
  const closed = [];
  addEventListener("beforeprint", () => {
    closed.push(...all("main:not([hidden]) details:not([open])"));
    for (const details of closed) details.open = true;
  });
  addEventListener("afterprint", () => {
    for (const details of closed.splice(0)) details.open = false;
  });
};

let started = false;
let title = "";

addEventListener("DOMContentLoaded", () => {
  title = document.title;
  history.scrollRestoration = "manual";
  for (const link of all("a[data-selection]")) link.hash += `?${link.dataset.selection}`;
  startTheme();
  readTables();
  filterButtons();
  for (const scenario of scenarios.values()) addEffects(scenario);
  for (const details of all("details.all")) details.open = false;
  startSearch();
  addEventListener("keydown", keys);
  addEventListener("hashchange", route);
  find(".skip").addEventListener("click", (event) => {
    event.preventDefault();
    find("main:not([hidden])").focus();
  });
  printing();
  route();
  started = true;
});
