/* How long free text may still go out, and the picker of templates that takes its place when it may not. */
(() => {
  "use strict";

  const $ = (id) => document.getElementById(id);
  const composer = () => $("composer");
  const isNote = () => composer()?.querySelector('input[name="note"]:checked')?.value === "1";
  let head = null;
  let until = null;
  let ahead = 0;
  let wanted = false;
  let askedFor = null;
  let toFocus = false;

  /* The server's clock counts: the browser's may be wrong. */
  function read() {
    if (head === $("thread-head")) return;
    head = $("thread-head");
    until = head?.dataset.freeUntil ? new Date(head.dataset.freeUntil).getTime() : null;
    ahead = head?.dataset.now ? new Date(head.dataset.now).getTime() - Date.now() : 0;
  }

  function words(seconds) {
    const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, Math.floor(seconds) % 60];
    if (h) return h + " h " + m + " min";
    return m ? m + " min" + (m < 10 ? " " + s + " s" : "") : s + " s";
  }

  function show(element, text) {
    if (element && element.textContent !== text) element.textContent = text;
  }

  function draw() {
    read();
    const bar = $("window-bar");
    const form = composer();
    if (!bar || !form) return;
    const left = until === null ? Infinity : (until - Date.now() - ahead) / 1000;
    const closed = left <= 0;
    const mine = Boolean(head.dataset.mayReply);
    bar.toggleAttribute("data-closed", closed);
    bar.toggleAttribute("data-soon", !closed && left < 3600);
    bar.hidden = isNote() || Boolean(head.dataset.ended);
    $("templates-button").disabled = !mine;
    show($("window-words"), closed ? "Free text is closed until the customer writes; a template can be sent." : left === Infinity ? "" : "Free text for " + words(left));
    const open = mine && !isNote() && (closed || wanted) && !head.dataset.ended;
    form.toggleAttribute("data-window-closed", mine && closed && !isNote());
    form.toggleAttribute("data-templates-open", open && !closed);
    const picker = $("template-picker");
    if (picker.hidden === open) {
      stay(() => (picker.hidden = !open));
      $("templates-button").setAttribute("aria-expanded", String(open));
    }
    if (open && askedFor !== picker) {
      askedFor = picker;
      htmx.ajax("GET", picker.dataset.url, { source: picker, target: "#template-picker", swap: "innerHTML" });
    }
    const cancel = $("template-cancel");
    if (cancel) cancel.hidden = closed;
  }

  /* Who reads the newest message goes on seeing it when the space below changes. */
  function stay(change) {
    const box = $("thread-scroll");
    const below = box && box.scrollHeight - box.scrollTop - box.clientHeight < 80;
    change();
    if (below) requestAnimationFrame(() => (box.scrollTop = box.scrollHeight));
  }

  function toggle(on) {
    if (!$("window-bar") || !head?.dataset.mayReply) return;
    if (isNote()) composer().querySelector('input[name="note"][value=""]')?.click();
    wanted = on;
    draw();
    toFocus = on;
    if (on) focusSearch();
    else $("composer-text")?.focus();
  }

  function focusSearch() {
    if (!toFocus || !$("template-q")) return;
    toFocus = false;
    $("template-q").focus();
  }

  /* ---- the picker ---- */

  const chosen = () => document.querySelector("#template-choices input:checked");
  const places = () => [...document.querySelectorAll("#template-fields input")];

  function fill(text, values) {
    return text.replace(/{{\s*(\w+)\s*}}/g, (whole, name) => values[name] || whole);
  }

  function preview() {
    const input = chosen();
    if (!input) return;
    const template = JSON.parse(input.dataset.template);
    const values = Object.fromEntries(places().map((field) => [field.name.slice("place-".length), field.value.trim()]));
    $("template-text").textContent = fill(template.body, values);
    $("template-buttons").replaceChildren(...template.buttons.map((button) => {
      const made = document.createElement("span");
      made.textContent = fill(button, values);
      return made;
    }));
    $("template-preview").hidden = false;
    $("template-hint").hidden = true;
    $("template-send").disabled = places().some((field) => !field.value.trim());
  }

  function choose() {
    const template = JSON.parse(chosen().dataset.template);
    $("template-fields").replaceChildren(...Object.entries(template.variables).map(([name, example]) => {
      const label = document.createElement("label");
      label.className = "field";
      const words = document.createElement("span");
      words.className = "label";
      words.textContent = "{{" + name + "}}";
      const field = document.createElement("input");
      field.className = "input";
      field.name = "place-" + name;
      field.placeholder = example ? "such as " + example : "";
      field.maxLength = 1000;
      field.required = true;
      field.dir = "auto";
      label.append(words, field);
      return label;
    }));
    fault("");
    preview();
  }

  function find() {
    const words = $("template-q").value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of document.querySelectorAll(".template-choice")) {
      row.hidden = !words.every((word) => row.dataset.find.includes(word));
      shown += row.hidden ? 0 : 1;
    }
    $("template-none").hidden = shown > 0;
  }

  function fault(text) {
    const shown = $("template-error");
    shown.textContent = text;
    shown.hidden = !text;
  }

  async function send(form) {
    const button = $("template-send");
    if (button.disabled) return;
    button.disabled = true;
    fault("");
    const body = new URLSearchParams(new FormData(form));
    body.set("template", chosen().value);
    try {
      const token = JSON.parse(document.body.getAttribute("hx-headers:inherited"))["x-csrftoken"];
      const headers = { "x-csrftoken": token, "HX-Request": "true", Accept: "text/html" };
      const answer = await fetch(form.getAttribute("action"), { method: "POST", headers, body });
      if (answer.status === 401) {
        location.href = answer.headers.get("HX-Redirect") || "/signin";
        return;
      }
      const told = await answer.text();
      if (answer.ok) {
        document.dispatchEvent(new CustomEvent("hub:items", { detail: told }));
        chosen().checked = false;
        $("template-fields").replaceChildren();
        $("template-preview").hidden = true;
        $("template-hint").hidden = false;
        wanted = false;
        draw();
        return;
      }
      fault(answer.status === 409 ? told : "The server did not take it. Try again.");
    } catch {
      fault("No answer from the server. Look in the conversation whether it went out, then try again.");
    }
    preview();
  }

  document.addEventListener("change", (event) => {
    if (event.target.matches("#template-choices input")) choose();
    if (event.target.matches('#composer input[name="note"]')) draw();
  });
  document.addEventListener("input", (event) => {
    if (event.target.id === "template-q") find();
    if (event.target.closest("#template-fields")) preview();
  });
  document.addEventListener("submit", (event) => {
    if (event.target.id !== "template-form") return;
    event.preventDefault();
    send(event.target);
  });
  document.addEventListener("click", (event) => {
    if (event.target.closest("#templates-button")) toggle(!wanted);
    else if (event.target.closest("[data-templates]")) toggle(true);
    else if (event.target.closest("#template-cancel")) toggle(false);
  });
  document.addEventListener("keydown", (event) => {
    const typing = event.target.matches?.("input:not([type=radio]), textarea, select, [contenteditable]");
    if (event.key === "Escape" && event.target.closest?.("#template-picker") && wanted) toggle(false);
    if (event.key !== "w" || typing || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    if (!$("window-bar")) return;
    event.preventDefault();
    toggle(true);
  });
  document.addEventListener("htmx:before:swap", () => stay(() => {}));
  document.addEventListener("htmx:after:swap", () => {
    if (!$("template-picker") || $("template-picker") !== askedFor) wanted = false;
    draw();
    focusSearch();
  });
  document.addEventListener("hub:live", () => queueMicrotask(draw));
  setInterval(draw, 1000);
  if (document.readyState !== "loading") draw();
  else document.addEventListener("DOMContentLoaded", draw);
})();
