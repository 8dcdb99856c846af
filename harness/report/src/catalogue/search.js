// The search: of the changes, those stay that have all words; of a change, those lines, if the words are in a line.

const start = () => {
  document.documentElement.classList.add("js");
  const field = document.querySelector("#search");
  const changes = [...document.querySelectorAll("details.change")];
  const has = (element, words) => words.every((word) => element.textContent.toLowerCase().includes(word));
  const draw = () => {
    const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const change of changes) {
      const head = change.querySelector("summary").textContent.toLowerCase();
      const left = words.filter((word) => !head.includes(word));
      const rows = [...change.querySelectorAll("tbody tr")];
      for (const row of rows) row.hidden = !has(row, left);
      change.hidden = rows.every((row) => row.hidden);
    }
    for (const section of document.querySelectorAll("main section")) {
      const own = [...section.querySelectorAll("details.change")];
      section.hidden = own.length > 0 ? own.every((change) => change.hidden) : words.length > 0 && !has(section, words);
    }
    document.querySelector("#none").hidden = changes.some((change) => !change.hidden);
    const hash = field.value ? `#q=${encodeURIComponent(field.value)}` : "#";
    if (location.hash !== hash && (location.hash || field.value)) history.replaceState(null, "", hash);
  };
  const read = () => {
    const sought = location.hash.startsWith("#q=") ? location.hash.slice(3) : "";
    try {
      field.value = decodeURIComponent(sought);
    } catch {
      // A lone percent sign, typed by hand.
      field.value = sought;
    }
    draw();
  };
  field.form.addEventListener("submit", (event) => event.preventDefault());
  field.addEventListener("input", draw);
  addEventListener("hashchange", read);
  read();
};

document.addEventListener("DOMContentLoaded", start);
