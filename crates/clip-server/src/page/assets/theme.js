// Runs before the page is painted: shows the controls that need script, in the colours that were chosen.
document.documentElement.classList.add("js");
try {
  const theme = localStorage.getItem("theme");
  if (theme) document.documentElement.dataset.theme = theme;
} catch {
  // Storage may be switched off.
}
