/* The composer's list: canned answers after /, colleagues after @ in a note. An ARIA listbox under a text field. */
(() => {
  "use strict";

  const $ = (id) => document.getElementById(id);
  const MOST = 8;
  let shown = [];
  let at = 0;
  let range = null;
  let answers = null;
  let answersOf = "";

  const field = () => $("composer-text");
  const isNote = () => $("composer")?.querySelector('input[name="note"]:checked')?.value === "1";

  async function canned() {
    /* As they would be said in the conversation that is open now. */
    const path = $("composer").action.replace(/messages$/, "canned");
    if (answersOf !== path) {
      answersOf = path;
      answers = fetch(path, { headers: { Accept: "application/json" } })
        .then((answer) => (answer.ok ? answer.json() : []))
        .catch(() => []);
    }
    return answers;
  }

  function colleagues() {
    return JSON.parse($("composer").dataset.colleagues || "[]");
  }

  function sought() {
    /* What is being named before the caret: its sign, its letters, where it stands. */
    const box = field();
    const before = box.value.slice(0, box.selectionStart);
    const slash = before.match(/^\/([\w-]*)$/);
    if (slash && !isNote()) return { sign: "/", word: slash[1].toLowerCase(), from: 0, to: before.length };
    const name = before.match(/(?:^|\s)@([\p{L}\p{N} .'-]{0,40})$/u);
    if (name && isNote()) return { sign: "@", word: name[1].toLowerCase(), from: before.length - name[1].length - 1, to: before.length };
    return null;
  }

  async function look() {
    if (!field()) return;
    const found = sought();
    if (!found) {
      close();
      return;
    }
    const all =
      found.sign === "/"
        ? (await canned()).map((one) => ({ label: "/" + one.name, text: one.text, key: one.name, put: one.text }))
        : colleagues().map((name) => ({ label: name, text: "", key: name.toLowerCase(), put: "@" + name + " " }));
    const now = sought();
    if (!now || now.to !== found.to) return;
    const begins = all.filter((one) => one.key.startsWith(found.word));
    const holds = all.filter((one) => !one.key.startsWith(found.word) && one.key.includes(found.word));
    show([...begins, ...holds].slice(0, MOST), found, all.length);
  }

  function show(items, found, many) {
    shown = items;
    at = 0;
    range = found;
    let list = $("suggestions");
    if (!list) {
      list = document.createElement("ul");
      list.id = "suggestions";
      list.className = "suggestions";
      list.setAttribute("role", "listbox");
      field().before(list);
    }
    list.setAttribute("aria-label", found.sign === "/" ? "Canned answers" : "Colleagues");
    list.replaceChildren(...items.map(optionOf));
    if (!items.length) {
      if (found.sign === "@" && found.word.includes(" ")) {
        close();
        return;
      }
      const none = document.createElement("li");
      none.className = "suggestions-none";
      none.setAttribute("role", "option");
      none.setAttribute("aria-disabled", "true");
      none.textContent = found.sign === "@" ? "No colleague of this name." : many ? "No answer of this name." : "No canned answers yet. Add some under Settings.";
      list.append(none);
    }
    field().setAttribute("aria-controls", "suggestions");
    field().setAttribute("aria-expanded", "true");
    field().setAttribute("aria-autocomplete", "list");
    field().setAttribute("role", "combobox");
    mark();
  }

  function optionOf(item, index) {
    const option = document.createElement("li");
    option.id = "suggestion-" + index;
    option.setAttribute("role", "option");
    const label = document.createElement("b");
    label.textContent = item.label;
    option.append(label);
    if (item.text) {
      const text = document.createElement("span");
      text.textContent = item.text;
      text.dir = "auto";
      option.append(text);
    }
    option.addEventListener("mousedown", (event) => {
      event.preventDefault();
      at = index;
      choose();
    });
    return option;
  }

  function mark() {
    const options = [...$("suggestions").querySelectorAll('[role="option"]:not([aria-disabled])')];
    options.forEach((option, index) => option.setAttribute("aria-selected", String(index === at)));
    options[at]?.scrollIntoView({ block: "nearest" });
    if (options[at]) field().setAttribute("aria-activedescendant", options[at].id);
    else field().removeAttribute("aria-activedescendant");
  }

  function close() {
    $("suggestions")?.remove();
    shown = [];
    range = null;
    const box = field();
    for (const name of ["aria-activedescendant", "aria-controls", "aria-expanded", "aria-autocomplete", "role"]) box?.removeAttribute(name);
  }

  function put(text, from, to) {
    const box = field();
    box.setRangeText(text, from, to, "end");
    box.dispatchEvent(new Event("input", { bubbles: true }));
    box.focus();
  }

  function choose() {
    const item = shown[at];
    const place = range;
    close();
    if (item) put(item.put, place.from, place.to);
  }

  document.addEventListener("input", (event) => {
    if (event.target.id === "composer-text") look();
  });
  document.addEventListener("focusout", (event) => {
    if (event.target.id === "composer-text") close();
  });
  document.addEventListener("keydown", (event) => {
    if (event.target.id !== "composer-text" || event.isComposing) return;
    if (!$("suggestions")) {
      warn(event);
      return;
    }
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && shown.length) at = (at + step + shown.length) % shown.length;
    else if ((event.key === "Enter" || event.key === "Tab") && shown.length && !event.shiftKey) choose();
    else if (event.key === "Escape") close();
    else return;
    event.preventDefault();
    event.stopImmediatePropagation();
    if (step && $("suggestions")) mark();
  }, true);

  function warn(event) {
    /* A name without a value is nothing to send to a customer. */
    if (event.key !== "Enter" || event.shiftKey || isNote()) return;
    const gap = field().value.match(/\{\{[^{}\n]{1,200}\}\}/);
    if (!gap) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    $("composer-error").textContent = "Fill in " + gap[0] + " first: we do not know it of this customer.";
    $("composer-error").hidden = false;
    const start = field().value.indexOf(gap[0]);
    field().setSelectionRange(start, start + gap[0].length);
  }

  window.hubSuggest = { canned, put: (text) => put(text, 0, field().value.length) };
})();
