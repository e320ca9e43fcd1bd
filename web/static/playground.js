/* The live test: chat or call. In the chat Enter sends, the log keeps to its end, refused messages stay in the box. */
(() => {
  "use strict";
  const key = () => Array.from(crypto.getRandomValues(new Uint8Array(8)), (n) => n.toString(16).padStart(2, "0")).join("");
  const log = () => document.querySelector(".chat-log");
  let atEnd = true;

  function toEnd() {
    const box = log();
    if (box) box.scrollTop = box.scrollHeight;
  }
  document.addEventListener("scroll", (event) => {
    const box = event.target;
    if (box.classList?.contains("chat-log")) atEnd = box.scrollHeight - box.scrollTop - box.clientHeight < 60;
  }, true);
  new MutationObserver((changes) => {
    if (changes.some((change) => change.target.closest?.(".live-test"))) if (atEnd) toEnd();
  }).observe(document.getElementById("main"), { childList: true, subtree: true, characterData: true });
  toEnd();

  document.addEventListener("keydown", (event) => {
    if (event.target.id === "say" && event.key === "Escape" && event.target.form.classList.contains("again")) {
      event.target.form.reset();
      event.target.form.elements.again.value = "";
      event.target.form.classList.remove("again");
    }
    if (event.target.id === "say" && event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      event.target.form.requestSubmit();
    }
  });
  document.addEventListener("click", (event) => {
    const idea = event.target.closest("[data-idea]");
    const edit = event.target.closest("[data-edit-turn], [data-again-turn]");
    const area = document.getElementById("say");
    if (!area || !(idea || edit)) return;
    if (edit) {
      const id = edit.dataset.editTurn || edit.dataset.againTurn;
      area.value = document.querySelector(`[data-edit-turn="${id}"]`).closest(".bubble-row").querySelector(".bubble").textContent;
      area.form.elements.again.value = id;
      if (edit.dataset.againTurn) return void area.form.requestSubmit();
      area.form.classList.add("again");
      area.focus();
      return;
    }
    area.value = idea.textContent;
    area.form.requestSubmit();
    area.focus();
  });
  document.addEventListener("change", (event) => {
    const modes = event.target.closest("[data-live-mode]");
    if (!modes) return;
    modes.closest(".live-test").dataset.mode = event.target.value;
    toEnd();
  });
  document.addEventListener("htmx:after:request", (event) => {
    const ctx = event.detail?.ctx;
    const form = ctx?.sourceElement?.closest?.("form[data-say]");
    if (!form || !ctx.response) return;
    const composer = document.querySelector(".chat-composer");
    const problem = composer.querySelector(".chat-problem");
    const good = ctx.response.status < 300;
    problem.hidden = good;
    if (!good) {
      problem.textContent = ctx.text && ctx.text.length < 300 && !ctx.text.startsWith("{") ? ctx.text : "This could not be sent. Try again.";
      return;
    }
    atEnd = true;
    toEnd();
    if (form === composer) {
      form.reset();
      form.elements.again.value = "";
      form.classList.remove("again");
    }
    form.elements.key.value = key();
  });
})();
