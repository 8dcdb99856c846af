// What one axis changes while all others stay: the answer to "what do I gain by this setting?".

/** So many values of an axis are compared with its first, and so many changes of one of them are listed. */
const COMPARED = 24;
/** Of so few outcomes every change is listed. */
const FEW = 4;

const outcome = (cell) => (cell.error === "–" ? cell.label : `${cell.label} ${cell.error}`);

const effect = (scenario, at, first, other) => {
  const rest = (cell) => cell.values.toSpliced(at, 1).join("/");
  // Outcomes that are not known are not compared.
  const known = scenario.cells.filter((cell) => cell.behaviour !== "undetermined");
  const base = new Map(known.filter((cell) => cell.values[at] === first).map((cell) => [rest(cell), cell]));
  const pairs = known.filter((cell) => cell.values[at] === other && base.has(rest(cell))).map((cell) => [base.get(rest(cell)), cell]);
  if (!pairs.length) return null;
  const changed = pairs.filter(([before, after]) => outcome(before) !== outcome(after));
  const text = say("changes", { first, other, count: changed.length, outcomes: plural(pairs.length, "outcome") });
  const item = make("li", {}, make("b", {}, called(scenario.axes[at].name)), ` ${text}`);
  // An axis that changes nearly everything is another situation, not a setting: the matrix itself tells that better.
  if (changed.length && (changed.length * 2 <= pairs.length || pairs.length <= FEW)) {
    const lines = changed.slice(0, COMPARED).map(([before, after]) =>
      make("li", {}, make("a", { href: `#${after.id}` }, after.id.split("/")[1]), say("said", { cell: "", text: `${outcome(before)} → ${outcome(after)}` })),
    );
    if (changed.length > COMPARED) lines.push(make("li", {}, say("more", { count: changed.length - COMPARED })));
    item.append(make("ul", {}, ...lines));
  }
  return item;
};

/** Adds the list to a scenario with an axis of several values. */
const addEffects = (scenario) => {
  const items = scenario.axes.flatMap((axis, at) =>
    axis.values.slice(1, COMPARED + 1).map((value) => effect(scenario, at, axis.values[0], value)),
  );
  const list = items.filter(Boolean);
  if (!list.length) return;
  const details = make("details", {}, make("summary", {}, words.effects), make("ul", { class: "effects" }, ...list));
  find(".map", scenario.section).after(details);
};
