/* Choosing a voice: which field it is for, hearing one at a time, taking one. */
(() => {
  "use strict";
  const dialog = document.getElementById("voices-dialog");
  if (!dialog) return;
  const audio = new Audio();
  let field = null, playing = null;

  function said(text) {
    const place = dialog.querySelector("[data-voices-said]");
    if (place) place.textContent = text;
  }
  function stop() {
    audio.pause();
    playing?.setAttribute("aria-pressed", "false");
    playing?.removeAttribute("aria-busy");
    playing = null;
  }
  async function refused(url) {
    try {
      const answer = await fetch(url);
      const words = answer.ok ? "" : await answer.text();
      return words && words.length < 400 && !words.includes("<") ? words : "Your browser cannot play this preview.";
    } catch { return "The server cannot be reached. Check your connection and try again."; }
  }
  function hear(button) {
    const again = playing === button;
    stop();
    said("");
    if (again) return;
    playing = button;
    button.setAttribute("aria-pressed", "true");
    button.setAttribute("aria-busy", "true");
    audio.src = button.dataset.preview;
    audio.play().catch(() => { /* told by its error */ });
  }
  audio.addEventListener("playing", () => playing?.removeAttribute("aria-busy"));
  audio.addEventListener("ended", stop);
  audio.addEventListener("error", async () => {
    if (!playing) return;
    const url = playing.dataset.preview;
    stop();
    said(await refused(url));
  });

  document.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-voice-for]");
    if (opener) field = document.getElementById(opener.dataset.voiceFor);
    const button = event.target.closest("[data-preview]");
    if (button) hear(button);
    const taken = event.target.closest("[data-take]");
    if (taken && field) {
      field.value = taken.dataset.take;
      field.dispatchEvent(new Event("input", { bubbles: true }));
      dialog.close();
      field.focus();
    }
  });
  dialog.addEventListener("close", () => {
    stop();
    document.getElementById("voices").replaceChildren();
  });
})();
