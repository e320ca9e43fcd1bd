/* Attachments of our own, looked at one after the other in a dialog: arrows, Home, End, Esc. */
(() => {
  "use strict";

  const $ = (id) => document.getElementById(id);
  let all = [];
  let at = 0;
  let opener = null;

  function made(item) {
    const video = item.dataset.kind === "video";
    const shown = document.createElement(video ? "video" : "img");
    shown.src = item.dataset.view;
    if (video) shown.controls = true;
    else shown.alt = item.dataset.name || "Picture";
    return shown;
  }

  function show(index) {
    at = Math.min(Math.max(index, 0), all.length - 1);
    const item = all[at];
    $("viewer-stage").replaceChildren(made(item));
    $("viewer-name").textContent = item.dataset.name || (item.dataset.kind === "video" ? "Video" : "Picture");
    $("viewer-place").textContent = all.length > 1 ? at + 1 + " of " + all.length : "";
    $("viewer-download").href = item.dataset.view + "?download=1";
    $("viewer-before").disabled = at === 0;
    $("viewer-after").disabled = at === all.length - 1;
  }

  document.addEventListener("click", (event) => {
    const item = event.target.closest("[data-view]");
    if (item) {
      opener = item;
      all = [...document.querySelectorAll("[data-view]")];
      show(all.indexOf(item));
      $("media-dialog").showModal();
    }
    if (event.target.closest("#viewer-before")) show(at - 1);
    if (event.target.closest("#viewer-after")) show(at + 1);
    if (event.target.id === "media-dialog" || event.target.id === "viewer-stage") $("media-dialog").close();
  });

  document.addEventListener("keydown", (event) => {
    if (!$("media-dialog")?.open || event.target.matches("video")) return;
    const to = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: all.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    show(to);
  });

  document.addEventListener("close", (event) => {
    if (event.target.id !== "media-dialog") return;
    $("viewer-stage").replaceChildren();
    if (opener?.isConnected) opener.focus();
  }, true);
})();
