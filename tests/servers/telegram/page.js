// The chat window of the Bot API emulator. Everything from outside goes through textContent; links are checked.
"use strict";

const byId = (id) => document.getElementById(id);
const state = { bots: [], users: [], chats: [], chat: null, seen: "", replyTo: null, editing: null, file: null };
const POLL_MS = 500;
const MAX_FILE = 20 * 1024 * 1024;

async function call(operation, params = {}) {
  const headers = { "Content-Type": "application/json" };
  const answer = await fetch(`/control/${operation}`, { method: "POST", headers, body: JSON.stringify(params) });
  const body = await answer.json();
  if (!body.ok) throw new Error(body.error);
  return body.result;
}

function element(name, options = {}, children = []) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(options)) {
    if (key === "class") made.className = value;
    else if (key === "text") made.textContent = value;
    else if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}

function toast(text) {
  byId("toast").textContent = text;
  byId("toast").hidden = false;
  clearTimeout(toast.timer);
  toast.timer = setTimeout(() => { byId("toast").hidden = true; }, 4000);
}

const guard = (action) => async (event) => {
  event?.preventDefault?.();
  try { await action(event); } catch (error) { toast(String(error.message || error)); }
};

// Text with entities: offsets are UTF-16 units, as in JavaScript's own strings.
const TAGS = { bold: "b", italic: "i", underline: "u", strikethrough: "s", code: "code", pre: "pre",
  blockquote: "blockquote", expandable_blockquote: "blockquote" };

function safeLink(url) {
  try {
    const parsed = new URL(url);
    return ["http:", "https:", "mailto:"].includes(parsed.protocol) ? parsed.href : null;
  } catch { return null; }
}

function wrap(entity, text) {
  if (TAGS[entity.type]) {
    const made = element(TAGS[entity.type]);
    if (entity.language) made.dataset.language = entity.language;
    return made;
  }
  if (entity.type === "spoiler") return element("span", { class: "spoiler", title: "Spoiler" });
  const target = entity.type === "text_link" ? entity.url : entity.type === "url" ? text
    : entity.type === "email" ? `mailto:${text}` : null;
  const href = target && safeLink(target);
  if (href) return element("a", { href, target: "_blank", rel: "noopener noreferrer" });
  if (entity.type === "bot_command") {
    return element("a", { href: "#", onclick: guard(() => send({ text })) });
  }
  return element("span", { class: entity.type });
}

function renderText(text, entities, start = 0, end = text.length) {
  const out = [];
  const inside = (entities || []).filter((e) => e.offset >= start && e.offset + e.length <= end);
  let at = start;
  while (inside.length) {
    const entity = inside.shift();
    if (entity.offset < at) continue;
    const stop = entity.offset + entity.length;
    out.push(document.createTextNode(afterBlock(out, text.slice(at, entity.offset))));
    const made = wrap(entity, text.slice(entity.offset, stop));
    made.append(...renderText(text, inside.filter((e) => e.offset + e.length <= stop), entity.offset, stop));
    out.push(made);
    at = stop;
  }
  out.push(document.createTextNode(afterBlock(out, text.slice(at, end))));
  return out;
}

// A block ends its line by itself.
function afterBlock(out, text) {
  const before = out[out.length - 1];
  return ["PRE", "BLOCKQUOTE"].includes(before?.nodeName) && text.startsWith("\n") ? text.slice(1) : text;
}

const nameOf = (user) => [user.first_name, user.last_name].filter(Boolean).join(" ");
const titleOf = (chat) => chat.title || nameOf(chat);
const bot = () => byId("bot").value || null;
const userId = () => Number(byId("user").value) || null;

function renderMedia(message) {
  if (message.photo) {
    const photo = message.photo[message.photo.length - 1];
    return [element("img", { src: `/control/file/${photo.file_id}`, alt: "Photo" })];
  }
  const file = message.document || message.voice;
  if (!file) return [];
  const name = file.file_name || "Voice message";
  const label = `File: ${name} (${Math.ceil(file.file_size / 1024)} KB)`;
  return [element("a", { class: "file-link", href: `/control/file/${file.file_id}`, download: name, text: label })];
}

function renderKeyboard(message) {
  const rows = message.reply_markup?.inline_keyboard || [];
  const button = (b) => b.url && safeLink(b.url)
    ? element("a", { href: safeLink(b.url), target: "_blank", rel: "noopener noreferrer", text: b.text })
    : element("button", { type: "button", text: b.text, onclick: guard(() => press(message, b)) });
  const made = rows.map((row) => element("div", { class: "row" }, row.map(button)));
  return made.length ? [element("div", { class: "keyboard" }, made)] : [];
}

