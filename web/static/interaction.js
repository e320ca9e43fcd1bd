/* The page of one interaction: the transcript in step with the sound, and the head that changes while it goes on. */
(() => {
  "use strict";

  const $ = (id) => document.getElementById(id);
  const transcript = $("thread");
  const quiet = matchMedia("(prefers-reduced-motion: reduce)");
  const RESTS_MS = 5000;
  let sentences = [];
  let current = null;
  let moved = 0;

  /* ---- sentences ---- */

  function gather() {
    sentences = [...transcript.querySelectorAll(".said[data-from]")]
      .map((element) => ({ element, from: Number(element.dataset.from), to: Number(element.dataset.to || Infinity) }))
      .sort((one, other) => one.from - other.from);
    const reachable = sentences.find(({ element }) => element.tabIndex === 0);
    for (const { element } of sentences) {
      if (element.hasAttribute("role")) continue;
      element.setAttribute("role", "link");
      element.title = "Play from here";
      element.tabIndex = -1;
    }
    if (!reachable && sentences.length) sentences[0].element.tabIndex = 0;
  }

  function reach(element) {
    for (const one of sentences) one.element.tabIndex = one.element === element ? 0 : -1;
  }

  function spokenAt(ms) {
    let found = null;
    for (const one of sentences) {
      if (one.from > ms) break;
      if (ms < one.to) found = one.element;
    }
    return found;
  }

  function follow(element) {
    if (Date.now() - moved < RESTS_MS) return;
    const top = $("player")?.getBoundingClientRect().bottom || 0;
    const place = element.getBoundingClientRect();
    if (place.top < top + 8 || place.bottom > window.innerHeight - 40) {
      element.scrollIntoView({ block: "center", behavior: quiet.matches ? "auto" : "smooth" });
    }
  }

  document.addEventListener("hub:playing", ({ detail }) => {
    const found = spokenAt(detail.ms);
    if (found === current) return;
    current?.removeAttribute("aria-current");
    current = found;
    if (!found) return;
    found.setAttribute("aria-current", "true");
    if (detail.playing) follow(found);
  });
  for (const name of ["wheel", "touchmove"]) {
    window.addEventListener(name, () => {
      moved = Date.now();
    }, { passive: true });
  }

  function play(element) {
    moved = 0;
    reach(element);
    window.hubPlayer?.seek(Number(element.dataset.from), true);
  }

  transcript?.addEventListener("click", (event) => {
    const said = event.target.closest(".said[data-from]");
    if (said && window.hubPlayer && !String(window.getSelection())) play(said);
  });
  transcript?.addEventListener("keydown", (event) => {
    const said = event.target.closest(".said[data-from]");
    if (!said || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Enter") play(said);
    else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      const at = sentences.findIndex(({ element }) => element === said) + (event.key === "ArrowDown" ? 1 : -1);
      const next = sentences[at]?.element;
      if (!next) return;
      reach(next);
      next.focus();
    } else return;
    event.preventDefault();
  });

  /* ---- growing ---- */

  document.addEventListener("hub:live", (event) => {
    let update;
    try {
      update = JSON.parse(event.detail.data);
    } catch {
      return;
    }
    if (update.thread !== transcript?.dataset.id || !update.facts) return;
    const holder = document.createElement("template");
    holder.innerHTML = update.facts;
    const fresh = holder.content.querySelector("#interaction-head");
    if (fresh && !$("interaction-head").contains(document.activeElement)) $("interaction-head").replaceWith(fresh);
    const legend = $("latency-legend");
    if (legend && transcript.querySelector(".latency")) legend.hidden = false;
    if (update.ended) window.hubPlayer?.refresh();
  });

  if (transcript && window.hubPlayer && $("items")) {
    gather();
    new MutationObserver(gather).observe($("items"), { childList: true, subtree: true });
  }
})();
