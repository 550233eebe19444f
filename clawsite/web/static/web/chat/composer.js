// The line to write in: grows with its text, offers commands after a slash, sends with Enter.

import { $, el } from "./dom.js";

export class Composer extends EventTarget {
  constructor(uploads) {
    super();
    this.uploads = uploads;
    this.text = $("text");
    this.box = $("hints");
    this.commands = [];
    this.chosen = -1;
    this.text.addEventListener("input", () => this.changed());
    this.text.addEventListener("keydown", (event) => this.key(event));
    this.text.addEventListener("blur", () => setTimeout(() => this.left(), 150));
    $("composer").addEventListener("submit", (event) => {
      event.preventDefault();
      this.submit();
    });
    uploads.addEventListener("changed", () => this.changed());
  }

  get value() {
    return this.text.value;
  }

  set value(text) {
    this.text.value = text;
    this.changed();
  }

  changed() {
    this.text.style.height = "auto";
    this.text.style.height = `${this.text.scrollHeight}px`;
    const something = this.text.value.trim() || this.uploads.refs.length;
    $("send").disabled = !something || this.uploads.busy;
    this.offer();
  }

  // Who came back meanwhile keeps what is offered.
  left() {
    if (document.activeElement !== this.text) this.hide();
  }

  submit() {
    if ($("send").disabled) return;
    this.hide();
    this.dispatchEvent(new CustomEvent("send", { detail: this.text.value.trim() }));
  }

  key(event) {
    const open = !this.box.hidden;
    if (open && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
      event.preventDefault();
      this.choose(this.chosen + (event.key === "ArrowDown" ? 1 : -1));
    } else if (open && (event.key === "Tab" || (event.key === "Enter" && !this.isTyped(this.offered[this.chosen])))) {
      event.preventDefault();
      this.complete(this.offered[this.chosen]);
    } else if (open && event.key === "Escape") {
      this.hide();
    } else if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      this.submit();
    }
  }

  isTyped(command) {
    return `/${command.name}` === this.text.value.trim();
  }

  offer() {
    const typed = /^\/([\w-]*)$/.exec(this.text.value);
    this.offered = typed ? this.commands.filter((command) => command.name.startsWith(typed[1].toLowerCase())) : [];
    if (!this.offered.length) {
      this.hide();
      return;
    }
    this.box.replaceChildren(...this.offered.map((command, index) => this.draw(command, index)));
    this.box.hidden = false;
    this.text.setAttribute("aria-expanded", "true");
    // A command that stands there whole is what Enter sends, whatever longer ones begin like it.
    this.choose(Math.max(0, this.offered.findIndex((command) => this.isTyped(command))));
  }

  draw(command, index) {
    const row = el(
      "li", { id: `hint-${index}`, role: "option", "aria-selected": "false" },
      el("b", {}, `/${command.name}`), el("span", {}, command.text),
    );
    row.addEventListener("pointerdown", (event) => {
      event.preventDefault();
      this.complete(command);
    });
    return row;
  }

  choose(index) {
    this.chosen = (index + this.offered.length) % this.offered.length;
    [...this.box.children].forEach((row, number) => {
      row.setAttribute("aria-selected", String(number === this.chosen));
      if (number === this.chosen) row.scrollIntoView({ block: "nearest" });
    });
    this.text.setAttribute("aria-activedescendant", `hint-${this.chosen}`);
  }

  complete(command) {
    this.text.value = `/${command.name} `;
    this.changed();
    this.hide();
    this.text.focus();
  }

  hide() {
    this.box.hidden = true;
    this.text.setAttribute("aria-expanded", "false");
    this.text.removeAttribute("aria-activedescendant");
  }
}
