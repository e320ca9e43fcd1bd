/* The mail composer: which files are attached, and a fresh form after sending. */
(() => {
  "use strict";
  const most = 25e6;

  function size(bytes) {
    return bytes < 1e6 ? Math.max(1, Math.round(bytes / 1e3)) + " kB" : (bytes / 1e6).toFixed(1) + " MB";
  }

  function tell(input) {
    const files = [...input.files];
    const shown = document.getElementById("compose-files");
    const all = files.reduce((sum, file) => sum + file.size, 0);
    if (all > most) {
      input.value = "";
      shown.textContent = "Too large: files may have 25 MB together.";
      return;
    }
    shown.textContent = files.map((file) => file.name + " (" + size(file.size) + ")").join(", ");
  }

  document.addEventListener("change", (event) => {
    if (event.target.matches('.compose-mail input[type="file"]')) tell(event.target);
  });
  document.addEventListener("hub:sent", (event) => {
    const input = event.target.querySelector?.('.compose-mail input[type="file"]');
    if (!input) return;
    input.value = "";
    tell(input);
    event.target.querySelector('[name="bcc"]').value = "";
  });
})();
