// The theme, set before the first paint: a classic script in the head, so that no page flashes white at night.
// Without a choice of the viewer it follows the system, also when that changes.
(() => {
  const KEY = "cache-dashboard.theme";
  const system = matchMedia("(prefers-color-scheme: dark)");
  const ofSystem = () => (system.matches ? "dark" : "light");

  /** @returns {string | null} "light", "dark", or null: follow the system. Storage may be forbidden. */
  function chosen() {
    try {
      return localStorage.getItem(KEY);
    } catch {
      return null;
    }
  }

  /** Remembers the choice; one that agrees with the system is forgotten, and the page follows the system again. */
  function choose(theme) {
    try {
      if (theme === ofSystem()) localStorage.removeItem(KEY);
      else localStorage.setItem(KEY, theme);
    } catch {
      // It holds until the page is left.
    }
    show(theme);
  }

  function show(theme) {
    document.documentElement.dataset.theme = theme === "light" || theme === "dark" ? theme : ofSystem();
    label();
    dispatchEvent(new Event("themechange"));
  }

  /** The button says what a press does. */
  function label() {
    const button = document.getElementById("theme");
    if (button) button.textContent = document.documentElement.dataset.theme === "dark" ? "Light theme" : "Dark theme";
  }

  show(chosen());
  system.addEventListener("change", () => show(chosen()));
  document.addEventListener("DOMContentLoaded", () => {
    label();
    document.getElementById("theme")?.addEventListener("click", () => {
      choose(document.documentElement.dataset.theme === "dark" ? "light" : "dark");
    });
  });
})();
