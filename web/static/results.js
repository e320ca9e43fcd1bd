/* Results: evidence is played where it was said; the page grows while the interaction goes on. */
(() => {
  "use strict";

  let until = null;

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-seek]");
    if (!button || !window.hubPlayer) return;
    until = button.dataset.until ? Number(button.dataset.until) : null;
    window.hubPlayer.seek(Number(button.dataset.seek), true);
    document.getElementById("player")?.scrollIntoView({ block: "nearest" });
  });

  document.addEventListener("hub:playing", ({ detail }) => {
    if (until === null || !detail.playing || detail.ms < until) return;
    until = null;
    window.hubPlayer?.toggle();
  });
})();
