/* Many conversations at once: x or a click selects, Shift selects up to there; the bar does one thing with all. */
(() => {
  "use strict";

  const UNDO_MS = 12000;
  const $ = (id) => document.getElementById(id);
  const picked = new Set();
  let anchor = null;

  const rows = () => [...document.querySelectorAll("#rows > .row")];
  const idOf = (row) => row.id.slice(2);

  function show() {
    const there = new Set(rows().map(idOf));
    for (const id of picked) if (!there.has(id)) picked.delete(id);
    for (const row of rows()) {
      const on = picked.has(idOf(row));
      row.toggleAttribute("data-picked", on);
      const box = row.querySelector(".row-pick");
      if (box && box.checked !== on) box.checked = on;
    }
    $("rows")?.toggleAttribute("data-picking", picked.size > 0);
    const bar = $("bulk");
    if (!bar) return;
    bar.hidden = picked.size === 0;
    $("bulk-count").textContent = picked.size + " selected";
  }

  function pick(row, on = !picked.has(idOf(row)), reach = false) {
    const all = rows();
    const from = reach && anchor ? all.findIndex((other) => idOf(other) === anchor) : -1;
    const to = all.indexOf(row);
    const stretch = from < 0 ? [row] : all.slice(Math.min(from, to), Math.max(from, to) + 1);
    for (const one of stretch) on ? picked.add(idOf(one)) : picked.delete(idOf(one));
    anchor = idOf(row);
    show();
  }

  function none() {
    picked.clear();
    anchor = null;
    show();
  }

  async function post(path, values) {
    const token = JSON.parse(document.body.getAttribute("hx-headers:inherited"))["x-csrftoken"];
    try {
      const answer = await fetch(path, {
        method: "POST",
        headers: { "x-csrftoken": token, Accept: "application/json" },
        body: new URLSearchParams(values),
      });
      return { ok: answer.ok, ...(await answer.json()) };
    } catch {
      return { ok: false, words: "The server did not take it. Look whether it was done, then try again." };
    }
  }

  async function act(act, more = {}) {
    const ids = [...picked].join(",");
    if (!ids) return;
    if (act === "close" && !window.confirm("Close " + picked.size + " conversations? This cannot be taken back.")) return;
    document.querySelectorAll("#bulk details[open]").forEach((menu) => (menu.open = false));
    $("bulk").inert = true;
    const answer = await post("/inbox/bulk", { ids, act, ...more });
    $("bulk").inert = false;
    if (answer.done) none();
    tell(answer.words || "It could not be done.", answer.ok && !answer.refused ? "ok" : "error", answer.undo);
  }

  function tell(words, kind, undo) {
    if (!undo) {
      window.hub.toast(words, kind);
      return;
    }
    const toast = document.createElement("div");
    toast.className = "toast";
    toast.dataset.kind = kind;
    const text = document.createElement("span");
    text.textContent = words + " ";
    const button = document.createElement("button");
    button.type = "button";
    button.className = "link-button";
    button.textContent = "Undo";
    button.addEventListener("click", async () => {
      toast.remove();
      const answer = await post("/inbox/bulk/undo", { undo });
      window.hub.toast(answer.words, answer.ok ? "ok" : "error");
    });
    toast.append(text, button);
    $("toasts").append(toast);
    setTimeout(() => toast.remove(), UNDO_MS);
  }

  function until(word) {
    const at = new Date();
    if (word === "hour") at.setHours(at.getHours() + 1);
    else {
      at.setDate(at.getDate() + 1);
      at.setHours(9, 0, 0, 0);
    }
    return at.toISOString();
  }

  document.addEventListener("click", (event) => {
    const box = event.target.closest(".row-pick");
    if (box) pick(box.closest(".row"), box.checked, event.shiftKey);
    const link = event.target.closest("#rows .row-link");
    if (link && (event.shiftKey || event.ctrlKey || event.metaKey) && $("bulk")) {
      event.preventDefault();
      event.stopImmediatePropagation();
      pick(link.closest(".row"), event.shiftKey ? true : undefined, event.shiftKey);
      getSelection()?.removeAllRanges();
    }
    const button = event.target.closest("[data-bulk]");
    if (button?.dataset.bulk === "assign") act("assign", { to: button.dataset.to });
    if (button?.dataset.bulk === "snooze") act("snooze", { until: until(button.dataset.until) });
    if (button?.dataset.bulk === "close") act("close");
    if (event.target.closest("#bulk-none")) none();
  }, true);
  document.addEventListener("submit", (event) => {
    if (event.target.id !== "bulk-tag") return;
    event.preventDefault();
    act("tag", { add: $("bulk-tag-name").value.trim() });
    $("bulk-tag-name").value = "";
  });
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]") || !$("bulk")) return;
    if (event.target.matches?.("input:not([type=radio]):not([type=checkbox]), textarea, select")) return;
    if (event.key === "Escape" && picked.size && !document.querySelector("details[data-menu][open]")) {
      none();
      event.stopImmediatePropagation();
    }
    if (event.key.toLowerCase() !== "x") return;
    const row = document.activeElement?.closest("#rows > .row") || document.querySelector("#rows .row-link[aria-current]")?.closest(".row");
    if (row) pick(row, event.shiftKey ? true : undefined, event.shiftKey);
  }, true);

  const list = $("rows");
  if (list) new MutationObserver(show).observe(list, { childList: true });
})();
