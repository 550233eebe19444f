// The messages: those of the server in their order, ours that wait for it, and the answer that is being written.

import { $, el, fileSize } from "./dom.js";

const NEAR = 120;

export class Transcript extends EventTarget {
  constructor(setup) {
    super();
    this.texts = setup.texts;
    this.filesAt = setup.files;
    this.clock = new Intl.DateTimeFormat(setup.language, { hour: "2-digit", minute: "2-digit" });
    this.calendar = new Intl.DateTimeFormat(setup.language, { dateStyle: "long" });
    this.list = $("messages");
    this.scroller = $("talk");
    this.bySeq = new Map();
    this.local = new Map();
    this.first = 0;
    this.last = 0;
    this.stream = null;
    this.more = false;
    this.loading = false;
    this.scroller.addEventListener("scroll", () => this.scrolled(), { passive: true });
    $("latest").addEventListener("click", () => this.toEnd(true));
    $("older-button").addEventListener("click", () => this.wantOlder());
    new ResizeObserver(() => this.stick && this.toEnd()).observe(this.list);
    this.stick = true;
  }

  get isEmpty() {
    return this.bySeq.size === 0 && this.local.size === 0;
  }

  // --- scrolling
  scrolled() {
    const { scrollTop, scrollHeight, clientHeight } = this.scroller;
    this.stick = scrollHeight - scrollTop - clientHeight < NEAR;
    $("latest").hidden = this.stick;
    if (scrollTop < NEAR && scrollHeight > clientHeight) this.wantOlder();
  }

  toEnd(smooth = false) {
    this.scroller.scrollTo({ top: this.scroller.scrollHeight, behavior: smooth ? "smooth" : "instant" });
  }

  wantOlder() {
    if (!this.more || this.loading) return;
    this.loading = true;
    this.dispatchEvent(new CustomEvent("older", { detail: this.first }));
  }

  // --- messages of the server
  take({ messages, restart, more }) {
    if (restart) this.clear();
    if (restart || !this.bySeq.size) this.setMore(more);
    for (const message of messages) this.put(message);
    if (messages.some((message) => message.role === "assistant" || message.role === "notice")) this.endStream();
    this.days();
    if (this.stick) this.toEnd();
  }

  takeOlder({ messages, more }) {
    const height = this.scroller.scrollHeight;
    const top = this.scroller.scrollTop;
    this.loading = false;
    for (const message of messages) this.put(message);
    this.setMore(more);
    this.days();
    this.scroller.scrollTop = top + this.scroller.scrollHeight - height;
  }

  setMore(more) {
    this.more = more;
    $("older").hidden = !more;
  }

  clear() {
    for (const shown of this.bySeq.values()) shown.remove();
    this.bySeq.clear();
    this.first = this.last = 0;
  }

  put(message) {
    if (this.bySeq.has(message.seq)) return;
    const shown = this.draw(message);
    shown.dataset.seq = message.seq;
    shown.dataset.day = this.calendar.format(new Date(message.at));
    const mine = message.id && this.local.get(message.id);
    if (mine) {
      mine.remove();
      this.local.delete(message.id);
    }
    this.list.insertBefore(shown, this.after(message.seq));
    this.bySeq.set(message.seq, shown);
    this.first = this.first ? Math.min(this.first, message.seq) : message.seq;
    this.last = Math.max(this.last, message.seq);
  }

  // A message says something else by now. One that this page has not loaded will be right when it is.
  replace(message) {
    const old = this.bySeq.get(message.seq);
    if (!old) return;
    const shown = this.draw(message);
    Object.assign(shown.dataset, old.dataset);
    old.replaceWith(shown);
    this.bySeq.set(message.seq, shown);
  }

  // The element before which a message belongs: the next one of the server, else what only this page has.
  after(seq) {
    if (seq > this.last) {
      for (const child of this.list.children) if (child.dataset.local && !child.dataset.kept) return child;
      return this.stream;
    }
    for (const child of this.list.children) if (Number(child.dataset.seq) > seq) return child;
    return null;
  }

  draw(message) {
    const time = this.clock.format(new Date(message.at));
    if (message.role === "user" || message.role === "command") {
      return this.drawMine(message.text, time, message.files ?? []);
    }
    const body = el("div", { class: "body" });
    body.innerHTML = message.html;
    for (const block of body.querySelectorAll("pre")) this.addCopy(block);
    const shown = el(
      "article", { class: `message bot ${message.role}` }, el("span", { class: "hidden" }, this.texts.bot), body,
    );
    if (message.files?.length) shown.append(this.drawFiles(message.files));
    if (message.buttons?.length) shown.append(this.drawButtons(message));
    shown.append(el("span", { class: "meta" }, time));
    return shown;
  }