function renderFoot(message, mine) {
  const time = new Date(message.date * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  const reactions = Object.values(message.reactions).flat().map((r) => r.emoji).join(" ");
  const edited = message.history.length ? `edited ${message.history.length}×` : "";
  const act = (text, label, action) => element("button", { type: "button", text, title: label, "aria-label": label, onclick: guard(action) });
  const acts = [act("↩", "Reply", () => answerTo(message))];
  if (mine) acts.push(act("✎", "Edit", () => startEdit(message)));
  else acts.push(act("👍", "React", () => react(message, "👍")), act("👎", "React", () => react(message, "👎")));
  const notes = [reactions, edited, time].filter(Boolean).map((text) => element("span", { text }));
  return element("div", { class: "foot" }, [...acts, ...notes]);
}

function renderMessage(message) {
  const mine = !message.by_bot && message.from.id === userId();
  const parts = [];
  if (!mine) parts.push(element("div", { class: "who", text: nameOf(message.from) }));
  const quoted = message.reply_to_message;
  if (quoted) parts.push(element("div", { class: "reply", text: quoted.text || quoted.caption || "a file" }));
  parts.push(...renderMedia(message));
  const text = message.text ?? message.caption ?? "";
  if (text) parts.push(element("div", { class: "body" }, renderText(text, message.entities || message.caption_entities)));
  parts.push(...renderKeyboard(message), renderFoot(message, mine));
  return element("div", { class: mine ? "message mine" : "message", "data-id": message.message_id }, parts);
}

function renderDraft(draft) {
  const body = element("div", { class: "body" }, renderText(draft.text || "Thinking…", draft.entities));
  return element("div", { class: "message draft" }, [body]);
}

function renderChats() {
  const mine = state.chats.filter((chat) => chat.type === "private" ? chat.id === userId() : chat.members.includes(userId()));
  if (!mine.some((chat) => chat.id === state.chat)) state.chat = mine.length ? mine[0].id : userId();
  const botName = state.bots.find((b) => b.token === bot())?.first_name || "The bot";
  byId("chats").replaceChildren(...mine.map((chat) => element("button", {
    type: "button", "aria-current": chat.id === state.chat,
    onclick: guard(() => { state.chat = chat.id; state.seen = ""; cancelHint(); return refresh(); }),
  }, [document.createTextNode(chat.type === "private" ? botName : titleOf(chat)),
    element("small", { text: chat.type === "private" ? "private chat" : chat.is_forum ? "group with topics" : "group" })])));
  return mine.find((chat) => chat.id === state.chat);
}

function renderHead(chat) {
  byId("title").textContent = !chat || chat.type === "private"
    ? state.bots.find((b) => b.token === bot())?.first_name || "The bot" : titleOf(chat);
  byId("state").textContent = chat?.bot_status === "kicked" ? "blocked" : chat?.action ? `${chat.action.replace("_", " ")}…` : "";
  const topics = chat?.topics || [];
  const options = [["", "General"], ...topics.map((t) => [String(t.message_thread_id), t.name])];
  byId("topic").hidden = !chat?.is_forum;
  setOptions(byId("topic"), options);
}

function setOptions(select, options) {
  const wanted = JSON.stringify(options);
  if (select.dataset.options === wanted) return;
  const chosen = select.value;
  select.dataset.options = wanted;
  select.replaceChildren(...options.map(([value, text]) => element("option", { value, text })));
  if (options.some(([value]) => value === chosen)) select.value = chosen;
}

async function refresh() {
  [state.bots, state.users] = await Promise.all([call("bots"), call("users")]);
  setOptions(byId("bot"), state.bots.map((b) => [b.token, `${b.first_name} (@${b.username})`]));
  setOptions(byId("user"), state.users.map((u) => [String(u.id), nameOf(u)]));
  state.chats = await call("chats", { bot: bot() });
  const chat = renderChats();
  renderHead(chat);
  const thread = Number(byId("topic").value) || null;
  const seen = JSON.stringify([bot(), userId(), state.chat, thread, chat?.changes, chat?.drafts.length]);
  if (seen === state.seen) return;
  state.seen = seen;
  const messages = (await call("messages", { chat_id: state.chat, thread, limit: 300, bot: bot() })).filter((m) => !m.deleted);
  const log = byId("messages");
  const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 80;
  const toEnd = () => { if (atEnd) log.scrollTop = log.scrollHeight; };
  const shown = [...messages.map(renderMessage), ...(chat?.drafts || []).map(renderDraft)];
  log.replaceChildren(...(shown.length ? shown : [element("p", { class: "empty", text: "No messages yet. Say hello." })]));
  toEnd();
  for (const picture of log.querySelectorAll("img")) picture.addEventListener("load", toEnd);
}

async function send(content) {
  const thread = Number(byId("topic").value) || null;
  await call("user_sends", { chat_id: state.chat, user_id: userId(), thread, bot: bot(), ...content });
  byId("messages").scrollTop = byId("messages").scrollHeight;
  await refresh();
}

async function press(message, button) {
  const about = { chat_id: state.chat, message_id: message.message_id, data: button.callback_data, user_id: userId(), bot: bot() };
  const query = await call("press", about);
  const deadline = Date.now() + 10000;
  while (Date.now() < deadline) {
    const answer = await call("callback_answer", { query_id: query, bot: bot() });
    if (answer) { if (answer.text) toast(answer.text); return refresh(); }
    await new Promise((done) => setTimeout(done, 150));
  }
  toast("The bot did not answer the press.");
}

async function react(message, emoji) {
  const had = (message.reactions[String(userId())] || []).some((r) => r.emoji === emoji);
  const about = { chat_id: state.chat, message_id: message.message_id, user_id: userId(), bot: bot() };
  await call("react", { ...about, emoji: had ? null : emoji });
  await refresh();
}

function hint(text) { byId("hint-text").textContent = text; byId("hint").hidden = false; byId("text").focus(); }
function cancelHint() { Object.assign(state, { replyTo: null, editing: null, file: null }); byId("file").value = ""; byId("hint").hidden = true; }
function answerTo(message) { cancelHint(); state.replyTo = message.message_id; hint(`Reply to: ${message.text || message.caption || "a file"}`.slice(0, 120)); }
function startEdit(message) { cancelHint(); state.editing = message.message_id; byId("text").value = message.text || message.caption || ""; hint("Edit your message"); }

async function encode(file) {
  if (file.size > MAX_FILE) throw new Error("The file is larger than 20 MB.");
  const bytes = new Uint8Array(await file.arrayBuffer());
  let binary = "";
  for (let at = 0; at < bytes.length; at += 32768) binary += String.fromCharCode(...bytes.subarray(at, at + 32768));
  return btoa(binary);
}

async function submit() {
  const text = byId("text").value.trim();
  if (!text && !state.file) return;
  if (state.editing) {
    await call("user_edits", { chat_id: state.chat, message_id: state.editing, text, bot: bot() });
  } else {
    const content = { text: text || null, reply_to: state.replyTo };
    if (state.file) {
      const kind = ["image/png", "image/jpeg", "image/gif"].includes(state.file.type) ? "photo" : "document";
      Object.assign(content, { [kind]: await encode(state.file), file_name: state.file.name, mime_type: state.file.type || null });
    }
    await send(content);
  }
  byId("text").value = "";
  cancelHint();
  await refresh();
}

byId("composer").addEventListener("submit", guard(submit));
byId("text").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) guard(submit)(event);
  if (event.key === "Escape") cancelHint();
});
byId("file").addEventListener("change", (event) => {
  state.file = event.target.files[0] || null;
  if (state.file) hint(`File: ${state.file.name}`);
});
byId("hint-cancel").addEventListener("click", cancelHint);
for (const id of ["bot", "user", "topic"]) byId(id).addEventListener("change", guard(() => { state.seen = ""; return refresh(); }));
byId("add-user").addEventListener("submit", guard(async () => {
  const user = await call("add_user", { name: byId("new-user").value.trim() });
  byId("new-user").value = "";
  await refresh();
  byId("user").value = String(user.id);
  await refresh();
}));
byId("add-group").addEventListener("submit", guard(async () => {
  const topics = byId("new-topics").checked;
  const group = await call("add_group", { title: byId("new-group").value.trim(), topics, bot: bot() });
  if (topics) await call("add_topic", { chat_id: group.id, name: "First topic", bot: bot() });
  byId("new-group").value = "";
  state.chat = group.id;
  await refresh();
}));

let failing = false;
async function poll() {
  try { await refresh(); failing = false; } catch (error) {
    if (!failing) toast("The emulator does not answer.");
    failing = true;
  }
  setTimeout(poll, document.hidden ? 3000 : POLL_MS);
}
poll();
