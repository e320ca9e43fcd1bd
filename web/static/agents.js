/* Editing: Ctrl/Cmd+S saves, leaving with changes is asked about, {{ offers names, the scroll position is kept. */
(() => {
  "use strict";
  const form = document.querySelector("form[data-edit]");
  if (!form) return;
  const left = document.querySelector(".editor-left");
  const scroller = left && getComputedStyle(left).overflowY === "auto" ? left : document.documentElement;

  /* ---- unsaved changes ---- */
  const notes = form.querySelectorAll("[data-dirty-note]");
  let dirty = Boolean(document.querySelector(".field[data-invalid], .editor-notice, [data-unsaved]"));
  const show = () => notes.forEach((note) => { note.hidden = !dirty; });
  show();
  form.addEventListener("input", () => { dirty = true; show(); });
  addEventListener("beforeunload", (event) => { if (dirty) event.preventDefault(); });
  const fields = () => {
    const found = {};
    for (const [name, text] of new FormData(form)) (found[name] ??= []).push(text);
    return found;
  };
  const before = fields();
  const changed = Object.assign(document.createElement("input"), { type: "hidden", name: "changed" });
  form.addEventListener("submit", () => {
    dirty = false;
    const now = fields();
    changed.value = Object.keys(now).filter((name) => String(now[name]) !== String(before[name])).join("\n");
    if (!document.querySelector(".editor-notice")) form.append(changed);
    sessionStorage.setItem("edit-scroll", JSON.stringify([location.pathname, scroller.scrollTop]));
  });
  try {
    const [path, y] = JSON.parse(sessionStorage.getItem("edit-scroll") || "[]");
    if (path === location.pathname && !document.querySelector(".editor-notice")) scroller.scrollTop = y;
  } catch { /* nothing kept */ }
  sessionStorage.removeItem("edit-scroll");
  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && !event.altKey && event.key.toLowerCase() === "s") {
      event.preventDefault();
      form.requestSubmit(form.querySelector("[data-save]") || undefined);
    }
  });
  document.querySelectorAll("[data-line]").forEach((button) => button.addEventListener("click", () => {
    const area = form.querySelector("textarea");
    const lines = area.value.split("\n");
    const at = lines.slice(0, button.dataset.line - 1).join("\n").length + (button.dataset.line > 1 ? 1 : 0);
    area.focus();
    area.setSelectionRange(at, at + (lines[button.dataset.line - 1] || "").length);
    area.scrollTop = (button.dataset.line - 3) * parseFloat(getComputedStyle(area).lineHeight);
  }));

  /* ---- the opening message is off while the customer speaks first ---- */
  const first = form.querySelector('input[type="checkbox"][name="customer_first"]');
  const opening = form.querySelector('[name="opening_message"]');
  if (first && opening) {
    const follow = () => { opening.readOnly = first.checked; opening.classList.toggle("quiet", first.checked); };
    first.addEventListener("change", follow);
    follow();
  }

  /* ---- names after {{ ---- */
  const names = [...(document.getElementById("complete-names")?.content.children || [])].map((e) => e.textContent);
  if (!names.length) return;
  const list = document.createElement("ul");
  list.className = "complete";
  list.id = "complete";
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", "Names to fill in");
  list.hidden = true;
  document.body.append(list);
  let area = null, chosen = 0, found = [];

  function typed() {
    const before = area.value.slice(0, area.selectionStart);
    const match = /\{\{([^{}\n]*)$/.exec(before);
    return match ? match[1] : null;
  }
  scroller.addEventListener("scroll", () => { if (!list.hidden) close(); }, { passive: true });
  function close() {
    list.hidden = true;
    area?.removeAttribute("aria-activedescendant");
    area?.setAttribute("aria-expanded", "false");
  }
  function mark() {
    [...list.children].forEach((item, index) => item.setAttribute("aria-selected", String(index === chosen)));
    area.setAttribute("aria-activedescendant", `complete-${chosen}`);
    list.children[chosen]?.scrollIntoView({ block: "nearest" });
  }
  function open() {
    const part = typed();
    found = part === null ? [] : names.filter((name) => name.toLowerCase().includes(part.trim().toLowerCase())).slice(0, 12);
    if (!found.length) { close(); return; }
    list.replaceChildren(...found.map((name, index) => {
      const item = document.createElement("li");
      item.id = `complete-${index}`;
      item.setAttribute("role", "option");
      item.textContent = name;
      item.addEventListener("mousedown", (event) => { event.preventDefault(); chosen = index; take(); });
      return item;
    }));
    const box = area.getBoundingClientRect();
    list.hidden = false;
    list.dataset.below = "";
    list.style.setProperty("left", `${box.left + scrollX + 8}px`);
    list.style.setProperty("top", `${box.bottom + scrollY + 4}px`);
    area.setAttribute("aria-expanded", "true");
    chosen = 0;
    mark();
  }
  function take() {
    const start = area.selectionStart - typed().length;
    const after = area.value.slice(area.selectionStart).replace(/^\s*\}\}/, "");
    area.value = area.value.slice(0, start) + found[chosen] + "}}" + after;
    const caret = start + found[chosen].length + 2;
    area.setSelectionRange(caret, caret);
    area.dispatchEvent(new Event("input", { bubbles: true }));
    close();
  }
  form.querySelectorAll("[data-complete]").forEach((element) => {
    element.setAttribute("aria-autocomplete", "list");
    element.setAttribute("aria-controls", "complete");
    element.addEventListener("input", () => { area = element; open(); });
    element.addEventListener("blur", close);
    element.addEventListener("keydown", (event) => {
      if (list.hidden || area !== element) return;
      if (event.key === "ArrowDown" || event.key === "ArrowUp") {
        chosen = (chosen + (event.key === "ArrowDown" ? 1 : found.length - 1)) % found.length;
        mark();
      } else if (event.key === "Enter" || event.key === "Tab") take();
      else if (event.key === "Escape") close();
      else return;
      event.preventDefault();
    });
  });
})();
