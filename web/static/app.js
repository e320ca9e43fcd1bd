/* What every page does: times in the viewer's zone, menus, dialogs, toasts. */
(() => {
  "use strict";

  const zones = {
    time: new Intl.DateTimeFormat(undefined, { hour: "numeric", minute: "2-digit" }),
    day: new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long", year: "numeric" }),
    datetime: new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", year: "numeric", hour: "numeric", minute: "2-digit" }),
    near: new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", hour: "numeric", minute: "2-digit" }),
    full: new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "medium" }),
  };

  function age(seconds) {
    if (seconds < 60) return "now";
    if (seconds < 3600) return Math.floor(seconds / 60) + "m";
    if (seconds < 86400) return Math.floor(seconds / 3600) + "h";
    return Math.floor(seconds / 86400) + "d";
  }

  function timer(seconds) {
    const s = Math.max(0, Math.floor(seconds));
    const pad = (n) => String(n).padStart(2, "0");
    if (s >= 86400) return Math.floor(s / 86400) + "d " + Math.floor((s % 86400) / 3600) + "h";
    if (s >= 3600) return Math.floor(s / 3600) + ":" + pad(Math.floor((s % 3600) / 60)) + ":" + pad(s % 60);
    return Math.floor(s / 60) + ":" + pad(s % 60);
  }

  function write(element) {
    const at = new Date(element.dateTime);
    if (isNaN(at)) return;
    const style = element.dataset.style || "datetime";
    const seconds = (Date.now() - at) / 1000;
    let text;
    if (style === "age") text = age(seconds);
    else if (style === "timer") text = timer(seconds);
    else text = (zones[style === "datetime" && at.getFullYear() === new Date().getFullYear() ? "near" : style] || zones.datetime).format(at);
    if (element.textContent !== text) element.textContent = text;
    if (!element.title) element.title = zones.full.format(at);
  }

  function localise(root) {
    if (root.matches?.("time[datetime]")) write(root);
    root.querySelectorAll?.("time[datetime]").forEach(write);
  }

  function toast(text, kind) {
    const box = document.getElementById("toasts");
    const element = document.createElement("div");
    element.className = "toast";
    element.dataset.kind = kind || "ok";
    element.textContent = text;
    box.append(element);
    while (box.children.length > 4) box.firstElementChild.remove();
    setTimeout(() => element.remove(), kind === "error" ? 9000 : 5000);
  }

  function closeMenus(but) {
    document.querySelectorAll("details[data-menu][open]").forEach((menu) => {
      if (menu !== but) menu.open = false;
    });
  }

  document.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-open]");
    if (opener) document.querySelector(opener.dataset.open)?.showModal();
    if (event.target.closest("[data-close]")) event.target.closest("dialog")?.close();
    if (event.target instanceof HTMLDialogElement) event.target.close();
    closeMenus(event.target.closest("details[data-menu]"));
    const copy = event.target.closest("[data-copy]");
    if (copy) navigator.clipboard?.writeText(copy.dataset.copy).then(() => toast("Copied"));
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    const open = document.querySelector("details[data-menu][open]");
    if (open) {
      open.open = false;
      open.querySelector("summary").focus();
      event.stopImmediatePropagation();
    }
  }, true);
  document.addEventListener("submit", (event) => {
    const asked = event.submitter?.dataset.ask || event.target.dataset.confirm;
    if (asked && !window.confirm(asked)) {
      event.preventDefault();
      event.stopImmediatePropagation();
    }
  }, true);
  document.addEventListener("hub:toast", (event) => toast(event.detail.text, event.detail.kind));
  document.addEventListener("htmx:error", (event) => {
    if (event.detail?.ctx) toast("The server cannot be reached. Check your connection and try again.", "error");
  });

  new MutationObserver((changes) => {
    for (const change of changes) for (const node of change.addedNodes) if (node.nodeType === 1) localise(node);
  }).observe(document.documentElement, { childList: true, subtree: true });
  localise(document);
  setInterval(() => document.querySelectorAll('time[data-style="timer"]').forEach(write), 1000);
  setInterval(() => document.querySelectorAll('time[data-style="age"]').forEach(write), 20000);
  document.querySelector(".field[data-invalid] :is(input, select, textarea)")?.focus();
  document.querySelectorAll("#toasts > .toast").forEach((element) => setTimeout(() => element.remove(), 6000));

  window.hub = { toast, localise };
})();
