(() => {
  "use strict";
  const form = document.getElementById("filters");
  const shown = document.getElementById("shown");
  const unfold = document.getElementById("unfold");
  const rows = [...document.querySelectorAll("tr.part")];
  const bodies = [...document.querySelectorAll("tbody")];

  function values() {
    return new URLSearchParams([...new FormData(form)].map(([key, value]) => [key, value.trim()]).filter(([, v]) => v));
  }

  function apply() {
    const wanted = values();
    const words = (wanted.get("q") || "").toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    for (const row of rows) {
      const body = row.parentElement;
      const fits =
        ["printed", "corrected"].every((key) => !wanted.get(key) || row.dataset[key] === wanted.get(key)) &&
        (!wanted.get("section") || body.dataset.section === wanted.get("section")) &&
        words.every((word) => row.dataset.search.includes(word));
      row.hidden = !fits;
      count += fits;
    }
    for (const body of bodies) body.hidden = !body.querySelector("tr.part:not([hidden])");
    shown.textContent = `${count} of ${rows.length} parts`;
  }

  // A filtered view has an address: "#?printed=refuted&section=v".
  function remember() {
    const text = values().toString();
    history.replaceState(null, "", text ? `#?${text}` : location.pathname + location.search);
  }

  function restore() {
    if (!location.hash.startsWith("#?")) return false;
    const wanted = new URLSearchParams(location.hash.slice(2));
    for (const field of form.elements) if (field.name) field.value = wanted.get(field.name) || "";
    apply();
    return true;
  }

  // Browsers open what a link leads into; older ones need help.
  function reveal() {
    if (restore()) return;
    let name = location.hash.slice(1);
    try {
      name = decodeURIComponent(name);
    } catch {
      return;
    }
    const target = name && document.getElementById(name);
    if (!target) return;
    const own = target.querySelector(":scope > details.fold");
    if (own) own.open = true;
    for (let e = target.closest("details"); e; e = e.parentElement.closest("details")) e.open = true;
    target.scrollIntoView({ behavior: "instant" });
  }

  // A formula that is wider than the page scrolls, so that the keyboard must be able to reach it.
  function reach() {
    for (const line of document.querySelectorAll(".formula")) {
      const wide = line.scrollWidth > line.clientWidth;
      if (wide) {
        line.tabIndex = 0;
        line.setAttribute("role", "group");
        line.setAttribute("aria-label", "Formula, scrolls sideways");
      } else {
        line.removeAttribute("tabindex");
        line.removeAttribute("role");
        line.removeAttribute("aria-label");
      }
    }
  }

  // Where the contents are always in view, nothing is left to open.
  const contents = document.querySelector(".contents > details");
  const wide = matchMedia("(min-width: 64rem)");
  function settle() {
    contents.open = wide.matches;
    contents.querySelector("summary").tabIndex = wide.matches ? -1 : 0;
  }

  form.hidden = false;
  shown.hidden = false;
  unfold.hidden = false;
  form.addEventListener("input", () => {
    apply();
    remember();
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () =>
    setTimeout(() => {
      apply();
      remember();
    }),
  );
  const button = unfold.querySelector("button");
  button.addEventListener("click", () => {
    const folds = [...document.querySelectorAll("details.fold")];
    const open = folds.some((fold) => !fold.open);
    for (const fold of folds) fold.open = open;
    button.textContent = open ? "Close all statements" : "Open all statements";
  });
  document.addEventListener("toggle", reach, true);
  wide.addEventListener("change", settle);
  addEventListener("resize", reach);
  addEventListener("hashchange", reveal);
  if (!CSS.supports("selector(::details-content)")) {
    addEventListener("beforeprint", () => {
      for (const e of document.querySelectorAll("details")) e.open = true;
    });
  }
  settle();
  apply();
  reveal();
  if (location.hash.startsWith("#?")) document.getElementById("parts").scrollIntoView({ behavior: "instant" });
  reach();
})();
