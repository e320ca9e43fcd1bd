/* The command palette: what can be done with the open conversation, where to go, whom and what to find. */
(() => {
  "use strict";

  const $ = (id) => document.getElementById(id);
  const PAUSE_MS = 160;
  let items = [];
  let at = 0;
  let asked = 0;
  let timer = 0;
  let found = { conversations: [], people: [] };
  let before = null;

  const ACTS = [
    ["take-over", "Take over"], ["take-from", "Take over from the colleague"], ["hand-back", "Hand back to the agent"],
    ["close-button", "Close the conversation"],
  ];
  const KEYS = [["r", "Reply"], ["n", "Write a note"], ["a", "Assign…"], ["l", "Tag…"], ["s", "Snooze…"]];

  function press(key) {
    document.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
  }

  function commands() {
    /* What is possible now, read from the page itself. */
    const made = [];
    if ($("thread")) {
      for (const [id, label] of ACTS) if ($(id)) made.push({ group: "This conversation", label, act: () => $(id)?.click() });
      if ($("composer")) {
        for (const [key, label] of KEYS) {
          const menu = { a: "assign-menu", l: "tag-menu", s: "snooze-menu" }[key];
          if (!menu || $(menu)) made.push({ group: "This conversation", label, key, act: () => press(key) });
        }
      }
    }
    for (const link of document.querySelectorAll(".views a.view")) {
      made.push({ group: "Go to", label: link.querySelector("span").textContent, href: link.getAttribute("href") });
    }
    for (const link of document.querySelectorAll(".rail a.rail-link")) {
      made.push({ group: "Go to", label: link.textContent.trim(), href: link.getAttribute("href") });
    }
    if ($("save-view")) made.push({ group: "Go to", label: "Save this view…", act: () => $("save-view").showModal() });
    if ($("keys-dialog")) made.push({ group: "Go to", label: "Keyboard", key: "?", act: () => $("keys-dialog").showModal() });
    return made;
  }

  async function answers() {
    if (!$("composer") || !$("thread-head")?.dataset.mayReply) return [];
    return (await window.hubSuggest.canned()).map((one) => ({
      group: "Canned answers", label: "/" + one.name, text: one.text,
      act: () => {
        press("r");
        window.hubSuggest.put(one.text);
      },
    }));
  }

  function fits(item, words) {
    const held = (item.label + " " + (item.text || "")).toLowerCase();
    return words.every((word) => held.includes(word));
  }

  async function show() {
    const turn = (asked += 1);
    const query = $("palette-input").value.trim().toLowerCase();
    const words = query.split(/\s+/).filter(Boolean);
    const canned = await answers();
    if (turn !== asked) return;
    const known = [...commands(), ...canned].filter((item) => fits(item, words));
    const links = (group, list) => list.map((one) => ({ group, label: one.title, text: one.text, href: one.href }));
    items = [...known.slice(0, words.length ? 12 : 40), ...links("People", found.people), ...links("Conversations", found.conversations)];
    at = 0;
    draw(query);
  }

  function draw(query) {
    const list = $("palette-list");
    const groups = new Map();
    items.forEach((item, index) => {
      if (!groups.has(item.group)) groups.set(item.group, groupOf(item.group));
      groups.get(item.group).append(optionOf(item, index));
    });
    list.replaceChildren(...groups.values());
    const none = $("palette-none");
    none.hidden = items.length > 0;
    none.textContent = query ? "Nothing is called so. Try other words." : "";
    mark();
  }

  function groupOf(label) {
    const group = document.createElement("div");
    group.setAttribute("role", "group");
    group.setAttribute("aria-label", label);
    const title = document.createElement("p");
    title.className = "palette-group";
    title.textContent = label;
    title.setAttribute("aria-hidden", "true");
    group.append(title);
    return group;
  }

  function optionOf(item, index) {
    const option = document.createElement("div");
    option.id = "palette-" + index;
    option.className = "palette-option";
    option.setAttribute("role", "option");
    const label = document.createElement("b");
    label.textContent = item.label;
    label.dir = "auto";
    option.append(label);
    if (item.text) {
      const text = document.createElement("span");
      text.textContent = item.text;
      text.dir = "auto";
      option.append(text);
    }
    if (item.key) {
      const key = document.createElement("kbd");
      key.textContent = item.key;
      option.append(key);
    }
    option.addEventListener("mousemove", () => {
      if (at !== index) {
        at = index;
        mark();
      }
    });
    option.addEventListener("click", () => run(item));
    return option;
  }

  function mark() {
    const options = document.querySelectorAll("#palette-list .palette-option");
    options.forEach((option, index) => option.setAttribute("aria-selected", String(index === at)));
    options[at]?.scrollIntoView({ block: "nearest" });
    if (options[at]) $("palette-input").setAttribute("aria-activedescendant", options[at].id);
    else $("palette-input").removeAttribute("aria-activedescendant");
  }

  function run(item) {
    if (!item) return;
    $("palette").close();
    if (item.href) location.href = item.href;
    else item.act();
  }

  async function search() {
    const query = $("palette-input").value.trim();
    if (query.length < 2) {
      found = { conversations: [], people: [] };
      return;
    }
    try {
      const answer = await fetch("/inbox/palette?q=" + encodeURIComponent(query), { headers: { Accept: "application/json" } });
      if ($("palette-input").value.trim() !== query) return;
      found = answer.ok ? await answer.json() : { conversations: [], people: [] };
    } catch {
      found = { conversations: [], people: [] };
    }
    show();
  }

  function open() {
    before = document.activeElement;
    $("palette-input").value = "";
    found = { conversations: [], people: [] };
    $("palette").showModal();
    $("palette-input").focus();
    show();
  }

  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k" && $("palette")) {
      event.preventDefault();
      if ($("palette").open) $("palette").close();
      else if (!document.querySelector("dialog[open]")) open();
      return;
    }
    if (event.target.id !== "palette-input" || event.isComposing) return;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && items.length) {
      event.preventDefault();
      at = (at + step + items.length) % items.length;
      mark();
    } else if (event.key === "Enter") {
      event.preventDefault();
      event.stopImmediatePropagation();
      run(items[at]);
    }
  }, true);
  document.addEventListener("input", (event) => {
    if (event.target.id !== "palette-input") return;
    show();
    clearTimeout(timer);
    timer = setTimeout(search, PAUSE_MS);
  });
  $("palette")?.addEventListener("close", () => {
    if (document.activeElement === document.body) before?.focus?.();
  });

  /* Saving a view: what is wrong with the name is said in the dialog. */
  $("save-view-form")?.addEventListener("submit", async (event) => {
    event.preventDefault();
    const fault = $("view-fault");
    const token = JSON.parse(document.body.getAttribute("hx-headers:inherited"))["x-csrftoken"];
    try {
      const answer = await fetch("/inbox/views", {
        method: "POST", headers: { "x-csrftoken": token, "HX-Request": "true" }, body: new URLSearchParams(new FormData(event.target)),
      });
      if (answer.ok) {
        location.href = answer.headers.get("HX-Redirect") || "/inbox";
        return;
      }
      fault.textContent = await answer.text();
    } catch {
      fault.textContent = "The server cannot be reached. Try again.";
    }
    fault.hidden = false;
  });
})();
