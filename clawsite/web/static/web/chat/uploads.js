// Files of the message being written: uploaded at once, one after the other, with their progress.

import { $, el, fileSize, say, toast } from "./dom.js";

export class Uploads extends EventTarget {
  constructor(setup) {
    super();
    this.setup = setup;
    this.token = document.querySelector("#token input").value;
    this.items = [];
    this.allowed = false;
    $("attach").addEventListener("click", () => $("picker").click());
    $("picker").addEventListener("change", () => {
      this.add($("picker").files);
      $("picker").value = "";
    });
    this.catchDrops();
  }

  allow(allowed) {
    this.allowed = allowed;
    $("attach").hidden = !allowed;
  }

  catchDrops() {
    let depth = 0;
    const hasFiles = (event) => this.allowed && [...(event.dataTransfer?.types ?? [])].includes("Files");
    const show = (shown) => { depth = shown ? depth : 0; $("drop").hidden = !shown; };
    addEventListener("dragenter", (event) => { if (hasFiles(event)) { depth += 1; show(true); } });
    addEventListener("dragleave", (event) => { if (hasFiles(event) && --depth <= 0) show(false); });
    addEventListener("dragover", (event) => event.preventDefault());
    addEventListener("drop", (event) => {
      event.preventDefault();
      show(false);
      if (hasFiles(event)) this.add(event.dataTransfer.files);
    });
    $("text").addEventListener("paste", (event) => {
      if (this.allowed && event.clipboardData.files.length) {
        event.preventDefault();
        this.add(event.clipboardData.files);
      }
    });
  }

  add(files) {
    const { texts, maxFile, maxFiles } = this.setup;
    for (const file of files) {
      if (this.items.length >= maxFiles) {
        toast(say(texts.tooManyFiles, { limit: maxFiles }));
        return;
      }
      if (file.size > maxFile) toast(say(texts.tooLarge, { name: file.name, limit: maxFile / 1024 / 1024 }));
      else this.begin(file);
    }
  }

  begin(file) {
    const bar = el("progress", { max: 1, value: 0 });
    const remove = el("button", { type: "button", "aria-label": `${this.setup.texts.remove} ${file.name}` }, "✕");
    const row = el("li", {}, el("span", { title: file.name }, `${file.name} · ${fileSize(file.size)}`), remove, bar);
    const item = { file, row, bar, ref: "", request: null };
    remove.addEventListener("click", () => this.drop(item));
    this.items.push(item);
    $("files").append(row);
    this.next();
  }

  next() {
    this.changed();
    if (this.items.some((item) => item.request)) return;
    const item = this.items.find((each) => !each.ref && !each.failed);
    if (item) this.transfer(item);
  }

  transfer(item) {
    const request = new XMLHttpRequest();
    item.request = request;
    request.open("POST", this.setup.upload);
    request.timeout = 300000;
    request.responseType = "json";
    request.setRequestHeader("X-CSRFToken", this.token);
    request.setRequestHeader("X-File-Name", encodeURIComponent(item.file.name));
    request.setRequestHeader("Content-Type", item.file.type || "application/octet-stream");
    request.upload.addEventListener("progress", (event) => { item.bar.value = event.loaded / (event.total || 1); });
    request.addEventListener("loadend", () => this.done(item, request));
    request.send(item.file);
  }

  done(item, request) {
    item.request = null;
    if (request.status === 200 && request.response?.ref) {
      item.ref = request.response.ref;
      item.kind = request.response.kind;
      item.bar.remove();
    } else if (this.items.includes(item)) {
      item.failed = true;
      item.row.classList.add("failed");
      item.bar.remove();
      toast(request.response?.error?.message ?? say(this.setup.texts.uploadFailed, { name: item.file.name }));
    }
    this.next();
  }

  drop(item) {
    this.items = this.items.filter((other) => other !== item);
    item.row.remove();
    item.request?.abort();
    this.next();
  }

  get busy() {
    return this.items.some((item) => !item.ref && !item.failed);
  }

  get refs() {
    return this.items.filter((item) => item.ref).map((item) => item.ref);
  }

  // Hand the files over to a message and start anew.
  take() {
    const ready = this.items.filter((item) => item.ref);
    const taken = ready.map((item) => ({ name: item.file.name, size: item.file.size, kind: item.kind, state: "sent" }));
    for (const item of this.items) item.row.remove();
    this.items = [];
    this.changed();
    return taken;
  }

  changed() {
    this.dispatchEvent(new Event("changed"));
  }
}
