/* An open conversation: that the customer writes, that we write, that it was read. */
(() => {
  "use strict";

  const EVERY_MS = 3000;
  const PASSES_MS = 6000;
  const $ = (id) => document.getElementById(id);
  let told = 0;
  let passing = 0;

  function post(what) {
    const form = $("composer");
    if (!form) return;
    const token = JSON.parse(document.body.getAttribute("hx-headers:inherited"))["x-csrftoken"];
    fetch(form.action.replace(/messages$/, what), { method: "POST", headers: { "x-csrftoken": token } }).catch(() => {});
  }

  document.addEventListener("input", (event) => {
    if (event.target.id !== "composer-text" || Date.now() - told < EVERY_MS) return;
    const note = $("composer").querySelector('input[name="note"]:checked')?.value === "1";
    if (note || !$("thread-head")?.dataset.mine || !event.target.value.trim()) return;
    told = Date.now();
    post("typing");
  });

  /* Read: when it is opened, and when something of the customer comes while somebody looks. */

  let last = "";
  function read() {
    const newest = [...document.querySelectorAll('#items > .item[data-role="customer"], #items > .item[data-role="note"]')].pop();
    const key = ($("thread")?.dataset.id || "") + (newest?.id || "");
    if (!$("composer") || document.hidden || key === last) return;
    last = key;
    post("read");
  }
  document.addEventListener("visibilitychange", read);
  document.addEventListener("htmx:after:swap", read);
  if (document.readyState !== "loading") read();
  else document.addEventListener("DOMContentLoaded", read);

  document.addEventListener("hub:live", (event) => {
    setTimeout(read, 0);
    let update;
    try {
      update = JSON.parse(event.detail.data);
    } catch {
      return;
    }
    const line = $("writing");
    if (!line) return;
    const came = (update.items || "").includes('data-role="customer"');
    if (update.writing === $("thread")?.dataset.id && !came) {
      line.hidden = false;
      clearTimeout(passing);
      passing = setTimeout(() => (line.hidden = true), PASSES_MS);
    } else if (came) line.hidden = true;
  });
})();
