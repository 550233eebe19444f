// Puts the chat together: what the server says changes the page, what the visitor does becomes a frame.

import "../language.js";
import { Composer } from "./composer.js";
import { Connection } from "./connection.js";
import { $, el, newId, say, toast } from "./dom.js";
import { Transcript } from "./transcript.js";
import { Uploads } from "./uploads.js";

const setup = JSON.parse($("setup").textContent);
const texts = setup.texts;
const TYPING_FOR = 7000;
const STARTERS = ["help", "status", "settings"];

const connection = new Connection(setup.socket);
const transcript = new Transcript(setup);
const uploads = new Uploads(setup);
const composer = new Composer(uploads);
const pressed = new Map();
let access = "";
let loaded = false;
let busy = false;
let typingTimer;

// --- what the server says
connection.addEventListener("state", ({ detail }) => {
  $("status").dataset.state = detail.state;
  $("status-text").textContent = detail.why ? texts[detail.why] : texts[detail.state];
  if (detail.why && access !== "blocked") note(texts[detail.why]);
});

connection.addEventListener("access", ({ detail }) => {
  access = detail.access;
  document.body.dataset.access = access;
  uploads.allow(access === "approved");
  composer.commands = detail.hints ?? [];
  if (detail.changed && access === "approved") toast(texts.approved, { good: true });
  note(access === "pending" ? texts.pendingNote : access === "blocked" ? texts.noAccess : "");
  loaded = true;
  setTimeout(welcome, 60);
});

connection.addEventListener("messages", ({ detail }) => {
  transcript.take(detail);
  connection.lastSeq = transcript.last;
  welcome();
});

connection.addEventListener("changed", ({ detail }) => detail.messages.forEach((message) => transcript.replace(message)));
connection.addEventListener("older", ({ detail }) => transcript.takeOlder(detail));
connection.addEventListener("ack", ({ detail }) => transcript.sent(detail.id));

connection.addEventListener("delta", ({ detail }) => {
  transcript.show(detail.text);
  work(busy, true);
});

connection.addEventListener("busy", ({ detail }) => {
  busy = detail.busy;
  if (!busy) transcript.endStream();
  work(busy, transcript.stream !== null);
});

connection.addEventListener("typing", () => {
  clearTimeout(typingTimer);
  work(true, transcript.stream !== null);
  typingTimer = setTimeout(() => work(busy, transcript.stream !== null), TYPING_FOR);
});

connection.addEventListener("error", ({ detail }) => {
  if (detail.retry) {
    toast(texts.later);
    return;
  }
  if (detail.id) refuse(detail.id);
  toast(detail.code === "internal" ? say(texts.wrong, { id: detail.message }) : detail.message);
});

// Taken, and then too much at once. A notice among the messages says so.
connection.addEventListener("refused", ({ detail }) => refuse(detail.id));

function refuse(id) {
  transcript.failed(id);
  transcript.release(pressed.get(id));
}

// --- what the visitor does
composer.addEventListener("send", ({ detail }) => {
  const frame = { t: "send", id: newId(), text: detail, files: uploads.refs };
  if (new Blob([JSON.stringify(frame)]).size > setup.maxFrame) {
    toast(texts.tooLong);
    return;
  }
  composer.text.value = "";
  submit(frame, uploads.take());
  composer.changed();
});

function submit(frame, files) {
  const again = () => submit({ ...frame, id: newId() }, files);
  if (!connection.send(frame)) {
    toast(texts.later);
    composer.value = frame.text;
    return;
  }
  transcript.addLocal(frame, files, again);
  welcome();
}

function command(name) {
  submit({ t: "send", id: newId(), text: `/${name}`, files: [] }, []);
}

$("stop").addEventListener("click", () => command("stop"));

transcript.addEventListener("older", ({ detail }) => connection.write({ t: "older", before: detail }));

transcript.addEventListener("press", ({ detail }) => {
  const frame = { t: "callback", id: newId(), seq: detail.seq, data: detail.data };
  pressed.set(frame.id, detail.seq);
  connection.send(frame);
});

// --- the rest of the page
function note(text) {
  $("note").textContent = text;
  $("note").hidden = !text;
}

function work(working, streaming) {
  $("working").hidden = !working;
  document.querySelector("#working .dots").hidden = streaming;
  $("working-text").textContent = working ? texts.thinking : "";
  $("stop").hidden = !busy;
  if (working && transcript.stick) transcript.toEnd();
}

function welcome() {
  const empty = loaded && transcript.isEmpty && access !== "blocked";
  $("empty").hidden = !empty;
  if (!empty) return;
  const known = access === "approved";
  $("empty-title").textContent = known ? texts.emptyTitle : texts.strangerTitle;
  $("empty-text").textContent = known ? texts.emptyText : texts.strangerText;
  const offered = known ? composer.commands.filter((each) => STARTERS.includes(each.name)) : [];
  $("starters").replaceChildren(...offered.map(starter));
}

function starter(each) {
  return el("button", { type: "button", class: "press", title: each.text, onclick: () => command(each.name) }, `/${each.name}`);
}

// Shown again after a reload: what was not acknowledged yet.
for (const frame of connection.unsent.values()) {
  if (frame.t === "send") transcript.addLocal(frame, [], () => submit({ ...frame, id: newId() }, []));
}
connection.open();
composer.text.focus();
