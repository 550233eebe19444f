// Small tools for the page's elements. Text is always set as text; HTML comes from our server only, already safe.

export const $ = (id) => document.getElementById(id);

export function el(tag, fields = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(fields)) {
    if (value === undefined || value === false) continue;
    if (name === "class") made.className = value;
    else if (name === "dataset") Object.assign(made.dataset, value);
    else if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (name in made && typeof value !== "string") made[name] = value;
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

export function say(text, fields = {}) {
  return Object.entries(fields).reduce((out, [name, value]) => out.replaceAll(`{${name}}`, String(value)), text);
}

export function toast(text, { good = false, seconds = 6 } = {}) {
  const box = $("toasts");
  for (const old of [...box.children]) if (old.textContent === text) old.remove();
  const shown = el("p", { class: good ? "toast good" : "toast" }, text);
  box.append(shown);
  while (box.children.length > 4) box.firstChild.remove();
  setTimeout(() => shown.remove(), seconds * 1000);
}

export function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

export function fileSize(bytes) {
  if (bytes < 1024) return `${bytes} B`;
  if (bytes < 1024 * 1024) return `${Math.round(bytes / 1024)} KB`;
  return `${(bytes / 1024 / 1024).toFixed(1)} MB`;
}
