// Light, dark, or what the system says. The choice is kept where the browser lets a page keep anything.

const THEMES = ["auto", "light", "dark"];
const THEME_KEY = "lvs-matrix-theme";

const keptTheme = () => {
  try {
    return localStorage.getItem(THEME_KEY);
  } catch {
    return null;
  }
};

const setTheme = (theme) => {
  document.documentElement.dataset.theme = theme;
  const button = find("#theme");
  if (button) {
    button.textContent = `${{ auto: "◐", light: "○", dark: "●" }[theme]} ${words[theme]}`;
    button.setAttribute("aria-label", say("theme", { theme: words[theme] }));
  }
};

let theme = THEMES.includes(keptTheme()) ? keptTheme() : "auto";
// Before anything is drawn.
document.documentElement.classList.add("js");
setTheme(theme);

const startTheme = () => {
  setTheme(theme);
  find("#theme").addEventListener("click", () => {
    theme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
    setTheme(theme);
    try {
      localStorage.setItem(THEME_KEY, theme);
    } catch {
      // It holds until the page is closed.
    }
  });
};
