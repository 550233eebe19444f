// The dashboard: figures come over a socket as they change; charts are drawn from the minutes of a range.
import { drawCharts } from "./charts.js";

const figures = document.getElementById("figures");
const stale = document.getElementById("stale");
const ranges = document.getElementById("ranges");
const FIRST_WAIT = 1000;
const LONGEST_WAIT = 30000;
// The server says something every three seconds.
const SILENCE = 15000;

let socket;
let wait = FIRST_WAIT;
let again;
let silence;
let hours = Number(ranges.querySelector("[aria-pressed=true]").dataset.hours);

function open() {
  clearTimeout(again);
  socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/board/socket`);
  socket.addEventListener("open", () => ask());
  socket.addEventListener("message", (event) => take(JSON.parse(event.data)));
  socket.addEventListener("close", (event) => closed(event.code));
  watch();
}

// A connection that is dead without a word (a phone that slept) is given up and opened anew.
function watch() {
  clearTimeout(silence);
  silence = setTimeout(() => { stale.hidden = false; socket.close(); closed(0); }, SILENCE);
}

function closed(code) {
  clearTimeout(silence);
  clearTimeout(again);
  stale.hidden = false;
  if (code === 4401) { location.reload(); return; }
  again = setTimeout(open, document.hidden ? LONGEST_WAIT : wait * (0.5 + Math.random()));
  wait = Math.min(wait * 2, LONGEST_WAIT);
}

function ask() {
  if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify({ hours }));
}

function take(frame) {
  watch();
  wait = FIRST_WAIT;
  stale.hidden = true;
  if (frame.t === "figures") figures.innerHTML = frame.html;
  if (frame.t === "history" && frame.hours === hours) drawCharts(frame);
  if (frame.t === "restart") wait = frame.retry;
}

ranges.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  hours = Number(button.dataset.hours);
  for (const each of ranges.querySelectorAll("button")) each.setAttribute("aria-pressed", String(each === button));
  ask();
});

// Back on the page: do not wait for the next try.
document.addEventListener("visibilitychange", () => {
  if (!document.hidden && socket.readyState > WebSocket.OPEN) open();
});

open();
