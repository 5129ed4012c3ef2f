// The library: what is indexed, and how indexing goes on.

import * as api from "./api.js";
import { $, button, bytes, date, h, number, photos, shown, toast } from "./dom.js";

/** `changed(generation)` is called when there may be another state of the index. Returns the function that opens the dialog. */
export function library(changed) {
  const dialog = $("library");
  const bar = $("progress");
  const line = $("indexing");
  let hiding;

  function progress({ stage, done, total }) {
    clearTimeout(hiding);
    const known = total > 0;
    const share = known ? Math.min(100, Math.round((100 * done) / total)) : 0;
    const words = known ? `Indexing: ${number(done)} of ${number(total)}` : `Indexing: ${shown(stage ?? "")} ${number(done ?? 0)}`;
    bar.hidden = line.hidden = false;
    bar.classList.toggle("unknown", !known);
    bar.firstElementChild.style.width = `${known ? share : 30}%`;
    if (known) bar.setAttribute("aria-valuenow", share);
    else bar.removeAttribute("aria-valuenow");
    bar.setAttribute("aria-valuetext", words);
    line.textContent = words;
    hiding = setTimeout(finished, 60_000);
  }

  function finished() {
    clearTimeout(hiding);
    bar.hidden = line.hidden = true;
  }

  api.events({
    progress,
    done: ({ error }) => {
      finished();
      if (error) toast(shown(error));
    },
    index: (index) => changed(index.generation, index.photos),
  });

  // A server that does not tell of places has no map, and does not send files, which may tell of them.
  api.status().then(
    ({ places }) => document.body.classList.toggle("no-places", places === false),
    () => {},
  );

  async function open() {
    let status;
    try {
      status = await api.status();
    } catch (error) {
      return toast(error.message);
    }
    const row = (name, ...value) => h("div", {}, h("dt", {}, name), h("dd", {}, ...value));
    const list = h(
      "dl",
      {},
      row("Photos", number(status.photos)),
    );
    // There may be no index yet.
    if (status.roots?.length) list.append(row("Folders", h("ul", {}, status.roots.map((root) => h("li", {}, h("bdi", { class: "path" }, shown(root)))))));
    if (status.model) list.append(row("Model", h("bdi", {}, shown(status.model))));
    if (status.bytes) list.append(row("Index", `${bytes(status.bytes)}, last changed ${date("moment", status.committed_at)}`));
    if (status.bad_files) list.append(row("Not indexed", `${number(status.bad_files)} ${status.bad_files === 1 ? "file" : "files"} that could not be read`));
    if (status.remaining) list.append(row("Still to do", photos(status.remaining)));
    dialog.replaceChildren(
      h("header", { class: "head" }, h("h2", { id: "library-title", tabIndex: -1, autofocus: true }, "Library"), button("close", "Close", () => dialog.close())),
      list,
      status.can_add_folders ? form() : "",
      h("p", { class: "faint" }, `clip-search ${shown(status.version)}`),
    );
    if (!dialog.open) dialog.showModal();
  }

  function form() {
    const problem = h("p", { role: "alert", class: "problem", id: "folder-problem" });
    const input = h("input", { id: "folder", name: "path", required: true, spellcheck: false, autocomplete: "off", placeholder: "/home/me/Pictures", "aria-describedby": "folder-problem" });
    return h(
      "form",
      {
        class: "add",
        onsubmit: async (event) => {
          event.preventDefault();
          problem.textContent = "";
          try {
            await api.addFolder(input.value.trim());
            toast("The folder is being indexed");
            dialog.close();
          } catch (error) {
            problem.textContent = error.message;
            input.focus();
          }
        },
      },
      h("label", { for: "folder" }, "Add a folder"),
      h("div", { class: "line" }, input, h("button", { class: "button main" }, "Add")),
      problem,
    );
  }

  return open;
}
