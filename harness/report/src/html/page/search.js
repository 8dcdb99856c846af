// The hits of a search, below its field: at once, wherever one is.

/** So many hits are listed; all of them are in the matrix. */
const HITS = 12;
/** So much of a text is shown around what was sought, in characters. */
const AROUND = 40;

/** Where a text has the word first, with what stands around it; nothing if it has not. */
const excerpt = (text, word) => {
  const at = text.toLowerCase().indexOf(word);
  if (at < 0) return [];
  const from = Math.max(0, at - AROUND);
  const to = Math.min(text.length, at + word.length + AROUND);
  const mark = make("mark", {}, text.slice(at, at + word.length));
  return [from > 0 ? "… " : "", text.slice(from, at), mark, text.slice(at + word.length, to), to < text.length ? " …" : ""];
};

/** A hit: the cell, its outcome, and where the first word is that its id does not have. */
const hit = (cell, sought) => {
  const outcome = [cell.label, cell.time, cell.error].filter((text) => text !== "–").join(" ");
  const elsewhere = sought.find((word) => !cell.id.toLowerCase().includes(word));
  const found = elsewhere === undefined ? [] : excerpt(cell.said, elsewhere);
  const where = found.length ? [make("small", {}, ...found)] : [];
  const link = make("a", { href: `#${cell.id}`, class: `b-${cell.behaviour}` }, make("b", {}, cell.id), " ", make("span", {}, outcome), ...where);
  return make("li", {}, link);
};

/** Draws the list, or puts it away: it is there while something is sought and the search has the focus. */
const drawHits = () => {
  const list = find("#hits");
  const form = find("form.search");
  const open = Boolean(selection.q) && form.contains(document.activeElement);
  list.hidden = !open;
  find("#search").setAttribute("aria-expanded", String(open));
  // A list that is drawn anew would take the focus from the hit that has it.
  if (!open || list.contains(document.activeElement)) return;
  const found = [...cells.values()].filter((cell) => cell.shown);
  const count = say("found", { count: found.length, cells: plural(cells.size, "cell") });
  const items = found.slice(0, HITS).map((cell) => hit(cell, sought()));
  const more = found.length > HITS ? [make("li", { class: "note" }, make("a", { href: `#${overviewText()}` }, say("more", { count: found.length - HITS })))] : [];
  list.replaceChildren(make("li", { class: "note", role: "status" }, count), ...items, ...more);
};

/** The arrows lead from the field through the hits and back. */
const moveInHits = (event) => {
  const form = find("form.search");
  if (!form.contains(event.target) || !["ArrowDown", "ArrowUp"].includes(event.key) || find("#hits").hidden) return false;
  const stops = [find("#search"), ...all("#hits a")];
  const at = stops.indexOf(event.target) + (event.key === "ArrowDown" ? 1 : -1);
  event.preventDefault();
  stops[at]?.focus();
  return true;
};

const startSearch = () => {
  const form = find("form.search");
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (!find("#cell").hidden) {
      location.hash = overviewText();
      route();
    }
    find("a.chip")?.focus();
  });
  find("#search").addEventListener("input", (event) => {
    selection.q = event.target.value.trim();
    update();
  });
  form.addEventListener("focusin", drawHits);
  // What gets the focus is known only afterwards.
  form.addEventListener("focusout", () => setTimeout(drawHits));
  // A hit that is followed takes the focus away from the list.
  find("#hits").addEventListener("click", (event) => {
    const link = event.target.closest("a");
    if (!link) return;
    find("#hits").hidden = true;
    link.blur();
  });
};
