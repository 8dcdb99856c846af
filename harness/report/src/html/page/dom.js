// Few helpers; everything else is the browser's own.

const find = (selector, root = document) => root.querySelector(selector);
const all = (selector, root = document) => [...root.querySelectorAll(selector)];

/** An element with attributes (`undefined` and `false`: left out) and children. Text stays text. */
const make = (tag, attributes = {}, ...children) => {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) element.setAttribute(name, "");
    else if (value !== undefined && value !== false) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
};

/** The texts in the report's language, by their names. */
const words = JSON.parse(find('meta[name="lvs-matrix-words"]').content);

/** A text with what stands in its braces filled in. */
const say = (name, values = {}) => words[name].replace(/\{(\w+)\}/g, (_, key) => values[key]);

/** `1 cell`, `24 cells`. */
const plural = (count, noun) => say(count === 1 ? noun : `${noun}s`, { count });