  drawMine(text, note, files) {
    const shown = el(
      "article", { class: "message mine" },
      el("span", { class: "hidden" }, this.texts.you), el("div", { class: "body" }, text),
    );
    if (files.length) shown.append(this.drawFiles(files));
    shown.append(el("span", { class: "meta" }, note));
    return shown;
  }

  drawFiles(files) {
    return el("ul", { class: "attached" }, ...files.map((file) => el("li", {}, this.drawFile(file))));
  }

  drawFile(file) {
    const note = file.state === "refused" ? this.texts.fileRefused : file.size ? fileSize(file.size) : "";
    const label = [file.name || file.kind, el("small", {}, note)];
    if (file.state !== "stored") return el("span", { class: "file" }, ...label);
    const url = `${this.filesAt}${file.id}`;
    if (file.kind !== "photo") return el("a", { href: url, download: file.name || true }, ...label);
    const image = el("img", { src: url, alt: file.name, loading: "lazy" });
    const link = el("a", { class: "photo", href: url, download: file.name || true }, image);
    image.addEventListener("error", () => link.replaceChildren(...label));
    return link;
  }

  drawButtons(message) {
    const lines = message.buttons.filter((line) => line.length);
    const make = (button) =>
      el("button", { type: "button", class: `press ${button.style}`, onclick: () => this.press(message, button) }, button.label);
    return el("div", { class: "buttons" }, ...lines.map((line) => el("div", {}, ...line.map(make))));
  }

  press(message, button) {
    for (const other of this.bySeq.get(message.seq).querySelectorAll(".press")) other.disabled = true;
    this.dispatchEvent(new CustomEvent("press", { detail: { seq: message.seq, data: button.data } }));
  }

  // A press that the server could not take may be tried again.
  release(seq) {
    for (const button of this.bySeq.get(seq)?.querySelectorAll(".press") ?? []) button.disabled = false;
  }

  addCopy(block) {
    const button = el("button", { type: "button", class: "copy" }, this.texts.copy);
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(block.querySelector("code").textContent);
      button.textContent = this.texts.copied;
      setTimeout(() => { button.textContent = this.texts.copy; }, 1500);
    });
    if (navigator.clipboard) block.append(button);
  }

  days() {
    for (const old of this.list.querySelectorAll(".day")) old.remove();
    let day = "";
    for (const shown of [...this.list.children]) {
      if (!shown.dataset.day || shown.dataset.day === day) continue;
      day = shown.dataset.day;
      shown.before(el("div", { class: "day", role: "separator" }, this.dayName(day)));
    }
  }

  dayName(day) {
    const now = new Date();
    if (day === this.calendar.format(now)) return this.texts.today;
    now.setDate(now.getDate() - 1);
    return day === this.calendar.format(now) ? this.texts.yesterday : day;
  }

  // --- our own, until the server shows them
  addLocal(frame, files, onAgain) {
    if (this.local.has(frame.id)) return;
    const shown = this.drawMine(frame.text, this.texts.sending, files);
    shown.classList.add("waiting");
    shown.dataset.local = frame.id;
    shown.again = onAgain;
    this.local.set(frame.id, shown);
    this.list.append(shown);
    if (this.stream) this.list.append(this.stream);
    this.toEnd();
  }

  // Taken: it stays where it is until the server shows it, and for good if it never does (a stranger's is not kept).
  sent(id) {
    const shown = this.local.get(id);
    if (!shown) return;
    shown.classList.remove("waiting", "failed");
    shown.dataset.kept = "yes";
    shown.lastChild.textContent = this.texts.sent;
  }

  failed(id) {
    const shown = this.local.get(id);
    if (!shown) return;
    shown.classList.remove("waiting");
    shown.classList.add("failed");
    const again = el("button", { type: "button", class: "quiet" }, this.texts.again);
    const remove = el("button", { type: "button", class: "quiet" }, this.texts.remove);
    const drop = () => { shown.remove(); this.local.delete(id); };
    again.addEventListener("click", () => { drop(); shown.again(); });
    remove.addEventListener("click", drop);
    shown.lastChild.replaceChildren(this.texts.failed, " ", again, remove);
  }

  // --- the answer that is being written
  show(text) {
    if (!this.stream) {
      this.stream = el("article", { class: "message bot stream", "aria-busy": "true" }, el("div", { class: "body" }));
      this.list.append(this.stream);
    }
    this.stream.firstChild.textContent = text;
    if (this.stick) this.toEnd();
  }

  endStream() {
    this.stream?.remove();
    this.stream = null;
  }
}
