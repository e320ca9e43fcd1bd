/* The inbox and the live transcript: rows and bubbles that arrive, the composer, the keyboard. */
(() => {
  "use strict";

  const $ = (id) => document.getElementById(id);
  const near = 80;
  let pendingRows = new Map();
  let pendingHead = null;
  let threadId = null;

  function fromHtml(html) {
    const holder = document.createElement("template");
    holder.innerHTML = html;
    return [...holder.content.children];
  }

  function place(element) {
    htmx.process(element);
    return element;
  }

  /* ---- the list ---- */

  const rows = () => $("rows");
  const listed = () => (rows() ? [...rows().querySelectorAll(":scope > .row")] : []);

  function openId() {
    return $("thread")?.dataset.id || "";
  }

  function mark(row) {
    const link = row.querySelector(".row-link");
    if (row.id === "r-" + openId()) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }

  function markAll() {
    listed().forEach(mark);
    const box = document.querySelector(".inbox");
    if (box) box.toggleAttribute("data-thread-open", Boolean($("thread")));
    const empty = $("rows-empty");
    if (empty) empty.hidden = listed().length > 0;
  }

  function beyond(key) {
    const all = listed();
    return Boolean($("rows-more")) && all.length > 0 && key > all[all.length - 1].dataset.key;
  }

  function following(key, but) {
    return listed().find((row) => row !== but && row.dataset.key > key) || $("rows-more");
  }

  function staysInPlace(row, key) {
    const before = row.previousElementSibling;
    const after = row.nextElementSibling;
    const keyOf = (element) => (element?.classList.contains("row") ? element.dataset.key : null);
    return (!keyOf(before) || keyOf(before) < key) && (!keyOf(after) || keyOf(after) > key);
  }

  function quiet() {
    const scroll = $("rows-scroll");
    return scroll && scroll.scrollTop < 4 && !scroll.closest(".list-pane").matches(":hover") && !scroll.querySelector(":focus-visible");
  }

  function swapRow(old, fresh) {
    const focused = old.contains(document.activeElement);
    old.replaceWith(fresh);
    place(fresh);
    mark(fresh);
    if (focused) fresh.querySelector(".row-link").focus({ preventScroll: true });
  }

  function receiveRow({ id, key, html }) {
    const old = $("r-" + id);
    if (!old && beyond(key)) return;
    const fresh = fromHtml(html)[0];
    if (old && staysInPlace(old, key)) {
      swapRow(old, fresh);
      pendingRows.delete(id);
      return;
    }
    if (old && old.dataset.key !== key) {
      const same = fresh.cloneNode(true);
      same.dataset.key = old.dataset.key;
      swapRow(old, same);
    }
    pendingRows.set(id, { fresh, key, isNew: !old });
  }

  function loseRow(id) {
    const old = $("r-" + id);
    if (old) pendingRows.set(id, { gone: true });
    else pendingRows.delete(id);
  }

  function settleRows() {
    for (const [id, change] of pendingRows) {
      const old = $("r-" + id);
      if (change.gone) {
        if (id === openId()) old?.setAttribute("data-gone", "");
        else old?.remove();
        continue;
      }
      old?.remove();
      if (!beyond(change.key)) {
        rows().insertBefore(change.fresh, following(change.key, null));
        place(change.fresh);
      }
    }
    pendingRows = new Map();
    markAll();
    showPill();
  }

  function showPill() {
    const pill = $("rows-pill");
    if (!pill) return;
    const moved = [...pendingRows.values()].filter((change) => !change.gone).length;
    for (const [id, change] of pendingRows) if (change.gone) $("r-" + id)?.setAttribute("data-gone", "");
    pill.hidden = moved === 0;
    pill.textContent = moved === 1 ? "1 new" : moved + " new";
  }

  function receiveList(update) {
    if (!rows()) return;
    (update.rows || []).forEach(receiveRow);
    (update.gone || []).forEach(loseRow);
    if (update.order) {
      const there = new Set(update.order);
      for (const row of listed()) {
        const id = row.id.slice(2);
        if (!there.has(id) && (!update.until || row.dataset.key <= update.until)) loseRow(id);
      }
    }
    for (const [name, shown] of Object.entries(update.counts || {})) {
      document.querySelectorAll('[data-count="' + name + '"]').forEach((element) => {
        element.textContent = shown;
        element.toggleAttribute("data-none", shown === "0");
      });
    }
    if (pendingRows.size && quiet()) settleRows();
    else {
      showPill();
      markAll();
    }
  }

  /* ---- the thread ---- */

  const scroll = () => $("thread-scroll");

  function atBottom() {
    const box = scroll();
    return !box || box.scrollHeight - box.scrollTop - box.clientHeight < near;
  }

  function toBottom() {
    const box = scroll();
    if (box) box.scrollTop = box.scrollHeight;
    if ($("thread-pill")) $("thread-pill").hidden = true;
  }

  function insertItem(item, known) {
    const list = $("items");
    const old = $(item.id);
    if (old && known) return false;
    if (old) {
      const open = old.querySelector("details[open]");
      old.replaceWith(item);
      if (open) item.querySelector("details")?.setAttribute("open", "");
    } else {
      const seq = Number(item.dataset.seq);
      const first = list.querySelector(":scope > .item");
      if (list.querySelector(":scope > .items-more") && first && seq < Number(first.dataset.seq)) return false;
      const after = [...list.querySelectorAll(":scope > .item")].reverse().find((other) => Number(other.dataset.seq) < seq);
      if (after) after.after(item);
      else if (first) first.before(item);
      else list.append(item);
    }
    place(item);
    return !old;
  }

  function arrange(list) {
    if (!list) return;
    list.querySelectorAll(":scope > .day").forEach((day) => day.remove());
    const format = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });
    let lastDay = "";
    let lastWho = "";
    let lastAt = 0;
    for (const item of list.querySelectorAll(":scope > .item")) {
      const at = new Date(item.dataset.at);
      const day = at.toDateString();
      if (day !== lastDay) {
        const line = document.createElement("li");
        line.className = "day";
        line.textContent = day === new Date().toDateString() ? "Today" : format.format(at);
        item.before(line);
        lastWho = "";
      }
      const follows = item.dataset.who && item.dataset.who === lastWho && at - lastAt < 180000;
      item.toggleAttribute("data-follows", Boolean(follows));
      [lastDay, lastWho, lastAt] = [day, item.dataset.who || "", at];
    }
  }

  /* `answered`: the answer to a request of ours; what the stream told meanwhile is newer. */
  function receiveItems(html, answered) {
    const list = $("items");
    if (!list) return;
    const stick = atBottom();
    let added = 0;
    for (const item of fromHtml(html)) {
      if (insertItem(item, answered) && !item.classList.contains("marker")) added += 1;
      if (item.dataset.role === "operator" || item.dataset.role === "note") settlePending(item);
    }
    document.querySelector(".thread-empty")?.remove();
    arrange(list);
    if (stick) toBottom();
    else if (added && $("thread-pill")) $("thread-pill").hidden = false;
  }

  /* The same words that were just sent from here stand in the thread now: the waiting bubble goes. */
  function settlePending(item) {
    const text = item.querySelector(".bubble-text")?.textContent;
    const waiting = [...document.querySelectorAll(".item[data-pending]")].find(
      (pending) => pending.querySelector(".bubble-text").textContent === text,
    );
    waiting?.remove();
  }

  function busyHead() {
    const head = $("thread-head");
    return head && (head.querySelector("details[open]") || head.querySelector(".htmx-request"));
  }

  function receiveHead(html) {
    if (busyHead()) {
      pendingHead = html;
      return;
    }
    pendingHead = null;
    const old = $("thread-head");
    if (!old) return;
    const focused = old.contains(document.activeElement) ? document.activeElement.id || document.activeElement.getAttribute("aria-label") : null;
    const fresh = fromHtml(html)[0];
    old.replaceWith(fresh);
    place(fresh);
    if (focused) (document.getElementById(focused) || fresh.querySelector('[aria-label="' + CSS.escape(focused) + '"]'))?.focus();
    syncComposer();
  }

  function swapById(html, id) {
    const old = $(id);
    const fresh = fromHtml(html)[0];
    if (!old || !fresh) return;
    const focused = old.contains(document.activeElement) ? document.activeElement.id : "";
    for (const typed of old.querySelectorAll("input[id]")) {
      const again = fresh.querySelector(`#${CSS.escape(typed.id)}`);
      if (again) again.value = typed.value;
    }
    old.replaceWith(fresh);
    place(fresh);
    if (focused) $(focused)?.focus();
  }

  function receiveThread(update) {
    if (update.thread !== openId()) return;
    receiveItems(update.items || "");
    receiveHead(update.head);
    swapById(update.ownership, "ownership");
    if (update.side) swapById(update.side, "known");
    if (update.who) swapById(update.who, "side-who");
    syncComposer();
  }

  document.addEventListener("hub:items", (event) => receiveItems(event.detail, true));

  document.addEventListener("hub:live", (event) => {
    let update;
    try {
      update = JSON.parse(event.detail.data);
    } catch {
      return;
    }
    receiveList(update);
    if (update.thread) receiveThread(update);
  });

  /* ---- the connection ---- */

  function connected(yes) {
    const note = $("live-note");
    if (note) note.hidden = yes;
    document.documentElement.dataset.live = yes ? "on" : "off";
  }
  document.addEventListener("htmx:sse:after:connection", () => connected(true));
  document.addEventListener("htmx:sse:error", (event) => {
    connected(false);
    if (event.detail.status === 401 || event.detail.status === 403) location.reload();
  });
  document.addEventListener("htmx:sse:close", () => {
    document.documentElement.dataset.live = "off";
  });
  setInterval(() => {
    const live = $("live");
    if (live && !live._htmx?.sse && !document.hidden) htmx.trigger(live, "hub:connect");
  }, 3000);

  /* ---- the composer ---- */

  const composer = () => $("composer");
  const field = () => $("composer-text");
  const isNote = () => composer()?.querySelector('input[name="note"]:checked')?.value === "1";

  function draftKey() {
    return "draft:" + openId() + (isNote() ? ":note" : "");
  }

  function fit() {
    const area = field();
    if (!area) return;
    area.style.height = "auto";
    area.style.height = Math.min(area.scrollHeight + 2, 260) + "px";
  }

  function count() {
    const form = composer();
    if (!form) return;
    const text = field().value;
    const length = [...text].length;
    const shown = $("composer-count");
    const most = isNote() ? 10000 : Number(form.dataset.length);
    const tooLong = length > most;
    let words = "";
    if (!isNote() && form.dataset.segmented && length) {
      const cost = window.hubMeasure(text, JSON.parse(form.dataset.gsm));
      words = cost.segments + (cost.segments === 1 ? " SMS" : " SMS parts") + " · " + cost.left + " left · " + cost.encoding;
    }
    if (length > most * 0.8) words = (words ? words + " · " : "") + length + " of " + most + " characters";
    if (tooLong) words = length - most + " characters too many";
    shown.textContent = words;
    shown.toggleAttribute("data-over", tooLong);
    const locked = !isNote() && !$("thread-head").dataset.mayReply;
    $("composer-send").disabled = locked || tooLong || !text.trim();
  }

  function syncComposer() {
    const form = composer();
    if (!form) return;
    const head = $("thread-head");
    const locked = !isNote() && !head.dataset.mayReply;
    const area = field();
    area.readOnly = locked;
    form.toggleAttribute("data-locked", locked);
    form.toggleAttribute("data-note", isNote());
    area.placeholder = isNote()
      ? "Write a note. Only colleagues see it."
      : locked
        ? head.dataset.ended
          ? "This conversation has ended."
          : "Take over to reply."
        : "Write to " + document.querySelector(".thread-who h2").textContent.trim() + "…";
    $("composer-send").querySelector("span").textContent = isNote() ? "Add note" : "Send";
    fit();
    count();
  }

  function fault(words) {
    const shown = $("composer-error");
    shown.textContent = words;
    shown.hidden = !words;
  }

  function restoreDraft() {
    if (!field()) return;
    field().value = sessionStorage.getItem(draftKey()) || "";
    fault("");
    syncComposer();
  }

  function choose(note) {
    const radio = composer()?.querySelector('input[name="note"][value="' + (note ? "1" : "") + '"]');
    if (!radio) return;
    radio.checked = true;
    restoreDraft();
    field().focus();
  }

  function waitingBubble(text, note) {
    const item = document.createElement("li");
    item.className = "item";
    item.dataset.pending = "";
    item.dataset.role = note ? "note" : "operator";
    item.dataset.at = new Date().toISOString();
    item.dataset.seq = "1000000000";
    const by = document.createElement("p");
    by.className = "item-by";
    by.textContent = (note ? "Note by " : "") + composer().dataset.author;
    const bubble = document.createElement("div");
    bubble.className = "bubble";
    const words = document.createElement("p");
    words.className = "bubble-text";
    words.dir = "auto";
    words.textContent = text;
    bubble.append(words);
    const foot = document.createElement("p");
    foot.className = "item-foot";
    foot.textContent = "Sending…";
    item.append(by, bubble, foot);
    return item;
  }

  async function send() {
    const form = composer();
    if ($("composer-send").disabled) return;
    const note = isNote();
    const text = field().value.trim();
    const id = openId();
    const key = draftKey();
    const told = new FormData(form);
    told.set("text", text);
    const waiting = waitingBubble(text, note);
    $("items").append(waiting);
    toBottom();
    field().value = "";
    sessionStorage.removeItem(key);
    fault("");
    syncComposer();
    let words = "";
    try {
      const answer = await fetch(form.action, {
        method: "POST",
        headers: {
          "x-csrftoken": JSON.parse(document.body.getAttribute("hx-headers:inherited"))["x-csrftoken"],
          "HX-Request": "true",
          Accept: "text/html",
        },
        body: told,
      });
      if (answer.status === 401) {
        sessionStorage.setItem(key, text);
        location.href = answer.headers.get("HX-Redirect") || "/signin";
        return;
      }
      const body = await answer.text();
      if (answer.ok) {
        waiting.remove();
        if (openId() === id) receiveItems(body, true);
        if (!note && form.isConnected) form.dispatchEvent(new CustomEvent("hub:sent", { bubbles: true }));
        return;
      }
      words = answer.status === 409 ? body : "The server did not take it. Try again.";
    } catch {
      words = "No answer from the server. Look in the conversation whether it went out, then try again.";
    }
    waiting.remove();
    const typed = openId() === id ? field().value : "";
    sessionStorage.setItem(key, text + (typed ? "\n" + typed : ""));
    if (openId() === id) {
      restoreDraft();
      fault(words);
      field().focus();
    } else {
      window.hub.toast(words, "error");
    }
  }

  document.addEventListener("submit", (event) => {
    if (event.target.id === "composer") {
      event.preventDefault();
      send();
    }
    if (event.target.matches("[data-snooze-form]")) {
      event.preventDefault();
      snooze(new Date($("snooze-at").value));
    }
  });
  document.addEventListener("input", (event) => {
    if (event.target.id !== "composer-text") return;
    sessionStorage.setItem(draftKey(), event.target.value);
    fit();
    count();
  });
  document.addEventListener("change", (event) => {
    if (event.target.matches('#composer input[name="note"]')) {
      restoreDraft();
      field().focus();
    }
  });

  function snooze(until) {
    if (isNaN(until)) return;
    const id = $("thread").dataset.id;
    htmx.ajax("POST", "/inbox/" + id.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5") + "/snooze", {
      source: $("snooze-menu"), target: "#thread-head", swap: "outerHTML", values: { until: until.toISOString() },
    });
  }

  /* ---- clicks, keys ---- */

  document.addEventListener("click", (event) => {
    if (event.target.closest("#rows-pill")) {
      settleRows();
      $("rows-scroll").scrollTop = 0;
    }
    if (event.target.closest("#thread-pill")) toBottom();
    if (event.target.closest("[data-side]")) $("side")?.toggleAttribute("data-shown");
    const chosen = event.target.closest("[data-snooze]");
    if (chosen) {
      const at = new Date();
      if (chosen.dataset.snooze === "hour") at.setHours(at.getHours() + 1);
      else {
        at.setDate(at.getDate() + 1);
        at.setHours(9, 0, 0, 0);
      }
      snooze(at);
    }
  });
  document.addEventListener("scroll", (event) => {
    if (event.target.id === "thread-scroll" && atBottom() && $("thread-pill")) $("thread-pill").hidden = true;
  }, true);
  document.addEventListener("mouseout", (event) => {
    const box = document.querySelector(".list-pane");
    if (box && box.contains(event.target) && !box.contains(event.relatedTarget) && pendingRows.size && quiet()) settleRows();
  });
  document.addEventListener("toggle", (event) => {
    if (event.target.matches("#thread-head details")) {
      if (!event.target.open && pendingHead) receiveHead(pendingHead);
    }
  }, true);

  function move(by) {
    const links = listed().map((row) => row.querySelector(".row-link"));
    if (!links.length) return;
    let at = links.indexOf(document.activeElement);
    if (at < 0) {
      at = links.findIndex((link) => link.hasAttribute("aria-current"));
      if (at < 0 && by < 0) at = links.length;
    }
    links[Math.min(Math.max(at + by, 0), links.length - 1)].focus();
  }

  function openMenu(id) {
    const menu = $(id);
    if (!menu) return;
    menu.open = true;
    menu.querySelector(".menu-list input, .menu-list button")?.focus();
  }

  function typing(element) {
    return element.matches?.("input:not([type=radio]), textarea, select, [contenteditable]");
  }

  const keys = {
    j: () => move(1),
    k: () => move(-1),
    r: () => choose(false),
    n: () => choose(true),
    t: () => ($("take-over") || $("take-from"))?.click(),
    b: () => $("hand-back")?.click(),
    a: () => openMenu("assign-menu"),
    l: () => openMenu("tag-menu"),
    s: () => openMenu("snooze-menu"),
    e: () => $("close-button")?.click(),
    "/": () => $("q")?.focus(),
    "?": () => $("keys-dialog")?.showModal(),
  };

  document.addEventListener("keydown", (event) => {
    if (event.target.id === "composer-text" && event.key === "Enter" && !event.shiftKey && !event.isComposing
        && (!composer().dataset.letters || isNote() || event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      send();
      return;
    }
    if (event.key === "Escape" && !document.querySelector("dialog[open]")) {
      const side = document.querySelector(".side[data-shown]");
      if (side) side.removeAttribute("data-shown");
      else if (typing(event.target)) event.target.blur();
      else document.querySelector(".row-link[aria-current]")?.focus();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target) || document.querySelector("dialog[open]")) return;
    const act = keys[event.key];
    if (act && $("rows")) {
      event.preventDefault();
      act();
    }
  });

  /* ---- after swaps ---- */

  function settle() {
    arrange($("items"));
    document.querySelectorAll(".earlier > div").forEach(arrange);
    if (openId() !== threadId) {
      threadId = openId();
      pendingHead = null;
      restoreDraft();
      requestAnimationFrame(toBottom);
      const name = document.querySelector(".thread-who h2")?.textContent.trim();
      if (name && $("rows")) document.title = name + " · Hub";
    } else syncComposer();
    markAll();
  }

  let heightBefore = 0;
  document.addEventListener("htmx:before:swap", () => {
    heightBefore = scroll()?.scrollHeight || 0;
  });
  document.addEventListener("htmx:after:swap", (event) => {
    if (event.detail.ctx?.text?.includes('id="thread-head"')) pendingHead = null;
    settle();
    const box = scroll();
    if (box && event.detail.ctx?.request?.action?.includes("/older?before")) box.scrollTop += box.scrollHeight - heightBefore;
  });
  if (document.readyState !== "loading") settle();
  else document.addEventListener("DOMContentLoaded", settle);
})();
